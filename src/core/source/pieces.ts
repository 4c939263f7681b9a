import { type FileHandle, open } from "node:fs/promises";
import { countAllocated } from "../format/collection.ts";
import { sourceFailure } from "./failure.ts";

/** Bytes of one read or write of a file: large enough that the calls do not count, small enough to hold several. */
export const PIECE = 1 << 20;

interface Reading {
  readonly from?: number;
  readonly to?: number;
  readonly ring?: Ring | undefined;
}

/** Buffers that lent pieces go round in: four that a reader may have, and those that are read ahead or held back on their way. */
const LENT = 8;

/** Size of lent buffers: the calls do not count yet, and many readers may have eight of them each. */
const LENT_PIECE = 256 << 10;

/** Buffers of one reader, of `size` bytes each, used again when the eighth after it is wanted. */
export class Ring {
  readonly size: number;
  readonly #buffers: Buffer[] = [];

  constructor(size = LENT_PIECE) {
    this.size = size;
  }

  take(): Buffer {
    const used = this.#buffers.length === LENT ? this.#buffers.shift() : undefined;
    const taken = used ?? Buffer.allocUnsafeSlow(this.size);
    this.#buffers.push(taken);
    return taken;
  }
}

/**
 * The bytes of an open file from `from` up to `to` (default: its end), in pieces of at most 1 MiB, each in a buffer of its own; with a
 * `ring`, as large as its buffers and in them: each is overwritten once the sixth after it has been asked for. One piece is read ahead.
 * Rejects with the signal's reason. The file stays open.
 */
export async function* readPieces(
  file: FileHandle,
  signal: AbortSignal,
  { from = 0, to = Number.POSITIVE_INFINITY, ring }: Reading = {},
): AsyncGenerator<Uint8Array> {
  let at = from;
  let next = read(file, at, to, ring);
  try {
    for (;;) {
      const piece = await next;
      if (piece.length === 0) return;
      at += piece.length;
      next = read(file, at, to, ring);
      signal.throwIfAborted();
      yield piece;
      if (ring === undefined) countAllocated(piece);
    }
  } finally {
    // The file may be closed right after: nothing is to be under way then.
    await next.catch(() => undefined);
  }
}

async function read(file: FileHandle, at: number, to: number, ring: Ring | undefined): Promise<Uint8Array> {
  const length = Math.min(ring?.size ?? PIECE, to - at);
  if (length <= 0) return new Uint8Array(0);
  const piece = ring?.take() ?? Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(piece, 0, length, at);
  return piece.subarray(0, bytesRead);
}

/** All of a file. @throws Failure source.missing, source.denied, source.io; the signal's reason */
export async function* readWhole(path: string, signal: AbortSignal, lent = false): AsyncGenerator<Uint8Array> {
  try {
    await using file = await open(path);
    yield* readPieces(file, signal, { ring: lent ? new Ring() : undefined });
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

/**
 * Small pieces joined, up to 256 KiB; on a slow line, to what came within 100 ms. Large ones go through as they are. An error of the
 * input is thrown only after what had come before it was given.
 */
export async function* gathered(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let buffer: Uint8Array | undefined;
  let filled = 0;
  let since = performance.now();
  let broken: { readonly reason: unknown } | undefined;
  const taken = (): Uint8Array => {
    const all = (buffer ?? new Uint8Array(0)).subarray(0, filled);
    buffer = undefined;
    filled = 0;
    return all;
  };
  const pieces = input[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await pieces.next().catch((reason: unknown) => {
        broken = { reason };
        return undefined;
      });
      if (next === undefined || next.done === true) break;
      const { value } = next;
      if (value.length >= LARGE || filled + value.length > JOINED) {
        if (filled > 0) yield taken();
        if (value.length >= LARGE) {
          yield value;
          continue;
        }
      }
      if (filled === 0) since = performance.now();
      buffer ??= Buffer.allocUnsafeSlow(JOINED);
      buffer.set(value, filled);
      filled += value.length;
      if (performance.now() - since >= SLOW) yield taken();
    }
    if (filled > 0) yield taken();
    if (broken !== undefined) throw broken.reason;
  } finally {
    await pieces.return?.();
  }
}
