import { Failure } from "../failure.ts";
import { type Recorded, STATE_VERSION, type State } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import { brokenAt, locate } from "./locate.ts";
import { isState, stateFault } from "./rows.ts";
import type { Storage } from "./storage.ts";

/** A document of version N as one of N + 1, by N. It is given what was read and answers a new value, or throws when it cannot. */
type Upgrades = Readonly<Record<number, (document: Readonly<Record<string, unknown>>) => unknown>>;
/** No version before the first one was ever written. */
const UPGRADES: Upgrades = {};

type Where = Pick<Storage, "where" | "backup">;

/** The state that a document holds, brought to this version. @throws Failure state.broken, state.newer */
export function parseState(text: string, at: Where): State {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken("the state is not JSON", at, brokenAt(text), error);
  }
  refuseMoved(value, at);
  const current = upgrade(value, at);
  if (isState(current)) return current;
  const fault = stateFault(current);
  const path = fault?.path ?? [];
  const what = `the state is broken: ${path.length > 0 ? `${showPath(path)}: ` : ""}${fault?.message}`;
  // Of a document that was upgraded the path is that of the new one: only what it shares with the old one is found.
  throw broken(what, at, locate(text, path));
}

/**
 * A document of any version that this program knows, as one of version `to`.
 * @throws Failure state.newer for a later one; state.broken when it says no version, or cannot be upgraded
 */
export function upgrade(value: unknown, at: Where, upgrades: Upgrades = UPGRADES, to: number = STATE_VERSION): unknown {
  const version = isTable(value) ? value["version"] : undefined;
  if (!isTable(value) || typeof version !== "number" || !Number.isSafeInteger(version))
    throw broken("the state has no version", at);
  if (version > to) throw newer("the state", version, at.where, to);
  let current: unknown = value;
  for (let from = version; from < to; from++) {
    const step = upgrades[from];
    if (step === undefined || !isTable(current)) throw broken(`the state has the unknown version ${version}`, at);
    try {
      current = step(current);
    } catch (error) {
      throw broken(`the state of version ${version} cannot be upgraded`, at, undefined, error);
    }
  }
  return current;
}

/** What `state migrate` leaves where a state was, and what is there before it has come. */
function refuseMoved(value: unknown, { where }: Where): void {
  const [moved, from] = isTable(value) ? [value["moved"], value["arriving"]] : [];
  if (typeof moved === "string")
    throw new Failure("state.moved", `the state in ${where} has moved to ${moved}`, {
      hint: `write state = ${JSON.stringify(moved)} in [settings]`,
    });
  if (typeof from === "string")
    throw new Failure("state.moved", `a move of the state from ${from} to ${where} was interrupted`, {
      hint: `complete it from the old location: images state migrate ${where} --state ${from}`,
    });
}

export const newer = (what: string, version: number, where: string, known: number = STATE_VERSION): Failure =>
  new Failure(
    "state.newer",
    `${what} in ${where} has version ${version}, and this program supports versions up to ${known}`,
    {
      hint: "use the version of images that wrote it, or a later one",
    },
  );

export function broken(
  message: string,
  { where, backup }: Where,
  spot?: { line: number; column: number },
  cause?: unknown,
) {
  return new Failure("state.broken", `${message} (${where})`, {
    cause,
    at: spot === undefined ? undefined : { file: where, ...spot },
    hint:
      backup === undefined
        ? "nothing was written; restore a previous version"
        : `nothing was written; the previous state is in ${backup}: compare it, and copy it over the broken one`,
  });
}

const showPath = (path: readonly (string | number)[]): string =>
  path
    .map((part) =>
      typeof part === "number" ? `[${part}]` : /^\w+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`,
    )
    .join("")
    .replace(/^\./, "");

/** The document of a state: rows in the order of their addresses, so that two of them can be compared by eye. */
export const showState = (state: State): string =>
  `${JSON.stringify({ version: state.version, lineage: state.lineage, serial: state.serial, images: sorted(state.images) }, undefined, 2)}\n`;

const sorted = (images: State["images"]): Readonly<Record<string, Recorded>> =>
  Object.fromEntries(Object.entries(images).sort(([a], [b]) => (a < b ? -1 : 1)));
