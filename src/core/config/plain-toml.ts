import { parse } from "toml";
import type { FilePosition } from "../model/position.ts";
import type { Lines } from "./lines.ts";
import { textNode } from "./marks.ts";
import type { Node, TableNode, TextNode } from "./node.ts";
import { BASIC, Cursor, DEPTH, LITERAL, Unsure } from "./plain-cursor.ts";
import { type ScannedPart, stringEnd, Unscannable } from "./scan.ts";

// TOML as nearly everyone writes it, read in one go: values with their places. It takes less than what is TOML, and nothing else: on meeting
// anything that it is not sure of it gives up, and the whole is read by the `toml` package, which also says what is wrong with it.

/** How a table came to be: what may be added to it depends on that. */
type Made = "implied" | "header" | "dotted" | "inline";
interface OpenTable {
  readonly kind: "table";
  at: FilePosition;
  made: Made;
  readonly entries: Map<string, { readonly key: FilePosition; readonly value: Open }>;
}
interface OpenList {
  readonly kind: "list";
  readonly at: FilePosition;
  /** Of `[[headers]]`. */
  readonly many: boolean;
  readonly items: Open[];
}
type Open = OpenTable | OpenList | Exclude<Node, { kind: "table" | "list" | "broken" }>;

/** The document; undefined when it has something in it that is not sure to be right. */
export function readPlain(text: string, lines: Lines): TableNode | undefined {
  try {
    return new Reader(text, lines).document();
  } catch (thrown) {
    if (thrown instanceof Unsure || thrown instanceof Unscannable) return undefined;
    throw thrown;
  }
}

const INTEGER = /(?:0|[+-]?[1-9][0-9]{0,14})(?![\w.:+-])/y;
const OTHER = /[^,\]}#\r\n]+/y;

class Reader extends Cursor {
  readonly #lines: Lines;

  constructor(text: string, lines: Lines) {
    super(text);
    this.#lines = lines;
  }

  document(): TableNode {
    const root = tableAt(this.#lines.place(0, 0), "header");
    let current = root;
    for (;;) {
      this.blank();
      if (this.at >= this.text.length) return root;
      if (this.text[this.at] === "[") current = this.#header(root);
      else this.#pair(current, 0);
      this.endLine();
    }
  }

  #header(root: OpenTable): OpenTable {
    const start = this.at;
    const close = this.text[start + 1] === "[" ? "]]" : "]";
    this.at += close.length;
    const key = this.key();
    this.expect(close);
    const at = this.#lines.place(start, this.at);
    const last = key.pop();
    if (last === undefined) throw new Unsure();
    let parent = root;
    for (const part of key) parent = this.#implied(parent, part);
    const known = parent.entries.get(last.text)?.value;
    if (close === "]]") return this.#item(parent, last, known, at);
    if (known === undefined) return this.#add(parent, last, tableAt(at, "header"));
    if (known.kind !== "table" || known.made !== "implied") throw new Unsure();
    known.at = at;
    known.made = "header";
    return known;
  }

  #item(parent: OpenTable, part: ScannedPart, known: Open | undefined, at: FilePosition): OpenTable {
    const list: Open = known ?? this.#add(parent, part, { kind: "list", at, many: true, items: [] });
    if (list.kind !== "list" || !list.many) throw new Unsure();
    const table = tableAt(at, "header");
    list.items.push(table);
    return table;
  }

  /** The table that a header goes through. */
  #implied(parent: OpenTable, part: ScannedPart): OpenTable {
    const known = parent.entries.get(part.text)?.value;
    if (known === undefined) {
      const at = this.#lines.place(part.start, part.end);
      return this.#add(parent, part, tableAt(at, "implied"), at);
    }
    const table = known.kind === "list" && known.many ? known.items.at(-1) : known;
    if (table?.kind !== "table" || table.made === "dotted" || table.made === "inline") throw new Unsure();
    return table;
  }

  #pair(table: OpenTable, depth: number): void {
    const key = this.key();
    this.expect("=");
    this.spaces();
    const last = key.pop();
    if (last === undefined || depth + key.length > DEPTH) throw new Unsure();
    let parent = table;
    for (const part of key) {
      const known = parent.entries.get(part.text)?.value;
      if (known === undefined) {
        const at = this.#lines.place(part.start, part.end);
        parent = this.#add(parent, part, tableAt(at, "dotted"), at);
      } else if (known.kind === "table" && known.made === "dotted") parent = known;
      else throw new Unsure();
    }
    const at = this.#lines.place(last.start, last.end);
    this.#add(parent, last, this.#value(depth), at);
  }

  #add<T extends Open>(
    { entries }: OpenTable,
    { text, start, end }: ScannedPart,
    value: T,
    key: FilePosition = this.#lines.place(start, end),
  ): T {
    if (text === "__proto__" || entries.has(text)) throw new Unsure();
    entries.set(text, { key, value });
    return value;
  }

  #value(depth: number): Open {
    if (depth > DEPTH) throw new Unsure();
    const start = this.at;
    switch (this.text[start]) {
      case '"':
      case "'":
        return this.#string(start);
      case "[":
        return this.#list(start, depth);
      case "{":
        return this.#inline(start, depth);
      case "t":
      case "f":
        for (const value of [true, false])
          if (this.text.startsWith(String(value), start)) {
            this.at += String(value).length;
            return { kind: "plain", at: this.#lines.place(start, this.at), value };
          }
    }
    INTEGER.lastIndex = start;
    if (!INTEGER.test(this.text)) return this.#byPackage(this.end(OTHER));
    this.at = INTEGER.lastIndex;
    return { kind: "plain", at: this.#place(start), value: Number(this.text.slice(start, this.at)) };
  }

  #string(start: number): Open {
    const quote = this.text.charAt(start);
    const pattern = quote === '"' ? BASIC : LITERAL;
    pattern.lastIndex = start;
    if (this.text.startsWith(quote.repeat(3), start) || !pattern.test(this.text))
      return this.#byPackage(stringEnd(this.text, start));
    this.at = pattern.lastIndex;
    return this.#textNode(start, this.text.slice(start + 1, this.at - 1));
  }

  #textNode(start: number, value: string): TextNode {
    const end = this.at;
    return textNode(value, this.#place(start), () => this.text.slice(start, end), start, this.#lines);
  }

  /** A value that ends at `end`, as the `toml` package reads it. */
  #byPackage(end: number): Open {
    const start = this.at;
    const written = this.text.slice(start, end).trimEnd();
    this.at = start + written.length;
    const value = valueByPackage(written);
    if (value instanceof Date) return { kind: "text", at: this.#place(start), value: written };
    if (typeof value === "string") return this.#textNode(start, value);
    if (typeof value === "number" || typeof value === "boolean")
      return { kind: "plain", at: this.#place(start), value };
    throw new Unsure();
  }

  #list(start: number, depth: number): OpenList {
    const items: Open[] = [];
    this.at++;
    for (;;) {
      this.blank();
      if (this.text[this.at] === "]") break;
      items.push(this.#value(depth + 1));
      this.blank();
      if (this.text[this.at] === "]") break;
      this.expect(",");
    }
    this.at++;
    return { kind: "list", at: this.#place(start), many: false, items };
  }

  #inline(start: number, depth: number): OpenTable {
    const table = tableAt(this.#lines.place(start, start + 1), "inline");
    this.at++;
    this.spaces();
    for (let isMore = this.text[this.at] !== "}"; isMore; ) {
      this.#pair(table, depth + 1);
      this.spaces();
      isMore = this.text[this.at] !== "}";
      if (isMore) this.expect(",");
    }
    this.at++;
    table.at = this.#place(start);
    return table;
  }

  #place = (start: number): FilePosition => this.#lines.place(start, this.at);
}

const tableAt = (at: FilePosition, made: Made): OpenTable => ({ kind: "table", at, made, entries: new Map() });

/** One value by itself, as the `toml` package reads it. */
function valueByPackage(written: string): unknown {
  try {
    const table: unknown = parse(`v=${written}`);
    return typeof table === "object" && table !== null ? Reflect.get(table, "v") : undefined;
  } catch {
    throw new Unsure();
  }
}
