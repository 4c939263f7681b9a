import type { ScannedPart } from "./scan.ts";

/** Met what is not sure to be right. */
export class Unsure extends Error {}

/** Tables and lists within each other, and parts of a key. */
export const DEPTH = 20;

const [TAB, LF, CR, SPACE, DOT] = [9, 10, 13, 32, 46];
const COMMENT = /#[^[\p{Cc}--[\t]]]*/vy;
const BARE = /[A-Za-z0-9_-]+/y;
/** Strings of one line without escapes. */
export const BASIC = /"[^"\\[\p{Cc}--[\t]]]*"/vy;
export const LITERAL = /'[^'[\p{Cc}--[\t]]]*'/vy;

/** Where a reader of TOML is, and what stands between values. @throws Unsure in every method */
export class Cursor {
  protected readonly text: string;
  protected at = 0;

  constructor(text: string) {
    this.text = text;
  }

  protected key(): ScannedPart[] {
    const parts: ScannedPart[] = [];
    for (;;) {
      this.spaces();
      const start = this.at;
      const quote = this.text[start];
      const isQuoted = quote === '"' || quote === "'";
      this.match(quote === '"' ? BASIC : quote === "'" ? LITERAL : BARE);
      const text = isQuoted ? this.text.slice(start + 1, this.at - 1) : this.text.slice(start, this.at);
      parts.push({ text, start, end: this.at });
      this.spaces();
      if (parts.length > DEPTH) throw new Unsure();
      if (this.text.charCodeAt(this.at) !== DOT) return parts;
      this.at++;
    }
  }

  protected spaces(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== SPACE && code !== TAB) return;
      this.at++;
    }
  }

  /** Spaces, ends of lines and comments. */
  protected blank(): void {
    for (;;) {
      this.spaces();
      const code = this.text.charCodeAt(this.at);
      if (code === CR || code === LF) this.newline();
      else if (this.text[this.at] === "#") this.match(COMMENT);
      else return;
    }
  }

  /** The rest of a line on which there is nothing more. */
  protected endLine(): void {
    this.spaces();
    if (this.text[this.at] === "#") this.match(COMMENT);
    if (this.at < this.text.length) this.newline();
  }

  protected newline(): void {
    if (this.text.charCodeAt(this.at) === CR) this.at++;
    this.expect("\n");
  }

  protected expect(text: string): void {
    if (!this.text.startsWith(text, this.at)) throw new Unsure();
    this.at += text.length;
  }

  protected match(pattern: RegExp): void {
    this.at = this.end(pattern);
  }

  /** Where it ends that stands here. */
  protected end(pattern: RegExp): number {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.text)) throw new Unsure();
    return pattern.lastIndex;
  }
}
