import { ByteReader, type ByteStream, copyOf, viewOf } from "./bytes.ts";
import { SLICE } from "./engine.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";
import { XxHash32, xxHash32 } from "./xxhash.ts";

const LZ4 = "the lz4 data";
const LZ4_MAGIC = 0x184d2204;
/** How far a block may look back on the ones before it. */
const HISTORY = 1 << 16;
const FLAG = { independent: 32, blockSums: 16, size: 8, sum: 4, reserved: 2, dictionary: 1 } as const;
const STORED = 0x8000_0000;

interface Frame {
  readonly blockSums: boolean;
  readonly sum: boolean;
  readonly independent: boolean;
  readonly most: number;
  readonly size: bigint | undefined;
}

/** Unpacks lz4 (frame format 1.6): one or many frames after each other, with the sums that they have. Needs about 8 MiB. */
export async function* unlz4(input: ByteStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  await using reader = new ByteReader(input, signal);
  for (let first = true; ; first = false) {
    const start = await reader.take(4);
    if (start.length === 0 && !first) return;
    if (start.length < 4) throw truncated(LZ4);
    const magic = viewOf(start).getUint32(0, true);
    if (magic === LZ4_MAGIC) yield* blocks(reader, await header(reader));
    else if (magic >>> 4 === 0x184d2a5) await reader.skip(viewOf(await reader.exact(4, LZ4)).getUint32(0, true), LZ4);
    else throw corrupt(first ? "this is not lz4 data" : "there are trailing bytes after the lz4 data");
  }
}

async function header(reader: ByteReader): Promise<Frame> {
  const [flags] = await reader.peek(1);
  if (flags === undefined) throw truncated(LZ4);
  if (flags >>> 6 !== 1 || (flags & FLAG.reserved) !== 0) {
    throw unsupported("lz4 data of an unknown version", "compress it again with lz4");
  }
  if ((flags & FLAG.dictionary) !== 0) throw unsupported("lz4 data with a dictionary", "compress it again without one");
  const hasSize = (flags & FLAG.size) !== 0;
  const bytes = await reader.exact(hasSize ? 11 : 3, LZ4);
  const checksumAt = bytes.length - 1;
  if (((xxHash32(bytes.subarray(0, checksumAt)) >>> 8) & 0xff) !== bytes[checksumAt]) throw damaged();
  const kind = ((bytes[1] ?? 0) >>> 4) & 7;
  if (kind < 4 || ((bytes[1] ?? 0) & 0x8f) !== 0) throw damaged();
  return {
    blockSums: (flags & FLAG.blockSums) !== 0,
    sum: (flags & FLAG.sum) !== 0,
    independent: (flags & FLAG.independent) !== 0,
    most: 2 ** (8 + 2 * kind),
    size: hasSize ? viewOf(bytes).getBigUint64(2, true) : undefined,
  };
}

async function* blocks(reader: ByteReader, frame: Frame): AsyncGenerator<Uint8Array> {
  const room = new Uint8Array(HISTORY + frame.most);
  const incoming = new Uint8Array(frame.most);
  const sum = new XxHash32();
  let history = 0;
  let length = 0n;
  for (;;) {
    const word = await number32(reader);
    if (word === 0) break;
    const packed = word % STORED;
    if (packed > frame.most) throw damaged();
    const bytes = await filled(reader, incoming.subarray(0, packed));
    if (frame.blockSums && (await number32(reader)) !== xxHash32(bytes)) throw damaged();
    const end = word >= STORED ? stored(bytes, room) : unpackBlock(bytes, room, HISTORY - history);
    const made = room.subarray(HISTORY, end);
    if (frame.sum) sum.update(made);
    length += BigInt(made.length);
    for (let at = 0; at < made.length; at += SLICE) yield copyOf(made.subarray(at, at + SLICE));
    history = frame.independent ? 0 : Math.min(HISTORY, history + made.length);
    room.copyWithin(HISTORY - history, end - history, end);
  }
  if (frame.size !== undefined && frame.size !== length) throw damaged();
  if (frame.sum && (await number32(reader)) !== sum.digest()) throw damaged();
}

/** The next bytes of the input, in a buffer that each block uses again. */
async function filled(reader: ByteReader, room: Uint8Array): Promise<Uint8Array> {
  let at = 0;
  for await (const piece of reader.pieces(room.length, LZ4)) {
    room.set(piece, at);
    at += piece.length;
  }
  return room;
}

const number32 = async (reader: ByteReader): Promise<number> => viewOf(await reader.exact(4, LZ4)).getUint32(0, true);
const damaged = (): Error => corrupt("the lz4 data cannot be unpacked: it is damaged");

function stored(bytes: Uint8Array, room: Uint8Array): number {
  room.set(bytes, HISTORY);
  return HISTORY + bytes.length;
}

/** Unpacks one block behind the history, which begins at `low`. Gives the end of it. */
function unpackBlock(bytes: Uint8Array, room: Uint8Array, low: number): number {
  let at = 0;
  let to = HISTORY;
  /** A length of four bits, or more of them in the bytes that follow. */
  const long = (value: number): number => {
    let sum = value;
    for (let next = 255; value === 15 && next === 255; sum += next) {
      next = bytes[at] ?? -1;
      at += 1;
      if (next < 0) throw damaged();
    }
    return sum;
  };
  while (at < bytes.length) {
    const token = bytes[at] ?? 0;
    at += 1;
    const literals = long(token >>> 4);
    if (at + literals > bytes.length || to + literals > room.length) throw damaged();
    room.set(bytes.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === bytes.length) break;
    const back = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    at += 2;
    const length = long(token & 15) + 4;
    if (back === 0 || to - back < low || to + length > room.length || at > bytes.length) throw damaged();
    if (back >= length) room.copyWithin(to, to - back, to - back + length);
    else for (let index = 0; index < length; index += 1) room[to + index] = room[to - back + index] ?? 0;
    to += length;
  }
  return to;
}
