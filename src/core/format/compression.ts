import type { Compression } from "../model/image.ts";
import { bunzip2 } from "./bunzip2.ts";
import type { ByteStream } from "./bytes.ts";
import { withCollection } from "./collection.ts";
import { gunzip } from "./gunzip.ts";
import { type GzipLevel, gzip } from "./gzip.ts";
import { DEFAULT_LIMIT, limited } from "./limit.ts";
import { lzmaModule } from "./lzma-module.ts";
import type { ThreadJob } from "./thread-messages.ts";
import { unlz4 } from "./unlz4.ts";
import { unxz } from "./xz.ts";
import { unzstd, zstd } from "./zstd.ts";

/** A compression that there is. */
export type Packing = Exclude<Compression, "none">;
/** A compression that we can make. */
export type Packer = Exclude<Packing, "bz2" | "lz4" | "lzma">;

interface UnpackOptions {
  /** The most bytes that may come out. Default: 1 TiB. */
  readonly limit?: number | undefined;
  /** False: bz2, xz, lzma and lz4 are unpacked in place, which is better for a few bytes. Default: on a thread. */
  readonly thread?: boolean | undefined;
  /** Called with what is odd about the bytes, and no failure. */
  readonly note?: ((text: string) => void) | undefined;
}

/**
 * Unpacks all members, streams or frames that are there. Fails with `source.truncated` where the input is cut off, with `source.corrupt`
 * where it is damaged or has other bytes behind its end, with `source.limit` where it gives more than the limit, and with
 * `source.format` where it is packed in a way that is not handled. It ends only after the input has been read to its end.
 */
export function decompress(
  packing: Packing,
  input: ByteStream,
  options: UnpackOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { limit = DEFAULT_LIMIT } = options;
  return withCollection(limited(unpack(packing, input, options, signal), limit, "what the compressed data unpacks to"));
}

function unpack(
  packing: Packing,
  input: ByteStream,
  options: UnpackOptions,
  signal: AbortSignal | undefined,
): ByteStream {
  const { thread = true, note } = options;
  switch (packing) {
    case "gz":
      return gunzip(input, signal, note);
    case "zst":
      return unzstd(input, signal);
    case "bz2":
      return thread ? threaded({ kind: "bunzip2" }, input, signal) : bunzip2(input, signal);
    case "xz":
      return thread ? threaded({ kind: "unxz" }, input, signal) : unxz(input, lzmaModule, signal);
    case "lzma":
      return thread ? threaded({ kind: "unlzma" }, input, signal) : unxz(input, lzmaModule, signal, "lzma");
    case "lz4":
      return thread ? threaded({ kind: "unlz4" }, input, signal) : unlz4(input, signal);
    default:
      return packing satisfies never;
  }
}

/** The module is loaded where it is needed: from source, loading it bundles the program of the thread. */
async function* threaded(
  job: ThreadJob,
  input: ByteStream,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const { onThread } = await import("./thread.ts");
  yield* onThread(job, input, signal);
}

interface PackOptions {
  /** gz: 1 to 9, default 6; zst: 1 to 19, default 3; xz: 0 to 6, default 3. Numbers beyond are taken for the nearest. */
  readonly level?: number | undefined;
  /** gz: threads at once; default: as many as there are cores. */
  readonly threads?: number | undefined;
}

/** Packs into one member, stream or frame. */
export function compress(
  packer: Packer,
  input: ByteStream,
  options: PackOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { level, threads } = options;
  switch (packer) {
    case "gz":
      return gzip(input, { level: gzipLevel(level), ...(threads === undefined ? {} : { threads }) }, signal);
    case "xz":
      return threaded({ kind: "xz", level: within(level ?? 3, 0, 6) }, input, signal);
    case "zst":
      return zstd(input, level === undefined ? {} : { level: within(level, 1, 19) }, signal);
    default:
      return packer satisfies never;
  }
}

const within = (level: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, Math.round(level)));

const LEVELS: readonly GzipLevel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const gzipLevel = (level = 6): GzipLevel => LEVELS[within(level, 1, 9) - 1] ?? 6;
