import type { FileHandle } from "node:fs/promises";
import { setImmediate as immediate } from "node:timers/promises";
import type { ReadableFile } from "../disk/regular.ts";
import { ByteReader, type ByteStream, NO_BYTES, PIECE } from "./bytes.ts";

/**
 * A piece of a disk. Segments come in ascending order and cover the disk without gap or overlap; `zero` means bytes that read
 * as zeros and need not be moved where the target is sparse.
 */
export type Segment =
  | { readonly kind: "data"; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: "zero"; readonly offset: number; readonly length: number };

export type Segments = AsyncIterable<Segment>;

const endOf = (segment: Segment): number =>
  segment.offset + (segment.kind === "data" ? segment.data.length : segment.length);

const ZEROS = new Uint8Array(PIECE);

/** Whether it is one of the pieces of `zeros`, which take no memory. */
export const isShared = (piece: Uint8Array): boolean => piece.buffer === ZEROS.buffer;

/** Whether all of the bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += PIECE) {
    const part = bytes.subarray(at, at + PIECE);
    if (part[0] !== 0 || part[part.length - 1] !== 0) return false;
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

/** `length` zero bytes. The pieces are shared: they are read only, as all pieces are. */
export function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= PIECE) yield left >= PIECE ? ZEROS : ZEROS.subarray(0, left);
}

/** Bytes of a hole after which other work has its turn: a few milliseconds of hashing. */
const BREATH = 16 << 20;

/**
 * `length` zero bytes of a hole in a stream. Nothing is waited for to have them, so that without a pause Ctrl-C would not be noticed, or see
 * how far it is, until the end of the hole.
 */
export async function* hole(length: number): AsyncGenerator<Uint8Array> {
  let given = 0;
  for (const piece of zeros(length)) {
    yield piece;
    given += piece.length;
    if (given % BREATH === 0) await immediate();
  }
}

/** The disk as plain bytes, its zeros written out. */
export async function* plain(segments: Segments): AsyncGenerator<Uint8Array> {
  for await (const segment of segments) {
    if (segment.kind === "data") yield segment.data;
    else yield* hole(segment.length);
  }
}

/** Plain bytes as segments: grains (default 64 KiB) that are all zero become `zero`. */
export async function* sparse(input: ByteStream, signal?: AbortSignal, grain = 1 << 16): AsyncGenerator<Segment> {
  await using reader = new ByteReader(input, signal);
  const most = Math.max(grain, PIECE);
  let hole: { readonly offset: number; length: number } | undefined;
  for (let offset = 0; ; ) {
    const bytes = await reader.take(most);
    if (bytes.length === 0) break;
    for (const run of runs(bytes, grain)) {
      if (run.zero) {
        hole ??= { offset: offset + run.from, length: 0 };
        hole.length += run.to - run.from;
        continue;
      }
      if (hole !== undefined) yield { kind: "zero", ...hole };
      hole = undefined;
      yield { kind: "data", offset: offset + run.from, data: bytes.subarray(run.from, run.to) };
    }
    offset += bytes.length;
  }
  if (hole !== undefined) yield { kind: "zero", ...hole };
}

interface Run {
  readonly zero: boolean;
  readonly from: number;
  readonly to: number;
}

/** Neighbouring grains of one kind, together. */
function* runs(bytes: Uint8Array, grain: number): Generator<Run> {
  let from = 0;
  let zero = isZero(bytes.subarray(0, grain));
  for (let at = grain; at < bytes.length; at += grain) {
    const next = isZero(bytes.subarray(at, at + grain));
    if (next === zero) continue;
    yield { zero, from, to: at };
    from = at;
    zero = next;
  }
  yield { zero, from, to: bytes.length };
}

/** Zeros that are worth a hole within bytes that are written one after the other. */
const WORTH_A_HOLE = 16 << 10;

/**
 * Appends the bytes at `offset`, the end of the file: long runs of zeros become holes.
 */
export async function appendSparse(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let end = 0;
  for (const { zero, from, to } of runs(bytes, WORTH_A_HOLE)) {
    if (zero) continue;
    await writeAll(file, bytes.subarray(from, to), offset + from);
    end = to;
  }
  if (end < bytes.length) await file.truncate(offset + bytes.length);
}

/** Writes the disk into an empty file: zeros stay holes, the length is that of the disk. Gives the length. */
export async function writeSparse(file: FileHandle, segments: Segments, signal?: AbortSignal): Promise<number> {
  let length = 0;
  for await (const segment of segments) {
    signal?.throwIfAborted();
    if (segment.kind === "data") await writeAll(file, segment.data, segment.offset);
    length = endOf(segment);
  }
  await file.truncate(length);
  return length;
}

/** All of the bytes, from `offset` of the file on. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset + at);
    at += bytesWritten;
  }
}

/** Up to `length` bytes from `offset` of the file on; fewer only at its end. */
export async function readUpTo(file: ReadableFile, offset: number, length: number): Promise<Uint8Array> {
  if (length <= 0) return NO_BYTES;
  return await readInto(file, offset, new Uint8Array(Buffer.allocUnsafeSlow(length).buffer));
}

/** The bytes from `offset` of the file on, in `bytes`: as many as it holds, fewer only at the end of the file. */
export async function readInto(file: ReadableFile, offset: number, bytes: Uint8Array): Promise<Uint8Array> {
  const { length } = bytes;
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
