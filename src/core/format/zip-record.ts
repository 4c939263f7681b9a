import { type ByteReader, copyOf, viewOf } from "./bytes.ts";
import { corrupt } from "./failures.ts";

export const ZIP = "the zip archive";
export const SIGNATURE = {
  local: 0x04034b50,
  descriptor: 0x08074b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
} as const;
const UNKNOWN = 0xffff_ffff;
const decoder = new TextDecoder();

/** What a record says of a file: one before its bytes, one in the directory at the end. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  /** CRC and sizes follow behind the bytes. */
  readonly described: boolean;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  /** Where the record before the bytes begins. */
  readonly offset: number;
}

/** The record before the bytes of a file, its signature included. */
export async function localEntry(reader: ByteReader): Promise<ZipEntry> {
  const offset = reader.offset;
  const fixed = viewOf(copyOf(await reader.exact(30, ZIP)));
  const name = decoder.decode(await reader.exact(fixed.getUint16(26, true), ZIP));
  const extra = await reader.exact(fixed.getUint16(28, true), ZIP);
  return entry(fixed, 6, name, extra, offset);
}

/** A record of the directory, its signature included. */
export async function centralEntry(reader: ByteReader): Promise<ZipEntry> {
  const fixed = viewOf(copyOf(await reader.exact(46, ZIP)));
  const name = decoder.decode(await reader.exact(fixed.getUint16(28, true), ZIP));
  const extra = copyOf(await reader.exact(fixed.getUint16(30, true), ZIP));
  await reader.skip(fixed.getUint16(32, true), ZIP);
  return entry(fixed, 8, name, extra, fixed.getUint32(42, true));
}

/** Both records have the same fields in the same order, from the flags on. */
function entry(fixed: DataView, at: number, name: string, extra: Uint8Array, offset: number): ZipEntry {
  const flags = fixed.getUint16(at, true);
  const large = largeNumbers(extra);
  const pick = (value: number): number => {
    if (value !== UNKNOWN || large === undefined) return value;
    const next = large.shift();
    if (next === undefined) throw corrupt("a record of the zip archive has no size");
    return next;
  };
  const size = pick(fixed.getUint32(at + 16, true));
  const packed = pick(fixed.getUint32(at + 12, true));
  return {
    name,
    method: fixed.getUint16(at + 2, true),
    encrypted: (flags & 1) !== 0,
    described: (flags & 8) !== 0,
    crc: fixed.getUint32(at + 8, true),
    packed,
    size,
    offset: pick(offset),
  };
}

/** The numbers of 64 bits that mean those which have no room (zip64), in order. */
function largeNumbers(extra: Uint8Array): number[] | undefined {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && at + 4 + length <= extra.length) {
      return Array.from({ length: Math.floor(length / 8) }, (_, index) => large(view, at + 4 + index * 8));
    }
    at += 4 + length;
  }
  return undefined;
}

function large(view: DataView, at: number): number {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw corrupt("a size in the zip archive is impossible");
  return value;
}

/** What was found in the bytes of a file. */
interface Found {
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

/** Reads what follows the bytes of a file; with or without its signature, with sizes of 32 or 64 bits: whichever tells what was found. */
export async function descriptor(reader: ByteReader, found: Found): Promise<void> {
  const bytes = await reader.peek(24);
  const view = viewOf(bytes);
  const signed = bytes.length >= 4 && view.getUint32(0, true) === SIGNATURE.descriptor ? 4 : 0;
  for (const start of signed === 4 ? [4, 0] : [0]) {
    if (bytes.length < start + 12 || view.getUint32(start, true) !== found.crc) continue;
    // Sizes of 32 bits that are read as ones of 64 are beyond what a number holds: that is no damage yet.
    const fits64 =
      bytes.length >= start + 20 &&
      view.getBigUint64(start + 4, true) === BigInt(found.packed) &&
      view.getBigUint64(start + 12, true) === BigInt(found.size);
    const fits32 =
      view.getUint32(start + 4, true) === found.packed % 2 ** 32 &&
      view.getUint32(start + 8, true) === found.size % 2 ** 32;
    if (!fits64 && !fits32) continue;
    await reader.skip(start + (fits64 ? 20 : 12), ZIP);
    return;
  }
  throw corrupt("a file in the zip archive has a wrong CRC or size");
}
