import type { FilePosition } from "../model/position.ts";
import type { Value } from "../model/value.ts";

/** A value of a TOML file and where it stands. A table made by a header stands where its first header does. */
export type Node = TextNode | PlainNode | ListNode | TableNode | BrokenNode;

export interface TextNode {
  readonly kind: "text";
  readonly at: FilePosition;
  readonly value: string;
  /** Where each `${…}` and `$${` in it stands, in order, where that is known. */
  readonly marks?: readonly FilePosition[];
  /** The text before its variables were filled in. */
  readonly before?: string;
}
interface PlainNode {
  readonly kind: "plain";
  readonly at: FilePosition;
  readonly value: number | boolean;
}
interface ListNode {
  readonly kind: "list";
  readonly at: FilePosition;
  readonly items: readonly Node[];
}
export interface TableNode {
  readonly kind: "table";
  readonly at: FilePosition;
  readonly entries: ReadonlyMap<string, NodeEntry>;
}
/** A value that has been reported as an error already, so that nothing more is said about it. */
export interface BrokenNode {
  readonly kind: "broken";
  readonly at: FilePosition;
}
export interface NodeEntry {
  /** Where the key stands (first, where it stands more than once). */
  readonly key: FilePosition;
  readonly value: Node;
}

/** The value alone. A broken one is undefined, and is left out of the table or list that it is in. */
export function valueIn(node: Node): Value | undefined {
  switch (node.kind) {
    case "text":
    case "plain":
      return node.value;
    case "list":
      return node.items.flatMap((item) => {
        const value = valueIn(item);
        return value === undefined ? [] : [value];
      });
    case "table":
      return tableOf(node.entries);
    case "broken":
      return undefined;
    default:
      return node satisfies never;
  }
}

export function tableOf(entries: ReadonlyMap<string, NodeEntry>): { readonly [key: string]: Value } {
  const table: Record<string, Value> = {};
  for (const [key, entry] of entries) {
    const value = valueIn(entry.value);
    if (value === undefined) continue;
    // Such a name would set what the table inherits.
    if (key === "__proto__") Object.defineProperty(table, key, { value, enumerable: true, configurable: true });
    else table[key] = value;
  }
  return table;
}

/** True when an error in it has been reported already. */
export function isBroken(node: Node): boolean {
  if (node.kind === "list") return node.items.some(isBroken);
  if (node.kind === "table") return [...node.entries.values()].some((entry) => isBroken(entry.value));
  return node.kind === "broken";
}

/** What stands at `path` within `node`: the deepest entry that is there, and how many steps of the path led to it. */
export function follow(
  node: Node,
  path: readonly (string | number)[],
): { readonly key: FilePosition; readonly value: Node; readonly steps: number } {
  let found: NodeEntry = { key: node.at, value: node };
  let steps = 0;
  for (const step of path) {
    const here: Node = found.value;
    let next: NodeEntry | undefined;
    if (here.kind === "table") next = here.entries.get(String(step));
    else if (here.kind === "list") {
      const item: Node | undefined = here.items[Number(step)];
      next = item && { key: item.at, value: item };
    }
    if (next === undefined) break;
    found = next;
    steps++;
  }
  return { ...found, steps };
}

/** Where everything within a value stands, by `name.key` and `name[0]`. */
export function placesIn(name: string, node: Node): [string, FilePosition][] {
  const inner = (): [string, FilePosition][] => {
    if (node.kind === "list") return node.items.flatMap((item, i) => placesIn(`${name}[${i}]`, item));
    if (node.kind === "table")
      return [...node.entries].flatMap(([key, entry]) => placesIn(`${name}.${key}`, entry.value));
    return [];
  };
  return [[name, node.at], ...inner()];
}

export const EMPTY: ReadonlyMap<string, NodeEntry> = new Map();
