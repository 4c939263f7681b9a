import type { Compression } from "../model/image.ts";
import { bunzip2 } from "./bunzip2.ts";
import type { Bytes } from "./bytes.ts";
import { gunzip } from "./gunzip.ts";
import { gzip, type Level } from "./gzip.ts";
import { DEFAULT_LIMIT, limited } from "./limit.ts";
import { unxz, xz } from "./xz.ts";
import { unzstd, zstd } from "./zstd.ts";

/** A compression that there is. */
export type Packing = Exclude<Compression, "none">;
/** A compression that we can make. */
export type Packer = Exclude<Packing, "bz2">;

const UNPACK: Readonly<Record<Packing, (input: Bytes, signal?: AbortSignal) => AsyncGenerator<Uint8Array>>> = {
  gz: gunzip,
  bz2: bunzip2,
  xz: unxz,
  zst: unzstd,
};

export interface UnpackOptions {
  /** The most bytes that may come out. Default: 1 TiB. */
  readonly limit?: number | undefined;
}

/**
 * Unpacks all members, streams or frames that are there. Fails with `source.truncated` where the input is cut off, with `source.corrupt`
 * where it is damaged or has other bytes behind its end, with `source.limit` where it gives more than the limit, and with
 * `source.format` where it is packed in a way that is not handled. It ends only after the input has been read to its end.
 */
export const decompress = (
  packing: Packing,
  input: Bytes,
  options: UnpackOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> =>
  limited(UNPACK[packing](input, signal), options.limit ?? DEFAULT_LIMIT, "what the compressed data unpacks to");

export interface PackOptions {
  /** gz: 1 to 9, default 6; zst: 1 to 19, default 3; xz: 0 to 6, default 3. Numbers beyond are taken for the nearest. */
  readonly level?: number | undefined;
  /** gz: threads at once; default: as many as there are cores. */
  readonly threads?: number | undefined;
}

/** Packs into one member, stream or frame. */
export function compress(
  packer: Packer,
  input: Bytes,
  options: PackOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { level, threads } = options;
  switch (packer) {
    case "gz":
      return gzip(input, { level: gzipLevel(level), ...(threads === undefined ? {} : { threads }) }, signal);
    case "xz":
      return xz(input, level === undefined ? {} : { level: within(level, 0, 6) }, signal);
    case "zst":
      return zstd(input, level === undefined ? {} : { level: within(level, 1, 19) }, signal);
    default:
      return packer satisfies never;
  }
}

const within = (level: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, Math.round(level)));

const LEVELS: readonly Level[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const gzipLevel = (level = 6): Level => LEVELS[within(level, 1, 9) - 1] ?? 6;
