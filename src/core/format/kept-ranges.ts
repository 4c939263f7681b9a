import { copyOf, join } from "./bytes.ts";
import type { Scratch } from "./scratch.ts";

/** A range of the stream that is kept: in memory, or without `bytes` in the temporary file. */
interface Range {
  readonly from: number;
  to: number;
  bytes: Uint8Array | undefined;
  /** Kept only for a while: it is probably not needed. */
  readonly doubtful: boolean;
}

/** What doubtful ranges may take together; the oldest are forgotten. */
const DOUBTFUL = 1 << 20;

/** The ranges of a stream that were kept. They are added in ascending order. */
export class KeptRanges {
  /** Bytes in memory that are kept for certain. */
  inMemory = 0;
  readonly #ranges: Range[] = [];
  #doubtful: Range[] = [];
  #inDoubt = 0;
  #scratch: Scratch | undefined;

  async add(from: number, bytes: Uint8Array, doubtful: boolean): Promise<void> {
    const to = from + bytes.length;
    if (this.#scratch !== undefined) {
      await this.#scratch.write(bytes, from);
      const last = this.#ranges.at(-1);
      if (last !== undefined && last.to === from) last.to = to;
      else this.#ranges.push({ from, to, bytes: undefined, doubtful: false });
      return;
    }
    const range: Range = { from, to, bytes: copyOf(bytes), doubtful };
    this.#ranges.push(range);
    if (doubtful) this.#doubt(range);
    else this.inMemory += bytes.length;
  }

  /** Moves all of it to the file, and what is added later too. */
  async moveTo(scratch: Scratch): Promise<void> {
    for (const range of this.#ranges) {
      if (range.bytes !== undefined) await scratch.write(range.bytes, range.from);
      range.bytes = undefined;
    }
    this.#doubtful = [];
    this.inMemory = 0;
    this.#scratch = scratch;
  }

  /** The bytes from `offset` on, as far as they were kept without a gap. The first `forget` of them leave the memory. */
  async get(offset: number, length: number, forget: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const index = this.#find(at);
      const range = this.#ranges[index];
      if (range === undefined) break;
      const to = Math.min(end, range.to);
      if (range.bytes !== undefined) parts.push(range.bytes.subarray(at - range.from, to - range.from));
      else if (this.#scratch !== undefined) parts.push(await this.#scratch.read(at, to - at));
      if (at < offset + forget) this.#cut(index, range, at, Math.min(to, offset + forget));
      at = to;
    }
    return join(parts);
  }

  #doubt(range: Range): void {
    this.#doubtful.push(range);
    this.#inDoubt += range.to - range.from;
    while (this.#inDoubt > DOUBTFUL) {
      const oldest = this.#doubtful.shift();
      if (oldest === undefined) return;
      this.#inDoubt -= oldest.to - oldest.from;
      const index = this.#find(oldest.from);
      if (this.#ranges[index] === oldest) this.#ranges.splice(index, 1);
    }
  }

  #cut(index: number, range: Range, from: number, to: number): void {
    const { bytes, doubtful } = range;
    if (bytes === undefined || doubtful) return;
    const rest: Range[] = [];
    if (range.from < from) rest.push({ ...range, to: from, bytes: copyOf(bytes.subarray(0, from - range.from)) });
    if (to < range.to) rest.push({ ...range, from: to, bytes: copyOf(bytes.subarray(to - range.from)) });
    this.#ranges.splice(index, 1, ...rest);
    this.inMemory -= to - from;
  }

  /** The index of the range that holds the offset, or -1. */
  #find(offset: number): number {
    let low = 0;
    let high = this.#ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = this.#ranges[middle];
      if (range === undefined) return -1;
      if (offset < range.from) high = middle - 1;
      else if (offset >= range.to) low = middle + 1;
      else return middle;
    }
    return -1;
  }
}
