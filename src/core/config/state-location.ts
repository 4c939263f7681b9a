import { Failure } from "../failure.ts";
import type { HttpLock, StateLocation } from "../model/declaration.ts";
import { parsePostgres } from "../store/postgres/location.ts";
import { parseS3 } from "../store/s3/location.ts";
import { absolute, type CheckContext, isUrl, reportPassword } from "./context.ts";
import type { TableNode } from "./node.ts";

/** What a state is kept by. */
type StateKind = "file" | "http" | "s3" | "postgres";

/** The settings of a state, as they are written. */
interface Written {
  readonly state: string;
  readonly state_username?: string | undefined;
  readonly state_password?: string | undefined;
  readonly state_lock?: boolean | undefined;
  readonly state_lock_address?: string | undefined;
  readonly state_lock_method?: string | undefined;
  readonly state_unlock_address?: string | undefined;
  readonly state_unlock_method?: string | undefined;
  readonly state_update_method?: string | undefined;
}

const LOGIN = ["state_username", "state_password"];
const HTTP = [
  "state_lock",
  "state_lock_address",
  "state_lock_method",
  "state_unlock_address",
  "state_unlock_method",
  "state_update_method",
];
/** The settings that a kind of state has no use for. */
const STRANGE: Readonly<Record<StateKind, readonly string[]>> = {
  file: [...LOGIN, ...HTTP],
  s3: [...LOGIN, ...HTTP],
  postgres: HTTP,
  http: [],
};
const NAMES: Readonly<Record<StateKind, string>> = {
  file: "this one is a file",
  s3: "this one is in S3, whose credentials come from AWS_* variables, profiles or the instance",
  postgres: "this one is in PostgreSQL",
  http: "",
};

/** Where `[settings]` keeps the state; what is wrong with it is reported at its place. */
export function stateLocation(written: Written, table: TableNode | undefined, context: CheckContext): StateLocation {
  const { state } = written;
  const { problems } = context;
  const at = table?.entries.get("state")?.value.at;
  const kind = kindOf(state);
  for (const key of kind === undefined ? [] : STRANGE[kind]) {
    const found = table?.entries.get(key)?.value.at;
    if (found === undefined || kind === undefined) continue;
    const meant = LOGIN.includes(key) ? "a state at a URL" : "a state over HTTP";
    problems.error("config.value", `${key} is for ${meant}, and ${NAMES[kind]}`, { at: found });
  }
  if (kind === "file") return { state: absolute(context, state) };
  const isTold = at !== undefined && reportPassword(state, at, "state", context, 'state_password = "env:NAME"');
  const fault = isTold ? undefined : faultOf(state);
  if (at !== undefined && fault !== undefined)
    problems.error(fault.code, fault.message, { at, ...(fault.hint === undefined ? {} : { hint: fault.hint }) });
  const { state_username: username, state_password: password } = written;
  const http = httpOf(written);
  return {
    state,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(Object.keys(http).length === 0 ? {} : { http }),
  };
}

function httpOf(written: Written): HttpLock {
  const given = {
    lock: written.state_lock,
    lockAddress: written.state_lock_address,
    lockMethod: written.state_lock_method,
    unlockAddress: written.state_unlock_address,
    unlockMethod: written.state_unlock_method,
    updateMethod: written.state_update_method,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** What keeps a state at that place; undefined: nothing that is known. */
export function kindOf(state: string): StateKind | undefined {
  if (!isUrl(state)) return "file";
  if (/^s3:/i.test(state)) return "s3";
  if (/^postgres(ql)?:/i.test(state)) return "postgres";
  return URL.canParse(state) && /^https?:$/.test(new URL(state).protocol) ? "http" : undefined;
}

/** What is wrong with the URL of a state. */
export function faultOf(state: string): Failure | undefined {
  try {
    switch (kindOf(state)) {
      case "s3":
        parseS3(state);
        return undefined;
      case "postgres":
        parsePostgres(state);
        return undefined;
      case undefined:
        return new Failure("config.value", "state: expected a path or an http://, https://, s3:// or postgres:// URL", {
          hint: "for example https://host/path, s3://bucket/key, postgres://host/database?name=prod, or a path",
        });
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
