import { ByteReader, type ByteStream, copyOf } from "./bytes.ts";
import { Bits, type Bzip2Block, readBlock, Short } from "./bzip2-block.ts";
import { corrupt, truncated } from "./failures.ts";

const BZ = "the bzip2 data";
const UNIT = 100_000;
/** What a block takes at first sight, for each of the level: a little more than its bytes, which may not become smaller. */
const LIKELY = 110_000;
/** What a block takes at most: 900,000 symbols of 20 bits and its tables. */
const MOST = 1 << 22;
const PIECE = 1 << 18;
/** The CRC of bzip2 takes the bits from the other end than the usual one. */
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0);
  return value;
});

/** Unpacks bzip2: one or many streams after each other, every block checked by its CRC. Needs about 8 MiB. */
export async function* bunzip2(input: ByteStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  await using reader = new ByteReader(input, signal);
  let chain = new Uint32Array(0);
  for (let first = true; ; first = false) {
    const start = await reader.peek(4);
    if (start.length === 0 && !first) return;
    if (start.length < 4) throw truncated(BZ);
    const level = (start[3] ?? 0) - 0x30;
    if (start[0] !== 0x42 || start[1] !== 0x5a || start[2] !== 0x68 || level < 1 || level > 9) {
      throw corrupt(first ? "this is not bzip2 data" : "there are trailing bytes after the bzip2 data");
    }
    await reader.skip(4, BZ);
    if (chain.length !== level * UNIT) chain = new Uint32Array(level * UNIT);
    yield* stream(reader, chain);
  }
}

type Part = { readonly kind: "block"; readonly block: Bzip2Block } | { readonly kind: "end"; readonly crc: number };

async function* stream(reader: ByteReader, chain: Uint32Array): AsyncGenerator<Uint8Array> {
  let shift = 0;
  let combined = 0;
  const room = new Uint8Array(PIECE);
  for (;;) {
    const { part, bits } = await next(reader, shift, chain);
    await reader.skip(part.kind === "end" ? Math.ceil(bits / 8) : bits >>> 3, BZ);
    shift = bits & 7;
    if (part.kind === "end") {
      if (part.crc !== combined >>> 0) throw corrupt("the bzip2 data has a wrong CRC");
      return;
    }
    yield* unpacked(part.block, room);
    combined = ((combined << 1) | (combined >>> 31)) ^ part.block.crc;
  }
}

/** Reads on until there is enough for one part. */
async function next(
  reader: ByteReader,
  shift: number,
  chain: Uint32Array,
): Promise<{ readonly part: Part; readonly bits: number }> {
  for (let want = (chain.length / UNIT) * LIKELY; ; want *= 2) {
    const bytes = await reader.peek(want);
    const bits = new Bits(bytes, shift);
    try {
      return { part: readPart(bits, chain), bits: bits.at };
    } catch (thrown) {
      if (!(thrown instanceof Short)) throw thrown;
      if (bytes.length < want) throw truncated(BZ);
      if (want >= MOST) throw corrupt("a block of the bzip2 data does not end");
    }
  }
}

function readPart(bits: Bits, chain: Uint32Array): Part {
  const high = bits.read(24);
  const low = bits.read(24);
  if (high === 0x314159 && low === 0x265359) return { kind: "block", block: readBlock(bits, chain) };
  if (high !== 0x177245 || low !== 0x385090) throw corrupt("the bzip2 data cannot be unpacked: it is damaged");
  return { kind: "end", crc: ((bits.read(16) << 16) | bits.read(16)) >>> 0 };
}

/**
 * Follows the chain and undoes the runs: four equal bytes are followed by how many more of them come. Gives copies of what is in the room, no
 * larger than they need to be: a block may be small.
 */
function* unpacked({ chain, length, first, crc }: Bzip2Block, room: Uint8Array): Generator<Uint8Array> {
  let sum = -1;
  let filled = 0;
  let place = first;
  let previous = -1;
  let equal = 0;
  for (let at = 0; at < length; at += 1) {
    const entry = chain[place] ?? 0;
    const byte = entry & 0xff;
    place = entry >>> 8;
    let value = byte;
    let count = 1;
    if (equal === 4) {
      value = previous;
      count = byte;
      equal = 0;
      previous = -1;
    } else {
      equal = byte === previous ? equal + 1 : 1;
      previous = byte;
    }
    for (let left = count; left > 0; left -= 1) {
      sum = (sum << 8) ^ (CRC[((sum >>> 24) ^ value) & 0xff] ?? 0);
      room[filled] = value;
      filled += 1;
      if (filled === PIECE) {
        yield copyOf(room);
        filled = 0;
      }
    }
  }
  if (~sum >>> 0 !== crc) throw corrupt("a block of the bzip2 data has a wrong CRC");
  if (filled > 0) yield copyOf(room.subarray(0, filled));
}
