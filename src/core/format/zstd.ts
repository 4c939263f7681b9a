import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { ByteReader, type ByteStream, gathered } from "./bytes.ts";
import { SLICE, throughEngine } from "./engine.ts";
import { corrupt } from "./failures.ts";
import { type Promised, zstdFrames } from "./zstd-frame.ts";

/** Unpacks zstd: one or many frames after each other, all of them whole. */
export async function* unzstd(input: ByteStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  await using reader = new ByteReader(input, signal);
  const promised: Promised = { bytes: 0 };
  const damaged = (cause?: unknown): Error => corrupt("the zstd data cannot be unpacked: it is damaged", cause);
  let length = 0;
  for await (const piece of throughEngine(
    createZstdDecompress({ chunkSize: SLICE }),
    gathered(zstdFrames(reader, promised), SLICE),
    damaged,
  )) {
    length += piece.length;
    yield piece;
  }
  if (promised.bytes !== undefined && promised.bytes !== length) throw damaged();
}

interface ZstdOptions {
  /** 1 (fast) to 19 (small); default 3. */
  readonly level?: number;
}

/** Packs into one zstd frame with a checksum. */
export async function* zstd(
  input: ByteStream,
  options: ZstdOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await using reader = new ByteReader(input, signal);
  const engine = createZstdCompress({
    chunkSize: SLICE,
    params: {
      [constants.ZSTD_c_compressionLevel]: options.level ?? 3,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  yield* throughEngine(engine, reader.rest(), (cause) => new Error("zstd failed", { cause }));
}
