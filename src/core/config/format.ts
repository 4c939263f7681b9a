import { readToml } from "./read.ts";
import { type Comment, type Item, type Key, type Pair, type ScannedValue, scan } from "./scan.ts";

const WIDTH = 100;
const INDENT = "  ";
const FLAT = Number.NEGATIVE_INFINITY;

type Holder = Extract<ScannedValue, { readonly items: unknown }>;
const hasItems = (value: ScannedValue): value is Holder => "items" in value;

/**
 * A TOML document in its canonical form: `key = value`, one blank line before a table, lists on one line where they fit, comments behind
 * lines in one column. Comments, order, values and their spelling stay as they are; a document in this form is not changed.
 * @throws Failure config.syntax
 */
export function formatToml(source: string, file = "images.toml"): string {
  const text = source.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  readToml(text, file);
  const lines = new Formatter(text).document(scan(text));
  const formatted = lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  return /^[^\n]*\r\n/.test(source) ? formatted.replaceAll("\n", "\r\n") : formatted;
}

/** One item of the document with the comment behind it. */
interface Row {
  readonly kind: Item["kind"];
  readonly text: string;
  /** The path of a header. */
  readonly path: string | undefined;
  comment: string | undefined;
  /** A blank line stands before it. */
  blank: boolean;
}

class Formatter {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  document(items: readonly Item[]): string[] {
    const rows: Row[] = [];
    let end = 0;
    for (const item of items) {
      const breaks = this.#breaks(end, item.start);
      const last = rows.at(-1);
      end = item.end;
      if (item.kind === "comment" && breaks === 0 && last !== undefined) last.comment = this.#comment(item);
      else rows.push(this.#row(item, breaks > 1 && last !== undefined));
    }
    return lay(spaced(rows));
  }

  #row(item: Item, blank: boolean): Row {
    const { kind } = item;
    const row = { kind, blank, comment: undefined, path: undefined };
    if (item.kind === "comment") return { ...row, text: this.#comment(item) };
    if (item.kind === "pair") return { ...row, text: this.#pair(item, "", 0) };
    const path = this.#key(item.key);
    return { ...row, path, text: item.many ? `[[${path}]]` : `[${path}]` };
  }

  #comment({ start, end }: Comment): string {
    return this.#text.slice(start, end).trimEnd();
  }

  #key({ parts }: Key): string {
    return parts.map(({ start, end }) => this.#text.slice(start, end)).join(".");
  }

  /** `column`: where it begins; FLAT where nothing may be broken for its length. */
  #pair({ key, value }: Pair, indent: string, column: number): string {
    const before = `${this.#key(key)} = `;
    return before + this.#value(value, indent, column + Bun.stringWidth(before));
  }

  #value(value: ScannedValue, indent: string, column: number): string {
    if (!hasItems(value)) return this.#text.slice(value.start, value.end);
    const list = value.kind === "list";
    if (value.items.length === 0) return list ? "[]" : "{}";
    if (this.#isSpread(value)) return this.#spread(value, indent);
    const items = value.items.map((item) => this.#item(item, indent, FLAT)).join(", ");
    const flat = list ? `[${items}]` : `{ ${items} }`;
    return list && column + Bun.stringWidth(flat) > WIDTH ? this.#spread(value, indent) : flat;
  }

  #item(item: ScannedValue | Pair | Comment, indent: string, column: number): string {
    if (item.kind === "comment") return this.#comment(item);
    return item.kind === "pair" ? this.#pair(item, indent, column) : this.#value(item, indent, column);
  }

  /** Whether its author has given each item a line of its own, or a comment makes that needful. */
  #isSpread(value: ScannedValue): boolean {
    if (!hasItems(value)) return false;
    const [first] = value.items;
    if (first !== undefined && this.#breaks(value.start, first.start) > 0) return true;
    return value.items.some(
      (item) => item.kind === "comment" || this.#isSpread(item.kind === "pair" ? item.value : item),
    );
  }

  #spread(value: Holder, indent: string): string {
    const inner = indent + INDENT;
    const lines: string[] = [];
    let end = value.start;
    for (const [i, item] of value.items.entries()) {
      const breaks = this.#breaks(end, item.start);
      end = item.end;
      if (breaks > 1 && i > 0) lines.push("");
      if (item.kind !== "comment") lines.push(`${inner}${this.#item(item, inner, inner.length)},`);
      else if (breaks === 0 && i > 0) lines.push(`${lines.pop() ?? ""} ${this.#comment(item)}`);
      else lines.push(inner + this.#comment(item));
    }
    return value.kind === "list" ? `[\n${lines.join("\n")}\n${indent}]` : `{\n${lines.join("\n")}\n${indent}}`;
  }

  #breaks(from: number, to: number): number {
    let count = 0;
    for (let at = this.#text.indexOf("\n", from); at >= 0 && at < to; at = this.#text.indexOf("\n", at + 1)) count++;
    return count;
  }
}

/**
 * A blank line before each table, and before the comments that belong to it; none right after its header. Whether one stands before a
 * table within the one before it is left to the author.
 */
function spaced(rows: Row[]): readonly Row[] {
  let outer: string | undefined;
  for (const [i, row] of rows.entries()) if (rows[i - 1]?.kind === "header" && row.kind !== "header") row.blank = false;
  for (const [i, row] of rows.entries()) {
    if (row.kind !== "header") continue;
    let first = i;
    while (rows[first - 1]?.kind === "comment" && rows[first]?.blank === false) first--;
    const top = rows[first];
    const within = outer !== undefined && row.path?.startsWith(`${outer}.`) === true;
    if (top !== undefined && first > 0 && !within) top.blank = true;
    if (!within) outer = row.path;
  }
  return rows;
}

/** The lines of all rows, comments behind neighbouring lines in one column. */
function lay(rows: readonly Row[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < rows.length; ) {
    let end = i + 1;
    while (aligned(rows[end - 1]) && aligned(rows[end]) && rows[end]?.blank === false) end++;
    const block = rows.slice(i, end);
    const width = Math.max(...block.map(({ text }) => Bun.stringWidth(text)));
    for (const { text, comment, blank } of block) {
      if (blank) lines.push("");
      const gap = " ".repeat(block.length > 1 ? width - Bun.stringWidth(text) + 1 : 1);
      lines.push(comment === undefined ? text : text + gap + comment);
    }
    i = end;
  }
  return lines;
}

const aligned = (row: Row | undefined): boolean => row?.comment !== undefined && !row.text.includes("\n");
