import type { FilePosition } from "../model/position.ts";

/** The lines of a text: turns offsets (UTF-16 units, as JavaScript counts) into places (characters, as people count). */
export class Lines {
  readonly file: string;
  readonly #text: string;
  readonly #starts: number[] = [0];
  /** False: every unit is a character, so columns need no counting. */
  readonly #pairs: boolean;
  /** The line that was asked for last: the next one is most often the same, or near behind it. */
  #last = 0;

  constructor(text: string, file: string) {
    this.file = file;
    this.#text = text;
    this.#pairs = /[\ud800-\udbff]/.test(text);
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  /** The span from `start` up to `end`; the width ends with the line that it begins on. */
  place(start: number, end: number): FilePosition {
    const index = this.#indexOf(start);
    const from = this.#starts[index] ?? 0;
    const next = this.#starts[index + 1];
    let stop = next === undefined ? this.#text.length : next - 1;
    if (this.#text[stop - 1] === "\r" && next !== undefined) stop--;
    const width = this.#count(start, Math.max(start, Math.min(end, stop)));
    return { file: this.file, line: index + 1, column: this.#count(from, start) + 1, width: Math.max(1, width) };
  }

  /** The offset of a line and column that count from 1, in units. */
  offset(line: number, column: number): number {
    return Math.min((this.#starts[line - 1] ?? 0) + column - 1, this.#text.length);
  }

  /** The offset of a place. */
  start({ line, column }: FilePosition): number {
    const from = this.#starts[line - 1] ?? this.#text.length;
    let at = from;
    for (let i = 1; i < column && at < this.#text.length; i++) at += (this.#text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    return at;
  }

  #count(from: number, to: number): number {
    if (!this.#pairs) return to - from;
    return to - from - (this.#text.slice(from, to).match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
  }

  #indexOf(offset: number): number {
    for (let near = this.#last; near < this.#last + 3; near++) {
      if ((this.#starts[near] ?? Infinity) > offset) break;
      if (offset < (this.#starts[near + 1] ?? Infinity)) {
        this.#last = near;
        return near;
      }
    }
    this.#last = this.#search(offset);
    return this.#last;
  }

  #search(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
