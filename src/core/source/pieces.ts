import { openRegular, type ReadableFile, readSmall } from "../disk/regular.ts";
import { countAllocated, free } from "../format/collection.ts";
import { FlowOfBytes, Ring } from "../format/ring.ts";

import { sourceFailure } from "./failure.ts";

/** Bytes of one read or write of a file: large enough that the calls do not count, small enough to hold several. */
const PIECE = 1 << 20;

interface Reading {
  readonly from?: number;
  readonly to?: number;
  /** Where the file will probably end, if not at `to`: no larger buffers than that needs. */
  readonly end?: number;
  readonly ring?: Ring | undefined;
}

/**
 * The bytes of an open file from `from` up to `to` (default: its end), in pieces of at most 1 MiB, each in a buffer of its own; with a
 * `ring`, as large as its buffers and in them: each is overwritten once the sixth after it has been asked for. One piece is read ahead.
 * Rejects with the signal's reason. The file stays open.
 */
export async function* readPieces(
  file: ReadableFile,
  signal: AbortSignal,
  { from = 0, to = Number.POSITIVE_INFINITY, end = to, ring }: Reading = {},
): AsyncGenerator<Uint8Array> {
  let at = from;
  const bounds = { to, end, ring };
  let next = read(file, at, bounds);
  try {
    for (;;) {
      const piece = await next;
      if (piece.length === 0) return;
      at += piece.length;
      next = read(file, at, bounds);
      signal.throwIfAborted();
      yield piece;
      if (ring === undefined) countAllocated(piece);
    }
  } finally {
    // The file may be closed right after: nothing is to be under way then.
    await next.catch(() => undefined);
  }
}

interface Bounds {
  readonly to: number;
  readonly end: number;
  readonly ring: Ring | undefined;
}

async function read(file: ReadableFile, at: number, { to, end, ring }: Bounds): Promise<Uint8Array> {
  const expected = at > end ? PIECE : Math.max(LEAST, end - at);
  const length = Math.min(ring?.now ?? PIECE, to - at, expected);
  if (length <= 0) return new Uint8Array(0);
  const piece = ring?.take(length) ?? Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(piece, 0, length, at);
  return piece.subarray(0, bytesRead);
}

/** Bytes that are asked for at the expected end of a file, to see that it is the end. */
const LEAST = 4 << 10;

/** All of a file. @throws Failure source.missing, source.denied, source.io; the signal's reason */
export async function* readWhole(path: string, signal: AbortSignal, lent = false): AsyncGenerator<Uint8Array> {
  try {
    const small = await readSmall(path);
    if (small !== undefined) {
      signal.throwIfAborted();
      if (small.bytes.length > 0) yield small.bytes;
      countAllocated(small.bytes);
      return;
    }
    await using file = await openRegular(path);
    using ring = lent ? new Ring() : undefined;
    const { size } = await file.stat({ bigint: true });
    yield* readPieces(file, signal, { end: Number(size), ring });
  } catch (thrown) {
    signal.throwIfAborted();
    throw sourceFailure(thrown, path);
  }
}

/** Pieces that are not worth joining with others. */
const LARGE = 64 << 10;
const JOINED = 256 << 10;
/** Milliseconds after which small pieces go on as they are. */
const SLOW = 100;

/** Pieces that are being joined into one buffer. */
class Joining {
  #buffer: Uint8Array | undefined;
  #since = 0;
  filled = 0;

  /** As much of the piece as there is room for; what is left of it. */
  add(piece: Uint8Array, size: number): Uint8Array {
    if (this.filled === 0) this.#since = performance.now();
    this.#buffer ??= Buffer.allocUnsafeSlow(size);
    const part = piece.subarray(0, this.#buffer.length - this.filled);
    this.#buffer.set(part, this.filled);
    this.filled += part.length;
    return piece.subarray(part.length);
  }

  get isFull(): boolean {
    return this.filled === this.#buffer?.length;
  }

  get isLate(): boolean {
    return this.filled > 0 && performance.now() - this.#since >= SLOW;
  }

  take(): Uint8Array {
    const all = (this.#buffer ?? new Uint8Array(0)).subarray(0, this.filled);
    this.#buffer = undefined;
    this.filled = 0;
    return all;
  }
}

/**
 * Small pieces joined, up to 256 KiB; on a slow line, to what came within 100 ms. Large ones go through as they are. An error of the
 * input is thrown only after what had come before it was given.
 */
export async function* gathered(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const joining = new Joining();
  let broken: { readonly reason: unknown } | undefined;
  try {
    for await (const piece of input) {
      const isLarge = piece.length >= LARGE;
      if (joining.filled > 0 && (isLarge || joining.filled + piece.length > JOINED)) yield joining.take();
      if (isLarge) yield piece;
      else joining.add(piece, JOINED);
      if (joining.isLate) yield joining.take();
    }
  } catch (reason) {
    broken = { reason };
  }
  if (joining.filled > 0) yield joining.take();
  if (broken !== undefined) throw broken.reason;
}

/**
 * What comes from a socket, in buffers of its own, as large as many flows at once allow; else as `gathered`. The memory of what came is given
 * back at once: the receiver of a piece may do the same with it.
 */
export async function* received(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const joining = new Joining();
  let broken: { readonly reason: unknown } | undefined;
  using _ = new FlowOfBytes();
  try {
    for await (const piece of input) {
      // The one without bytes is everybody's.
      if (piece.length === 0) continue;
      for (let rest = piece; rest.length > 0; ) {
        rest = joining.add(rest, FlowOfBytes.size);
        if (joining.isFull) yield joining.take();
      }
      if (piece.byteLength === piece.buffer.byteLength) free(piece);
      if (joining.isLate) yield joining.take();
    }
  } catch (reason) {
    broken = { reason };
  }
  if (joining.filled > 0) yield joining.take();
  if (broken !== undefined) throw broken.reason;
}
