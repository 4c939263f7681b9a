import { availableParallelism } from "node:os";
import { constants, crc32, deflateRaw } from "node:zlib";
import { ByteReader, type ByteStream, viewOf } from "./bytes.ts";
import { inOrder } from "./in-order.ts";

/** What one thread compresses at a time, and what it may look back on of the block before. */
const BLOCK = 1 << 20;
const WINDOW = 1 << 15;

/** Level of compression 1 (fast) to 9 (small). */
export type GzipLevel = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

interface GzipOptions {
  /** Default 6. */
  readonly level?: GzipLevel;
  /** Blocks that are compressed at once; default: as many as there are cores. The result does not depend on it. */
  readonly threads?: number;
}

interface Block {
  readonly bytes: Uint8Array;
  readonly before: Uint8Array | undefined;
}

/**
 * Packs into one gzip member (RFC 1952), block by block on the threads of node:zlib. A block ends with an empty stored block (sync
 * flush), so that they can be put after each other, and looks back on the one before, so that nearly nothing is lost by it.
 * The same input and level give the same bytes.
 */
export async function* gzip(
  input: ByteStream,
  options: GzipOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { level = 6, threads = availableParallelism() } = options;
  let sum = 0;
  let length = 0;
  async function* counted(): AsyncGenerator<Block> {
    for await (const block of blocks(input, signal)) {
      sum = crc32(block.bytes, sum);
      length += block.bytes.length;
      yield block;
    }
  }
  yield Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : level === 1 ? 4 : 0, 255);
  yield* inOrder(counted(), Math.max(1, threads) + 1, (block) => deflated(block, level));
  const end = new Uint8Array(10);
  end[0] = 3;
  viewOf(end).setUint32(2, sum, true);
  viewOf(end).setUint32(6, length % 2 ** 32, true);
  yield end;
}

async function* blocks(input: ByteStream, signal: AbortSignal | undefined): AsyncGenerator<Block> {
  await using reader = new ByteReader(input, signal);
  let before: Uint8Array | undefined;
  for (let bytes = await reader.take(BLOCK); bytes.length > 0; bytes = await reader.take(BLOCK)) {
    yield { bytes, before };
    before = bytes.subarray(-WINDOW);
  }
}

function deflated({ bytes, before }: Block, level: GzipLevel): Promise<Uint8Array> {
  const options = {
    level,
    finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: BLOCK >> 1,
    ...(before === undefined ? {} : { dictionary: before }),
  };
  return new Promise((resolve, reject) => {
    deflateRaw(bytes, options, (error, packed) => (error === null ? resolve(packed) : reject(error)));
  });
}
