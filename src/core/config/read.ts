import { parse } from "toml";
import { Failure } from "../failure.ts";
import type { FilePosition } from "../model/position.ts";
import { Lines } from "./lines.ts";
import { textNode } from "./marks.ts";
import type { Node, NodeEntry, TableNode } from "./node.ts";
import { readPlain } from "./plain-toml.ts";
import { type Item, type Key, type Pair, type ScannedPart, type ScannedValue, scanned, Unscannable } from "./scan.ts";
import { syntaxFailure } from "./syntax.ts";

/**
 * A TOML document with the place of every key and value. Dates are text, as written where they have a time zone.
 * @throws Failure config.syntax
 */
export function readToml(source: string, file: string): TableNode {
  const text = source.replace(/^\ufeff/, "");
  const lines = new Lines(text, file);
  return readPlain(text, lines) ?? readWhole(text, lines);
}

/** The `toml` package tells what the values are; the scanner tells where they stand; the two are compared at every step. */
export function readWhole(text: string, lines: Lines): TableNode {
  let values: unknown;
  try {
    values = parse(text, { maxDepth: DEPTH });
  } catch (thrown) {
    throw syntaxFailure(thrown, text, lines);
  }
  try {
    return new Builder(text, lines).build(scanned(text), values);
  } catch (thrown) {
    if (!(thrown instanceof Unscannable)) throw thrown;
    throw new Failure("config.syntax", "invalid TOML", { at: lines.place(thrown.offset, thrown.offset + 1) });
  }
}

/** Tables and lists within each other, and parts of a key: far more than anyone writes, and few enough to be walked by recursion. */
const DEPTH = 50;

/** A table while it is filled; `values` is the same table as the parser gave it. */
interface Growing {
  readonly kind: "growing";
  at: FilePosition;
  readonly entries: Map<string, { key: FilePosition; value: Growing | GrowingList | Node }>;
  readonly values: object;
}
interface GrowingList {
  readonly kind: "growing-list";
  readonly at: FilePosition;
  readonly items: Growing[];
  readonly values: readonly unknown[];
}

class Builder {
  readonly #text: string;
  readonly #lines: Lines;

  constructor(text: string, lines: Lines) {
    this.#text = text;
    this.#lines = lines;
  }

  build(items: Iterable<Item>, values: unknown): TableNode {
    const root = this.#table(values, this.#lines.place(0, 0), 0);
    let current = root;
    for (const item of items) {
      if (item.kind === "header") current = this.#open(root, item.key, item, item.many);
      if (item.kind === "pair") this.#pair(current, item);
    }
    return this.#done(root);
  }

  #table(values: unknown, at: FilePosition, offset: number): Growing {
    if (typeof values !== "object" || values === null || Array.isArray(values)) throw new Unscannable(offset);
    return { kind: "growing", at, entries: new Map(), values };
  }

  /** The table that a header opens. */
  #open(root: Growing, key: Key, span: { readonly start: number; readonly end: number }, many: boolean): Growing {
    const at = this.#lines.place(span.start, span.end);
    const last = key.parts.at(-1);
    if (last === undefined) throw new Unscannable(span.start);
    const parent = this.#descend(root, key.parts.slice(0, -1));
    const known = parent.entries.get(last.text)?.value;
    if (!many) {
      if (known?.kind === "growing") {
        known.at = at;
        return known;
      }
      return this.#add(parent, last, this.#table(Reflect.get(parent.values, last.text), at, span.start));
    }
    let list = known;
    if (list?.kind !== "growing-list") {
      const values: unknown = Reflect.get(parent.values, last.text);
      if (!Array.isArray(values)) throw new Unscannable(span.start);
      list = this.#add(parent, last, { kind: "growing-list", at, items: [], values });
    }
    const table = this.#table(list.values[list.items.length], at, span.start);
    list.items.push(table);
    return table;
  }

  /** Follows the parts of a key down, making the tables that it implies. */
  #descend(from: Growing, parts: readonly ScannedPart[]): Growing {
    let table = from;
    const far = parts[DEPTH];
    if (far !== undefined)
      throw new Failure("config.syntax", "a key has too many parts", { at: this.#lines.place(far.start, far.end) });
    for (const part of parts) {
      const known = table.entries.get(part.text)?.value;
      const next = known?.kind === "growing-list" ? known.items.at(-1) : known;
      if (next === undefined) {
        const values: unknown = Reflect.get(table.values, part.text);
        table = this.#add(table, part, this.#table(values, this.#lines.place(part.start, part.end), part.start));
      } else if (next.kind === "growing") table = next;
      else throw new Unscannable(part.start);
    }
    return table;
  }

  #add<T extends Growing | GrowingList | Node>(table: Growing, part: ScannedPart, value: T): T {
    if (table.entries.has(part.text)) throw new Unscannable(part.start);
    table.entries.set(part.text, { key: this.#lines.place(part.start, part.end), value });
    return value;
  }

  #pair(table: Growing, { key, value }: Pair): void {
    const last = key.parts.at(-1);
    if (last === undefined) throw new Unscannable(key.start);
    const parent = this.#descend(table, key.parts.slice(0, -1));
    this.#add(parent, last, this.#value(value, Reflect.get(parent.values, last.text)));
  }

  #value(written: ScannedValue, value: unknown): Node {
    const at = this.#lines.place(written.start, written.end);
    if (written.kind === "list") {
      const items = written.items.filter((item): item is ScannedValue => item.kind !== "comment");
      if (!Array.isArray(value) || value.length !== items.length) throw new Unscannable(written.start);
      return { kind: "list", at, items: items.map((item, i) => this.#value(item, value[i])) };
    }
    if (written.kind === "table") {
      const table = this.#table(value, at, written.start);
      for (const item of written.items) if (item.kind === "pair") this.#pair(table, item);
      return this.#done(table);
    }
    if (value instanceof Date) return { kind: "text", at, value: this.#text.slice(written.start, written.end) };
    if (typeof value === "string") {
      const raw = () => this.#text.slice(written.start, written.end);
      return textNode(value, at, raw, written.start, this.#lines);
    }
    if (typeof value === "number" || typeof value === "boolean") return { kind: "plain", at, value };
    throw new Unscannable(written.start);
  }

  /** The table with all that it holds, once it is known that the parser saw as much. */
  #done(table: Growing): TableNode {
    if (table.entries.size !== Object.keys(table.values).length) throw new Unscannable(0);
    const entries = new Map<string, NodeEntry>();
    for (const [key, { key: at, value }] of table.entries) {
      if (value.kind === "growing") entries.set(key, { key: at, value: this.#done(value) });
      else if (value.kind !== "growing-list") entries.set(key, { key: at, value });
      else {
        if (value.items.length !== value.values.length) throw new Unscannable(0);
        const items = value.items.map((item) => this.#done(item));
        entries.set(key, { key: at, value: { kind: "list", at: value.at, items } });
      }
    }
    return { kind: "table", at: table.at, entries };
  }
}
