import { Failure, type Problem } from "../failure.ts";
import { meant } from "../model/check.ts";
import type { Moved } from "../model/declaration.ts";
import { type Address, address, backendName, backendOf, imageOf, isName, parseAddress } from "../model/name.ts";
import type { Recorded, State } from "../model/state.ts";
import { rowsOf } from "./changes.ts";

// What the commands do to a state, as values; Store.putAll(changesBetween(before, after)) makes it so.

/** The addresses that one of the globs fits, sorted; all of them without globs. A glob without a slash means whole backends. */
export function stateList(state: State, globs: readonly string[] = []): readonly Address[] {
  const all = rowsOf(state.images)
    .map(([at]) => at)
    .sort();
  const patterns = globs.map((glob) => new Bun.Glob(glob.includes("/") ? glob : `${glob}/*`));
  return globs.length === 0 ? all : all.filter((at) => patterns.some((pattern) => pattern.match(at)));
}

/** @throws Failure state.address when a glob fits nothing */
export function stateRemove(
  state: State,
  globs: readonly string[],
): { readonly state: State; readonly removed: readonly Address[] } {
  for (const glob of globs) {
    if (stateList(state, [glob]).length === 0) throw absent(state, glob);
  }
  const removed = globs.length === 0 ? [] : stateList(state, globs);
  return {
    state: withRows(
      state,
      rowsOf(state.images).filter(([at]) => !removed.includes(at)),
    ),
    removed,
  };
}

/** Renames an address, or a whole backend when neither name has a slash. @throws Failure state.address, cli.usage */
export function stateMove(
  state: State,
  from: string,
  to: string,
): { readonly state: State; readonly renamed: ReadonlyMap<Address, Address> } {
  const whole = !from.includes("/") && !to.includes("/");
  const source = whole ? undefined : parseAddress(from);
  const target = whole ? undefined : parseAddress(to);
  const bad = whole
    ? [from, to].find((name) => !isName(name))
    : source === undefined
      ? from
      : target === undefined
        ? to
        : undefined;
  if (bad !== undefined)
    throw new Failure("cli.usage", `invalid address ${JSON.stringify(bad)}`, {
      hint: "write two addresses (lab/debian prod/debian), or the names of two backends (lab prod)",
    });
  const renamed = new Map<Address, Address>();
  for (const [at] of rowsOf(state.images)) {
    if (whole && backendOf(at) === from) renamed.set(address(backendName(to), imageOf(at)), at);
    if (at === source && target !== undefined) renamed.set(target, at);
  }
  if (renamed.size === 0) throw absent(state, from);
  const taken = [...renamed.keys()].find((at) => Object.hasOwn(state.images, at));
  if (taken !== undefined)
    throw new Failure("state.address", `the state already has ${taken}`, {
      hint: from === to ? undefined : `remove it with: images state rm ${taken}`,
    });
  return { state: withRenamed(state, renamed), renamed };
}

/**
 * The state as `[[moved]]` wants it: `renamed` tells for each new address the former one. Chains are followed (a to b, b to c). What
 * is not in the state has nothing to move. What cannot be moved is reported, and stays.
 */
export function applyMoved(
  state: State,
  moved: readonly Moved[],
): { readonly state: State; readonly renamed: ReadonlyMap<Address, Address>; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const say = ({ at }: Moved, message: string, hint: string) =>
    problems.push({ code: "config.moved", message, hint, at });
  const next = new Map<Address, Moved>();
  for (const entry of moved) {
    const before = next.get(entry.from);
    if (before !== undefined && before.to !== entry.to)
      say(entry, `${entry.from} is moved to ${before.to} and to ${entry.to}`, "keep one of the two");
    else next.set(entry.from, entry);
  }
  const from = new Map<Address, { readonly at: Address; readonly by: Moved }[]>();
  for (const [at] of next.size === 0 ? [] : rowsOf(state.images)) {
    const first = next.get(at);
    if (first === undefined) continue;
    const end = endOf(first, next);
    if (end === undefined)
      say(first, `moving ${at} leads back to itself`, "[[moved]] must name an address that no longer exists");
    else from.set(end, [...(from.get(end) ?? []), { at, by: first }]);
  }
  const renamed = new Map<Address, Address>();
  for (const [to, sources] of from) {
    const [one, other] = sources;
    if (one === undefined) continue;
    if (Object.hasOwn(state.images, to))
      say(
        one.by,
        `${one.at} cannot become ${to}: the state already has it`,
        `remove one of them: images state rm ADDRESS`,
      );
    else if (other !== undefined)
      say(other.by, `${one.at} and ${other.at} would both become ${to}`, "move each to a different address");
    else renamed.set(to, one.at);
  }
  return { state: withRenamed(state, renamed), renamed, problems };
}

/** Where a chain of moves ends; undefined when it does not. */
function endOf(first: Moved, next: ReadonlyMap<Address, Moved>): Address | undefined {
  const seen = new Set<Address>([first.from]);
  for (let at = first.to; ; ) {
    if (seen.has(at)) return undefined;
    seen.add(at);
    const further = next.get(at);
    if (further === undefined) return at;
    at = further.to;
  }
}

/** `renamed`: for each new address the former one. */
function withRenamed(state: State, renamed: ReadonlyMap<Address, Address>): State {
  if (renamed.size === 0) return state;
  const to = new Map([...renamed].map(([after, before]) => [before, after]));
  return withRows(
    state,
    rowsOf(state.images).map(([at, row]): [Address, Recorded] => {
      const after = to.get(at) ?? at;
      return [after, after === at ? row : { ...row, backend: backendOf(after) }];
    }),
  );
}

const withRows = (state: State, rows: readonly (readonly [Address, Recorded])[]): State => ({
  ...state,
  images: Object.fromEntries(rows),
});

const absent = (state: State, written: string): Failure =>
  new Failure("state.address", `the state has no ${written}`, meant(written, stateList(state)));
