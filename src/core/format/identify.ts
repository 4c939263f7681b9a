import { Failure } from "../failure.ts";
import type { Format } from "../model/image.ts";
import { type ByteStream, bytesOf, join, peek } from "./bytes.ts";
import { decompress, type Packing } from "./compression.ts";
import { type DetectedKind, detect, HEAD, isPadding, wordsOf } from "./detect.ts";
import { empty, truncated } from "./failures.ts";
import { memoryToUnpack } from "./memory.ts";
import { isOvf, NoSingleDisk } from "./ovf.ts";
import { showsTable } from "./qcow2/check.ts";
import { untar } from "./tar.ts";
import { refuseUnsafe } from "./unsafe.ts";
import { unzip } from "./unzip.ts";

/** What of a stream is looked at: enough for the first block of any compression. */
export const WINDOW = 3 << 19;
/** What is looked at first: enough for most. A head is held until its image has its turn, and more of it has to be unpacked to be seen. */
export const GLANCE = 1 << 18;
/** Wrappings within each other that are taken off; more is an attack. */
const DEPTH = 4;

/** What is wrapped around an image, the outermost first. */
export type Layer = Packing | "tar" | "zip";

/** What a stream is, as far as its beginning tells. */
export interface Detected {
  readonly layers: readonly Layer[];
  /** What is inside of the layers; undefined where that shows only once the file in the archive has been found. */
  readonly format: Exclude<Format, "other"> | undefined;
  /** In words, when it is neither a disk nor anything that is unpacked here: a 7z archive. `format` is undefined then. */
  readonly foreign?: string;
  /** Bytes of the disk, where the head tells them. */
  readonly virtualSize?: number;
  readonly partitions?: "mbr" | "gpt";
  readonly variant?: string;
  /** With what all of the disk is encrypted. */
  readonly encrypted?: string;
  /** Bytes that unpacking it holds. */
  readonly memory?: number;
  /** Of an OVA, which is a tar archive: its disk. */
  readonly disk?: Detected;
  /** Bytes of the stream as it comes, where they were reported. */
  readonly size?: number;
}

export const wholeDiskEncrypted = (what: string): string =>
  `the disk is encrypted as a whole (${what}): it boots only where its key is given`;

export interface IdentifyOptions {
  /** Look into an archive: at the file of this name, or (`true`) at the first one. Without it an archive is an image itself. */
  readonly member?: string | true | undefined;
  /** Bytes of the stream. */
  readonly size?: number | undefined;
  /** The last 512 bytes, where the end can be read. */
  readonly tail?: Uint8Array | undefined;
}

/**
 * Tells what a stream is from its beginning, through compressions and (with `member`) archives; nothing of the stream is lost. A zip
 * archive that is not looked into is `source.format`, and so is an image that needs other files; `member` of what is no archive is
 * `source.member`.
 */
export async function identify(
  input: ByteStream,
  options: IdentifyOptions = {},
  signal?: AbortSignal,
): Promise<{ readonly detected: Detected; readonly whole: ByteStream }> {
  const { head, whole } = await peek(input, WINDOW, signal);
  return { detected: await identifyHead(head, options, signal), whole };
}

/** The same from fewer bytes than `WINDOW`; undefined where more of them might tell more, or something else. */
export async function identifyEarly(
  head: Uint8Array,
  options: IdentifyOptions = {},
  signal?: AbortSignal,
): Promise<Detected | undefined> {
  let isSure = false;
  const look = (inside: Uint8Array, format: Format): void => {
    const isWhole = format === "qcow2" ? showsTable(inside) : format === "raw" && inside !== head;
    isSure = isWhole && inside.length >= HEAD && !isPadding(inside);
  };
  // A failure is that of the whole window: what is cut off here need not be damaged.
  const detected = await identifyHead(head, options, signal, look).catch(() => undefined);
  return isSure ? detected : undefined;
}

/** The same from the first `WINDOW` bytes. `look`: called with the beginning of the image itself, and its format. */
export async function identifyHead(
  head: Uint8Array,
  options: IdentifyOptions = {},
  signal?: AbortSignal,
  look?: (inside: Uint8Array, format: Format) => void,
): Promise<Detected> {
  const layers: Layer[] = [];
  const size = options.size === undefined ? {} : { size: options.size };
  let inside = head;
  let damage: unknown;
  let opened = false;
  let memory = 0;
  for (;;) {
    const found = detect(inside, layers.length === 0 ? options.tail : undefined);
    const archive = archiveOf(found);
    if (archive !== undefined && options.member !== undefined && !opened) {
      opened = true;
      layers.push(archive);
      const next = await memberHead(archive, inside, options.member, signal);
      if (next === undefined) return { layers, format: undefined, ...(memory === 0 ? {} : { memory }), ...size };
      inside = next;
    } else if (found.kind === "packed") {
      layers.push(found.packing);
      memory += memoryToUnpack(found.packing, inside);
      const unpacked = decompress(found.packing, bytesOf(inside), { thread: false }, signal);
      inside = await firstOf(unpacked, (thrown) => {
        damage ??= thrown;
      });
    } else if (found.kind === "zip") {
      throw new Failure("source.format", "this is a zip archive, not an image", {
        hint: 'say which file of it is meant: member = "disk.raw"',
      });
    } else if (options.member !== undefined && !opened) {
      if (damage !== undefined) throw damage;
      const [around] = layers;
      if (inside.length === 0 && around !== undefined) throw truncated(`the ${around} data`);
      throw noArchive(layers, wordsOf(found, inside));
    } else if (found.kind === "foreign") {
      return { layers, format: undefined, foreign: found.what, ...size };
    } else {
      const isOutermost = layers.length === 0;
      if (isOutermost && inside.length === 0) throw empty("the source");
      if (isOutermost) refuseUnsafe(found.format, inside, options.size, options.tail);
      else refuseUnsafe(found.format, inside);
      look?.(inside, found.format);
      const { kind: _, ...image } = found;
      const disk = isOva(found, inside) ? await ovaDisk(head, options, signal) : {};
      return { layers, ...image, ...disk, ...size, ...(memory === 0 ? {} : { memory }) };
    }
    if (layers.length > DEPTH)
      throw new Failure("source.format", "the image is nested in more than four archives or compressions");
  }
}

/** Its first file is its description. */
const isOva = (found: DetectedKind, inside: Uint8Array): boolean =>
  archiveOf(found) === "tar" && isOvf(new TextDecoder().decode(inside.subarray(0, 100)).split("\0")[0] ?? "");

/** Nothing where it has to be said which disk is meant. */
async function ovaDisk(head: Uint8Array, options: IdentifyOptions, signal: AbortSignal | undefined) {
  if (options.member !== undefined) return {};
  try {
    return { disk: await identifyHead(head, { ...options, member: true }, signal) };
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === "source.member") return {};
    throw thrown;
  }
}

function noArchive(layers: readonly Layer[], what: string): Failure {
  const around = layers.map((layer) => `${layer} data of `).join("");
  return new Failure("source.member", `\`member\` needs an archive, got ${around}${what}`, {
    hint: "remove `member`, or check the source",
  });
}

function archiveOf(found: DetectedKind): "tar" | "zip" | undefined {
  if (found.kind === "zip") return "zip";
  return found.kind === "image" && found.format === "tar" ? "tar" : undefined;
}

/** The beginning of the file in the archive; undefined when it lies beyond the window. */
async function memberHead(
  archive: "tar" | "zip",
  head: Uint8Array,
  member: string | true,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const options = member === true ? {} : { name: member };
  const open = archive === "tar" ? untar : unzip;
  const first = await firstOf(open(bytesOf(head), options, signal));
  return first.length > 0 ? first : undefined;
}

/**
 * As many bytes as tell what they are, or as come before the window ends: being cut off there is no failure, and damage behind them
 * is reported to `damaged` alone.
 */
export async function firstOf(input: ByteStream, damaged?: (thrown: unknown) => void): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of input) {
      pieces.push(piece);
      length += piece.length;
      if (length >= WINDOW) break;
    }
  } catch (thrown) {
    if (thrown instanceof NoSingleDisk) throw thrown;
    const cut = thrown instanceof Failure && (thrown.code === "source.truncated" || thrown.code === "source.member");
    if (!cut && length < HEAD) throw thrown;
    if (!cut) damaged?.(thrown);
  }
  return join(pieces, length).subarray(0, WINDOW);
}
