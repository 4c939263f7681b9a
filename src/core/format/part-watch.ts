import type { ByteStream } from "./bytes.ts";
import { truncated } from "./failures.ts";

/** A part of an image that is collected while the image flows. */
interface Part {
  readonly from: number;
  readonly bytes: Uint8Array;
  filled: number;
  readonly done: (bytes: Uint8Array) => void;
}

/** Collects parts of an image that flows, and remembers how far it has to reach. */
export class PartWatch {
  /** What is still to come, ascending; the first is being collected. */
  #parts: Part[] = [];
  /** The last byte that is named, and one more. */
  #end = 0;
  readonly #image: string;

  /** `image`: in words. */
  constructor(image: string) {
    this.#image = image;
  }

  /** The image has to reach so far. */
  needs(end: number): void {
    this.#end = Math.max(this.#end, end);
  }

  /**
   * Gives the part to `done` once it has come. A part that stands before what names it cannot be read any more; it is there. `room`: memory
   * that parts share.
   */
  collect(
    from: number,
    length: number,
    done: (bytes: Uint8Array) => void,
    room: Uint8Array = new Uint8Array(length),
  ): void {
    if (length === 0) return;
    // What is named last stands last, nearly always.
    const before = this.#parts.findLastIndex((part) => part.from <= from);
    this.#parts.splice(before + 1, 0, { from, done, bytes: room, filled: 0 });
  }

  /** The same of many parts of one length, which share their memory. */
  collectAll(
    parts: readonly { readonly from: number; readonly done: (bytes: Uint8Array) => void }[],
    room: Uint8Array,
  ): void {
    const added = parts.map((part) => ({ ...part, bytes: room, filled: 0 }));
    this.#parts = [...this.#parts, ...added].sort((one, other) => one.from - other.from);
  }

  see(piece: Uint8Array, offset: number): void {
    const end = offset + piece.length;
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const from = part.from + part.filled;
      if (from >= end) return;
      if (from < offset) {
        this.#parts.shift();
        continue;
      }
      const bytes = piece.subarray(from - offset, from - offset + part.bytes.length - part.filled);
      part.bytes.set(bytes, part.filled);
      part.filled += bytes.length;
      if (part.filled < part.bytes.length) return;
      this.#parts.shift();
      part.done(part.bytes);
    }
  }

  /** The image has ended. @throws Failure source.truncated */
  end(size: number): void {
    const isMissing = this.#parts.some(({ from, bytes }) => from + bytes.length > size);
    if (isMissing || this.#end > size) throw truncated(this.#image);
  }
}

/** How a format is watched. */
export interface ImageWatch {
  readonly parts: PartWatch;
  /** Bytes of the end that `end` gets. */
  readonly tail?: number;
  /** Called with the last bytes of the whole image. @throws Failure source.* */
  readonly end?: (tail: Uint8Array) => void;
}

/** The pieces of an image as they are; where it is not whole by itself, it fails before the last piece. */
export async function* watchedBy(
  { parts, tail: length = 0, end }: ImageWatch,
  input: ByteStream,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  let tail: Uint8Array = new Uint8Array(0);
  let held: Uint8Array | undefined;
  for await (const piece of input) {
    if (held !== undefined) yield held;
    held = piece;
    parts.see(piece, offset);
    offset += piece.length;
    if (length > 0) tail = lastOf(tail, piece, length);
  }
  parts.end(offset);
  end?.(tail);
  // What `end` has found to be needed.
  parts.end(offset);
  if (held !== undefined) yield held;
}

/** A copy: the piece may be lent. */
function lastOf(before: Uint8Array, piece: Uint8Array, length: number): Uint8Array {
  const end = piece.subarray(Math.max(0, piece.length - length));
  const kept = before.subarray(Math.max(0, before.length - (length - end.length)));
  const both = new Uint8Array(kept.length + end.length);
  both.set(kept);
  both.set(end, kept.length);
  return both;
}
