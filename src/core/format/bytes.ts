import { truncated } from "./failures.ts";

/** Bytes as they flow: nothing is produced before it is asked for, and a piece is not changed once it was given. */
export type ByteStream = AsyncIterable<Uint8Array>;

export const NO_BYTES = new Uint8Array(0);
/** The most that one piece holds where we make the pieces. */
export const PIECE = 1 << 20;

/** All the pieces as one; `length` is what they sum up to, where it is known. */
export function join(
  pieces: readonly Uint8Array[],
  length = pieces.reduce((sum, piece) => sum + piece.length, 0),
): Uint8Array {
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) return first;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The same bytes in memory of their own. `slice` does not do it: that of a Buffer is a view of the same memory. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Reads a stream piecewise: by counts, with a look ahead and a way back. Holds what was looked at, and one piece more. */
export class ByteReader implements AsyncDisposable {
  /** Bytes taken so far. */
  offset = 0;
  readonly #input: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #queue: Uint8Array[] = [];
  #held = 0;
  #ended = false;

  constructor(input: ByteStream, signal?: AbortSignal) {
    this.#input = input[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** The next bytes, left where they are: fewer than `length` only at the end of the input. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.#held < length) {
      // What is lent holds until the fourth after it is asked for.
      if (this.#queue.length > 2) this.#queue = [join(this.#queue, this.#held)];
      if (!(await this.#pull())) break;
    }
    if (length <= 0 || this.#held === 0) return NO_BYTES;
    const [first] = this.#queue;
    if (first === undefined || first.length < Math.min(length, this.#held))
      this.#queue = [join(this.#queue, this.#held)];
    return (this.#queue[0] ?? NO_BYTES).subarray(0, length);
  }

  /** The next bytes: fewer than `length` only at the end of the input. */
  async take(length: number): Promise<Uint8Array> {
    const taken = await this.peek(length);
    this.#drop(taken.length);
    return taken;
  }

  /** Exactly `length` bytes; `what` is named in the failure when the input ends before. */
  async exact(length: number, what: string): Promise<Uint8Array> {
    const taken = await this.take(length);
    if (taken.length < length) throw truncated(what);
    return taken;
  }

  /** The next bytes, in `room`: fewer than it holds only at the end of the input. Of the input, one piece at a time is held. */
  async into(room: Uint8Array): Promise<Uint8Array> {
    let filled = 0;
    while (filled < room.length) {
      const piece = await this.piece(room.length - filled);
      if (piece === undefined) break;
      room.set(piece, filled);
      filled += piece.length;
    }
    return room.subarray(0, filled);
  }

  /** What comes next, as it comes, at most `most` bytes; undefined at the end. */
  async piece(most = PIECE): Promise<Uint8Array | undefined> {
    while (this.#held === 0) if (!(await this.#pull())) return undefined;
    const piece = (this.#queue[0] ?? NO_BYTES).subarray(0, most);
    this.#drop(piece.length);
    return piece;
  }

  /** Exactly the next `length` bytes, piece by piece. */
  async *pieces(length: number, what: string): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      const piece = await this.piece(Math.min(left, PIECE));
      if (piece === undefined) throw truncated(what);
      left -= piece.length;
      yield piece;
    }
  }

  async skip(length: number, what: string): Promise<void> {
    for await (const _ of this.pieces(length, what));
  }

  /** Puts back the last bytes that were taken. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.unshift(bytes);
    this.#held += bytes.length;
    this.offset -= bytes.length;
  }

  /** Everything that is left. Leaving it early closes the input. */
  rest(): ByteStream {
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      const value = await this.piece(Number.POSITIVE_INFINITY);
      return value === undefined ? { done: true, value } : { done: false, value };
    };
    const end = async (): Promise<IteratorResult<Uint8Array>> => {
      await this[Symbol.asyncDispose]();
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  }

  /** Reads the input to its end and gives the number of bytes that were left: a check upstream has then seen all of it. */
  async drain(): Promise<number> {
    let left = 0;
    for (let piece = await this.piece(); piece !== undefined; piece = await this.piece()) left += piece.length;
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue = [];
    this.#held = 0;
    if (this.#ended) return;
    this.#ended = true;
    await this.#input.return?.();
  }

  async #pull(): Promise<boolean> {
    if (this.#ended) return false;
    this.#signal?.throwIfAborted();
    const { done, value } = await this.#input.next();
    if (done === true) {
      this.#ended = true;
      return false;
    }
    if (value.length > 0) this.#queue.push(value);
    this.#held += value.length;
    return true;
  }

  #drop(length: number): void {
    let left = length;
    while (left > 0) {
      const first = this.#queue[0] ?? NO_BYTES;
      if (first.length > left) this.#queue[0] = first.subarray(left);
      else this.#queue.shift();
      left -= Math.min(left, first.length);
    }
    this.#held -= length;
    this.offset += length;
  }
}

interface Peeked {
  /** The first bytes: fewer than asked for only where the input is shorter. */
  readonly head: Uint8Array;
  /** All of the input, the head included; to be read once. Leaving it early (or `return` before the first piece) closes the input. */
  readonly whole: ByteStream;
}

/** Looks at the first `length` bytes of a stream without losing them. */
export async function peek(input: ByteStream, length: number, signal?: AbortSignal): Promise<Peeked> {
  const reader = new ByteReader(input, signal);
  const head = await reader.peek(length);
  return { head, whole: reader.rest() };
}

/**
 * The same bytes in pieces of `size`, the last one aside: what works piece by piece is not called for every few bytes. All of them are in one
 * buffer: each holds until the next is asked for. Those of the input are copied as they come, and may be lent.
 */
export async function* gathered(input: ByteStream, size: number): AsyncGenerator<Uint8Array> {
  const room = new Uint8Array(size);
  let filled = 0;
  for await (const piece of input) {
    for (let rest = piece; rest.length > 0; ) {
      const part = rest.subarray(0, size - filled);
      room.set(part, filled);
      filled += part.length;
      rest = rest.subarray(part.length);
      if (filled < size) continue;
      yield room;
      filled = 0;
    }
  }
  if (filled > 0) yield room.subarray(0, filled);
}

/** A stream of these bytes. */
export async function* bytesOf(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Big-endian and little-endian numbers of a piece. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
