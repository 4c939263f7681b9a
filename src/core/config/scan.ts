/** A stretch of the text: from `start` up to `end`, in UTF-16 units. */
interface Span {
  readonly start: number;
  readonly end: number;
}
export interface ScannedPart extends Span {
  /** The key as it is meant, without quotes. */
  readonly text: string;
}
export interface Key extends Span {
  readonly parts: readonly ScannedPart[];
}
export interface Comment extends Span {
  readonly kind: "comment";
}
export interface ScannedHeader extends Span {
  readonly kind: "header";
  /** `[[x]]` */
  readonly many: boolean;
  readonly key: Key;
}
export interface Pair extends Span {
  readonly kind: "pair";
  readonly key: Key;
  readonly value: ScannedValue;
}
export type ScannedValue = Span &
  (
    | { readonly kind: "string" | "other" }
    | { readonly kind: "list"; readonly items: readonly (ScannedValue | Comment)[] }
    | { readonly kind: "table"; readonly items: readonly (Pair | Comment)[] }
  );
export type Item = Comment | ScannedHeader | Pair;

/** The scanner met what it does not know; the text was not TOML, or not as the parser read it. */
export class Unscannable extends Error {
  readonly offset: number;
  constructor(offset: number) {
    super(`cannot be read at offset ${offset}`);
    this.offset = offset;
  }
}

/**
 * Where everything in a TOML document stands, comments included, in order. The document has to be one that the parser took: the scanner
 * only looks for borders, and it checks no rule. It exists since the parser tells no positions of good values.
 * @throws Unscannable
 */
export const scan = (text: string): Item[] => [...scanned(text)];

/** The same, one after the other. @throws Unscannable when it comes there */
export const scanned = (text: string): Iterable<Item> => new Scanner(text).document();

const BLANK = new Set([" ", "\t", "\r", "\n"]);
const BARE = /[A-Za-z0-9_-]+/y;
const OTHER = /[^,\]}#\r\n]+/y;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  *document(): Generator<Item> {
    for (;;) {
      this.#blank();
      const next = this.#text[this.#at];
      if (next === undefined) return;
      yield next === "#" ? this.#comment() : next === "[" ? this.#header() : this.#pair();
    }
  }

  #blank(): void {
    while (BLANK.has(this.#text[this.#at] ?? "")) this.#at++;
  }

  #spaces(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  #comment(): Comment {
    const start = this.#at;
    const newline = this.#text.indexOf("\n", start);
    this.#at = newline < 0 ? this.#text.length : newline;
    return { kind: "comment", start, end: this.#at };
  }

  #header(): ScannedHeader {
    const start = this.#at;
    const many = this.#text.startsWith("[[", start);
    this.#at += many ? 2 : 1;
    const key = this.#key();
    this.#expect("]");
    if (many) this.#expect("]");
    return { kind: "header", many, key, start, end: this.#at };
  }

  #pair(): Pair {
    const key = this.#key();
    this.#expect("=");
    this.#spaces();
    const value = this.#value();
    return { kind: "pair", key, value, start: key.start, end: value.end };
  }

  #key(): Key {
    const parts: ScannedPart[] = [];
    do {
      if (parts.length > 0) this.#at++;
      this.#spaces();
      parts.push(this.#part());
      this.#spaces();
    } while (this.#text[this.#at] === ".");
    return { parts, start: parts[0]?.start ?? this.#at, end: parts.at(-1)?.end ?? this.#at };
  }

  #part(): ScannedPart {
    const start = this.#at;
    const quote = this.#text[start];
    if (quote !== '"' && quote !== "'") return { text: this.#match(BARE), start, end: this.#at };
    this.#at = stringEnd(this.#text, start, 1);
    const inner = this.#text.slice(start + 1, this.#at - 1);
    return { text: quote === '"' ? unquote(inner) : inner, start, end: this.#at };
  }

  #value(): ScannedValue {
    const start = this.#at;
    const first = this.#text[start];
    if (first === "[") return { kind: "list", items: this.#until("]", () => this.#value()), start, end: this.#at };
    if (first === "{") return { kind: "table", items: this.#until("}", () => this.#pair()), start, end: this.#at };
    if (first === '"' || first === "'") {
      this.#at = stringEnd(this.#text, start);
      return { kind: "string", start, end: this.#at };
    }
    const raw = this.#match(OTHER);
    return { kind: "other", start, end: start + raw.trimEnd().length };
  }

  #until<T>(close: string, one: () => T): (T | Comment)[] {
    this.#at++;
    const items: (T | Comment)[] = [];
    for (;;) {
      this.#blank();
      const next = this.#text[this.#at];
      if (next === undefined) throw new Unscannable(this.#at);
      if (next === "#") items.push(this.#comment());
      else if (next === ",") this.#at++;
      else if (next === close) break;
      else items.push(one());
    }
    this.#at++;
    return items;
  }

  #expect(text: string): void {
    this.#spaces();
    if (!this.#text.startsWith(text, this.#at)) throw new Unscannable(this.#at);
    this.#at += text.length;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw new Unscannable(this.#at);
    this.#at = pattern.lastIndex;
    return found[0];
  }
}

/**
 * Where a string ends that begins at `start`. A long one may end with two quotes of its own before the three that close it.
 * @throws Unscannable
 */
export function stringEnd(text: string, start: number, most: 1 | 3 = 3): number {
  const quote = text.charAt(start);
  const length = most === 3 && text.startsWith(quote.repeat(3), start) ? 3 : 1;
  const close = quote.repeat(length);
  let at = start + length;
  while (!text.startsWith(close, at)) {
    if (at >= text.length) throw new Unscannable(at);
    at += quote === '"' && text[at] === "\\" ? 2 : 1;
  }
  at += length;
  for (let more = 0; length === 3 && more < 2 && text[at] === quote; more++) at++;
  return at;
}

const SHORT: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\x1b" };

const unquote = (raw: string): string =>
  raw.replace(/\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/g, (_, x, u, long, one: string) => {
    const hex: string | undefined = x ?? u ?? long;
    return hex === undefined ? (SHORT[one] ?? one) : String.fromCodePoint(Number.parseInt(hex, 16));
  });
