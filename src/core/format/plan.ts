import { Failure } from "../failure.ts";
import type { ByteRequirements, Compression, Format } from "../model/image.ts";
import type { Packer } from "./compression.ts";
import { type Conversion, isConvertible } from "./convert.ts";
import type { Detected, Layer } from "./identify.ts";
import { PAGE } from "./non-disk.ts";
import { findQemu, noQemu } from "./qemu.ts";

/** One thing that is done to the bytes on their way. */
export type TransformStep =
  | "gunzip"
  | "bunzip2"
  | "unxz"
  | "unzstd"
  | "unlz4"
  | "unlzma"
  | "untar"
  | "unzip"
  | "qcow2->raw"
  | "raw->qcow2"
  | Conversion
  | "gzip"
  | "xz"
  | "zstd";

const OPEN: Readonly<Record<Layer, TransformStep>> = {
  gz: "gunzip",
  bz2: "bunzip2",
  xz: "unxz",
  zst: "unzstd",
  lz4: "unlz4",
  lzma: "unlzma",
  tar: "untar",
  zip: "unzip",
};
const PACK: Readonly<Record<Packer, TransformStep>> = { gz: "gzip", xz: "xz", zst: "zstd" };
const isPacker = (compression: Compression): compression is Packer => compression in PACK;

export interface TransformPlan {
  /** In the order in which they are done; none: the bytes pass through untouched. */
  readonly steps: readonly TransformStep[];
  /** What comes out; undefined where that shows only once the file in the archive has been found. */
  readonly format: Format | undefined;
  readonly compression: Compression;
  /**
   * Every byte goes through once and none is stored. False: the result needs a temporary file, or a second reading of the input. An
   * image in an order that no stream can follow may need a temporary file even where this is true.
   */
  readonly onePass: boolean;
  /** Bytes that come out, where that is known beforehand. */
  readonly size?: number;
  /** True: the file in the archive has to be looked at before it is known what else is to be done with it. */
  readonly open: boolean;
}

/** What a target takes, in the order of its liking. */
export type TransformTarget = Pick<ByteRequirements, "formats" | "compressions">;

interface PlanOptions {
  /** Whether there is a directory for temporary files. Default: true. */
  readonly directory?: boolean | undefined;
  /** Whether there is qemu-img, which reads the formats of other programs. Default: whether it is installed. */
  readonly qemu?: boolean | undefined;
}

/**
 * What has to be done so that the bytes are what the target takes. As little as possible: bytes that are taken as they are pass
 * untouched; then what is inside a compression is taken; then the first format and compression of the target's that can be made.
 * Fails with `source.format` when there is no way, or when an archive would have to be opened without its `member` being named.
 */
export function planTransform(detected: Detected, target: TransformTarget, options: PlanOptions = {}): TransformPlan {
  const { layers, format, size } = detected;
  if (detected.foreign !== undefined) return asItIs(detected.foreign, detected, target);
  const opening = layers.map((layer) => OPEN[layer]);
  if (format === undefined) return { steps: opening, format, compression: "none", onePass: true, open: true };
  const had = around(layers);
  if (had !== undefined && takes(target.formats, format) && takes(target.compressions, had)) {
    return { steps: [], format, compression: had, onePass: true, open: false, ...known(size) };
  }
  if (detected.disk !== undefined && !takes(target.formats, format))
    return planTransform(detected.disk, target, options);
  const made = takes(target.formats, format) ? format : convertible(format, target);
  const compression = packing(target, had);
  const pack: readonly TransformStep[] = isPacker(compression) ? [PACK[compression]] : [];
  if (made === format) return { steps: [...opening, ...pack], format, compression, onePass: true, open: false };
  if (isConvertible(format)) {
    const step: Conversion = made === "raw" ? `${format}->raw` : `${format}->qcow2`;
    const steps: readonly TransformStep[] = [...opening, step, ...pack];
    if (options.qemu ?? findQemu() !== undefined) {
      return { steps, format: made, compression, onePass: false, open: false };
    }
    throw noQemu(format);
  }
  if (made === "raw") {
    const steps: readonly TransformStep[] = [...opening, "qcow2->raw", ...pack];
    const length = pack.length === 0 ? known(detected.virtualSize) : {};
    return { steps, format: made, compression, onePass: true, open: false, ...length };
  }
  const inPlace = options.directory === false && layers.length === 0 && size !== undefined;
  return { steps: [...opening, "raw->qcow2", ...pack], format: made, compression, onePass: inPlace, open: false };
}

/** Bytes that are no disk pass where everything is taken; nothing can be made of them. */
function asItIs(what: string, { layers, size }: Detected, { formats, compressions }: TransformTarget): TransformPlan {
  const had = around(layers);
  if (had === undefined || formats !== "any" || compressions !== "any" || what === PAGE) {
    // What a proxy or a mirror answers in place of a file, with status 200.
    const hint =
      what === PAGE ? "open the URL in a browser: the server gave a page" : "check the source, or unpack it first";
    throw new Failure("source.format", `this is ${what}, which is neither a disk nor a supported archive`, { hint });
  }
  return { steps: [], format: "other", compression: had, onePass: true, open: false, ...known(size) };
}

/** The one compression around the image; undefined where there is more than that. */
function around(layers: readonly Layer[]): Compression | undefined {
  const [only = "none", ...more] = layers;
  return more.length > 0 || only === "tar" || only === "zip" ? undefined : only;
}

const takes = <T>(taken: "any" | readonly T[], it: T): boolean => taken === "any" || taken.includes(it);
const known = (size: number | undefined): { readonly size?: number } => (size === undefined ? {} : { size });

/** The compression that comes out: none, the one that there was, or the first that can be made. */
function packing({ compressions }: TransformTarget, had: Compression | undefined): Compression {
  if (compressions === "any" || compressions.includes("none")) return "none";
  const found = compressions.find((one) => one === had && isPacker(one)) ?? compressions.find(isPacker);
  if (found !== undefined) return found;
  throw new Failure("source.format", `none of the accepted compressions is supported: ${compressions.join(", ")}`, {
    hint: "gz, xz and zst are supported; use an image that is already compressed",
  });
}

function convertible(format: Format, { formats }: TransformTarget): "raw" | "qcow2" {
  const wanted = formats === "any" ? [] : formats;
  if (format === "qcow2" && wanted.includes("raw")) return "raw";
  if (format === "raw" && wanted.includes("qcow2")) return "qcow2";
  if (isConvertible(format)) {
    const first = wanted.find((one) => one === "raw" || one === "qcow2");
    if (first !== undefined) return first;
  }
  throw new Failure("source.format", `the image is ${format}; expected ${wanted.join(" or ")}`, {
    hint: wayOut(format),
  });
}

const wayOut = (format: Format): string =>
  format === "tar"
    ? 'say which file of the archive is meant: member = "disk.raw"'
    : "only raw and qcow2 can be created by conversion; choose another image or another backend";
