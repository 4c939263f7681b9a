import type { Account } from "./access.ts";
import { requestOf } from "./description.ts";
import type { World } from "./world.ts";

export interface Call {
  readonly world: World;
  readonly account: Account;
}

/** One action of the API: takes a parsed body, gives the answer without its ResponseContext; throws Refused. */
export type Action = (call: Call, body: unknown) => Promise<object>;

interface Dry {
  readonly DryRun?: boolean;
}

/** An action whose body is checked against the description first; a dry run ends there. */
export function action<T>(
  name: string,
  run: (call: Call, body: T) => object | Promise<object>,
): Readonly<Record<string, Action>> {
  const check = requestOf<T & Dry>(name);
  return {
    [name]: async (call, raw) => {
      const body = check(raw);
      return body.DryRun === true ? {} : await run(call, body);
    },
  };
}
