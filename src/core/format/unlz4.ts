import { ByteReader, type ByteStream, viewOf } from "./bytes.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";
import { Lz4Block } from "./lz4-block.ts";
import { XxHash32, xxHash32 } from "./xxhash.ts";

const LZ4 = "the lz4 data";
const LZ4_MAGIC = 0x184d2204;
const FLAG = { independent: 32, blockSums: 16, size: 8, sum: 4, reserved: 2, dictionary: 1 } as const;
const STORED = 0x8000_0000;

interface Frame {
  readonly blockSums: boolean;
  readonly sum: boolean;
  readonly independent: boolean;
  readonly most: number;
  readonly size: bigint | undefined;
}

/** Unpacks lz4 (frame format 1.6): one or many frames after each other, with the sums that they have. Needs less than 1 MiB, whatever the blocks. */
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
  const block = new Lz4Block(frame.most, damaged);
  const sum = new XxHash32();
  let length = 0n;
  const made = (bytes: Uint8Array): Uint8Array => {
    if (frame.sum) sum.update(bytes);
    length += BigInt(bytes.length);
    return bytes;
  };
  for (let word = await number32(reader); word !== 0; word = await number32(reader)) {
    const packed = word % STORED;
    if (packed > frame.most) throw damaged();
    const blockSum = frame.blockSums ? new XxHash32() : undefined;
    block.begin(frame.independent);
    for await (const piece of reader.pieces(packed, LZ4)) {
      blockSum?.update(piece);
      for (const bytes of block.add(piece, word < STORED)) yield made(bytes);
    }
    block.end();
    if (blockSum !== undefined && (await number32(reader)) !== blockSum.digest()) throw damaged();
  }
  const last = block.take();
  if (last.length > 0) yield made(last);
  if (frame.size !== undefined && frame.size !== length) throw damaged();
  if (frame.sum && (await number32(reader)) !== sum.digest()) throw damaged();
}

const number32 = async (reader: ByteReader): Promise<number> => viewOf(await reader.exact(4, LZ4)).getUint32(0, true);
const damaged = (): Error => corrupt("the lz4 data cannot be unpacked: it is damaged");
