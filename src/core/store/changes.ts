import type { Address } from "../model/name.ts";
import { parseAddress } from "../model/name.ts";
import type { Recorded, State } from "../model/state.ts";
import { canonical } from "../model/value.ts";

/** Rows as they are to be; undefined: none. */
export type Changes = ReadonlyMap<Address, Recorded | undefined>;
type Images = State["images"];

/** Every row with its address, in no order. */
export function rowsOf(images: Images): [Address, Recorded][] {
  return Object.entries(images).flatMap(([key, row]): [Address, Recorded][] => {
    const at = parseAddress(key);
    return at === undefined ? [] : [[at, row]];
  });
}

export function withChanges(images: Images, changes: Changes): Images {
  const rows = new Map<Address, Recorded>(rowsOf(images));
  for (const [at, row] of changes) {
    if (row === undefined) rows.delete(at);
    else rows.set(at, row);
  }
  return Object.fromEntries(rows);
}

/** What leads from one state to another: for Store.putAll. */
export function changesBetween(before: Images, after: Images): Changes {
  const gone = rowsOf(before).flatMap(([at]): [Address, undefined][] =>
    Object.hasOwn(after, at) ? [] : [[at, undefined]],
  );
  return new Map([...gone, ...rowsOf(after).filter(([at, row]) => !isSameRow(before[at], row))]);
}

export const isSameRow = (a: Recorded | undefined, b: Recorded | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && canonical(a) === canonical(b));
