import type { StatePlace } from "../model/declaration.ts";
import type { TableNode } from "./node.ts";
import { absolute, isUrl, tellPassword, type World } from "./world.ts";

interface Written {
  readonly state: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Where `[settings]` keeps the state; what is wrong with it is told at its place. */
export function statePlace(
  { state, username, password }: Written,
  table: TableNode | undefined,
  world: World,
): StatePlace {
  const { problems } = world;
  const at = table?.entries.get("state")?.value.at;
  if (!isUrl(state)) {
    for (const key of ["state_username", "state_password"]) {
      const found = table?.entries.get(key)?.value.at;
      if (found === undefined) continue;
      problems.error("config.value", `${key} is for a state at a URL, and this one is a file`, { at: found });
    }
    return { state: absolute(world, state) };
  }
  const isTold = at !== undefined && tellPassword(state, at, "state", world, 'state_password = "env:NAME"');
  if (at !== undefined && !isTold && !isAddress(state))
    problems.error("config.value", `state: ${NOT_HTTP}`, {
      at,
      hint: "as in https://host/path, or the path of a file",
    });
  return {
    state,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

export const NOT_HTTP =
  "a state at a URL is kept by an http:// or https:// server of terraform's HTTP backend protocol";

/** Whether a state can be there. */
export const isAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
