import { FileAccess } from "./access.ts";
import type { ByteStream } from "./bytes.ts";
import { handedOut } from "./collection.ts";
import { compress, decompress, type Packing } from "./compression.ts";
import { convert } from "./convert.ts";
import { empty } from "./failures.ts";
import { identify } from "./identify.ts";
import { planTransform, type TransformPlan, type TransformStep, type TransformTarget } from "./plan.ts";
import { readQcow2 } from "./qcow2/read.ts";
import { qcow2Of } from "./qcow2/write.ts";
import { plain, type Segment, type Segments } from "./segment.ts";
import { Spool } from "./spool.ts";
import { untar } from "./tar.ts";
import { unzip } from "./unzip.ts";
import { watched } from "./whole.ts";

/** Where bytes come from: a file that can be read at any place and twice, or a stream, once. */
export type Input =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream"; readonly bytes: ByteStream; readonly size?: number | undefined };

interface TransformOptions {
  /** What the plan was made for. */
  readonly target: TransformTarget;
  /** The file of an archive; without it the first one. */
  readonly member?: string | undefined;
  /** The most bytes that any step may give. Default: 1 TiB. */
  readonly limit?: number | undefined;
  /** Of the compression. */
  readonly level?: number | undefined;
  /** Threads that compress or unpack at once; default: as many as there are cores. */
  readonly threads?: number | undefined;
  /** Where temporary files may be made, when they are needed. */
  readonly directory?: string | undefined;
  /** Called with how far a disk was read to see where its data is. */
  readonly scanned?: ((done: number, total: number) => void) | undefined;
  /** Called with what is odd about the bytes, and no failure. */
  readonly note?: ((text: string) => void) | undefined;
  /** A reader is done with a piece before it requests the fourth after it. */
  readonly lent?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const UNPACKED: readonly TransformStep[] = ["gunzip", "bunzip2", "unxz", "unzstd", "unlz4", "unlzma"];

const ARCHIVES: readonly TransformStep[] = ["untar", "unzip"];
const DISKS: readonly TransformStep[] = ["qcow2->raw", "raw->qcow2"];

/** A step that copies what it is given piece by piece, so that it may be lent to it. */
const isCopying = (step: TransformStep | undefined): boolean =>
  step !== undefined && [...UNPACKED, ...ARCHIVES, ...DISKS].includes(step);
/** Whether the first step may be lent the bytes of the input. */
export const takesLent = ({ steps: [first] }: TransformPlan): boolean => isCopying(first);

/** Whether each piece that comes out can be made for a reader that it is lent to: it shares its buffer with nothing else that is read. */
const canLend = ({ steps, open }: TransformPlan): boolean => {
  const last = steps.at(-1);
  return !open && last !== undefined && [...UNPACKED, ...ARCHIVES, ...DISKS, "gzip", "xz", "zstd"].includes(last);
};

type Flow =
  | { readonly kind: "input"; readonly input: Input }
  | { readonly kind: "bytes"; readonly bytes: ByteStream }
  | { readonly kind: "disk"; readonly segments: Segments };

/**
 * Runs a plan: the bytes that come out, pulled through all steps by the reader. It ends only after the input has been read to
 * its end. Fails as the steps do; the input is closed then, and temporary files are gone.
 */
export async function* transform(
  input: Input,
  plan: TransformPlan,
  options: TransformOptions,
): AsyncGenerator<Uint8Array> {
  const lent = options.lent === true && canLend(plan);
  const bytes = bytesOf(await flow(input, plan, { ...options, lent }), options);
  if (plan.steps.length === 0) yield* bytes;
  else yield* handedOut(bytes, lent);
}

const isConversion = (step: TransformStep): boolean => step.includes("->");
const isPacking = (step: TransformStep): boolean => ["gzip", "xz", "zstd"].includes(step);

async function flow(input: Input, plan: TransformPlan, options: TransformOptions): Promise<Flow> {
  let at: Flow = { kind: "input", input };
  const { steps, format } = plan;
  for (const [index, step] of steps.entries()) {
    if (isPacking(step)) continue;
    const next = steps[index + 1];
    at = apply(step, at, { ...options, lent: next === undefined ? options.lent : isCopying(next) });
  }
  // What was only unpacked has been seen from its beginning alone.
  if (format !== undefined && !steps.some(isConversion))
    at = { kind: "bytes", bytes: watched(format, bytesOf(at, options)) };
  for (const step of steps.filter(isPacking)) at = apply(step, at, options);
  if (!plan.open) return at;
  const { detected, whole } = await identify(bytesOf(at, options), {}, options.signal);
  try {
    const rest = planTransform(detected, options.target, { directory: options.directory !== undefined });
    return await flow({ kind: "stream", bytes: whole }, rest, options);
  } catch (thrown) {
    await whole[Symbol.asyncIterator]().return?.();
    throw thrown;
  }
}

function apply(step: TransformStep, at: Flow, options: TransformOptions): Flow {
  const { limit, level, threads, note, lent, signal } = options;
  const bytes = (): ByteStream => bytesOf(at, options);
  const unpacked = (packing: Packing): Flow => ({
    kind: "bytes",
    bytes: some(decompress(packing, bytes(), { limit, note }, signal), `what is inside of the ${packing} data`),
  });
  const opened = (archive: typeof untar): Flow => ({
    kind: "bytes",
    bytes: some(archive(bytes(), { name: options.member, limit, lent }, signal), "the file in the archive"),
  });
  switch (step) {
    case "gunzip":
      return unpacked("gz");
    case "bunzip2":
      return unpacked("bz2");
    case "unxz":
      return unpacked("xz");
    case "unzstd":
      return unpacked("zst");
    case "unlz4":
      return unpacked("lz4");
    case "unlzma":
      return unpacked("lzma");
    case "untar":
      return opened(untar);
    case "unzip":
      return opened(unzip);
    case "qcow2->raw":
      return { kind: "disk", segments: diskOf(at, options) };
    case "raw->qcow2":
      return { kind: "bytes", bytes: imageOf(at, options) };
    case "gzip":
      return { kind: "bytes", bytes: compress("gz", bytes(), { level, threads }, signal) };
    case "xz":
      return { kind: "bytes", bytes: compress("xz", bytes(), { level }, signal) };
    case "zstd":
      return { kind: "bytes", bytes: compress("zst", bytes(), { level }, signal) };
    default:
      return { kind: "bytes", bytes: convert(bytes(), step, { limit, signal, directory: options.directory }) };
  }
}

/** The bytes as they are. Fails with `source.format` where there are none. */
async function* some(input: ByteStream, what: string): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for await (const piece of input) {
    isEmpty &&= piece.length === 0;
    yield piece;
  }
  if (isEmpty) throw empty(what);
}

function bytesOf(at: Flow, options: TransformOptions): ByteStream {
  switch (at.kind) {
    case "bytes":
      return at.bytes;
    case "disk":
      return plain(at.segments);
    case "input":
      return at.input.kind === "file" ? fileBytes(at.input.path, options) : at.input.bytes;
    default:
      return at satisfies never;
  }
}

async function* fileBytes(path: string, { signal }: TransformOptions): AsyncGenerator<Uint8Array> {
  await using file = await FileAccess.open(path, signal);
  yield* file.pieces();
}

async function* diskOf(at: Flow, options: TransformOptions): AsyncGenerator<Segment> {
  const { limit, threads, lent, signal, directory } = options;
  await using image =
    at.kind === "input" && at.input.kind === "file"
      ? await FileAccess.open(at.input.path, signal)
      : new Spool(bytesOf(at, options), { directory, signal });
  let isEmpty = true;
  for await (const segment of readQcow2(image, { limit, threads, lent })) {
    isEmpty = false;
    yield segment;
  }
  if (isEmpty) throw empty("the disk in the qcow2 image");
}

async function* imageOf(at: Flow, options: TransformOptions): AsyncGenerator<Uint8Array> {
  const { limit, signal, directory, scanned } = options;
  const input: Input = at.kind === "input" ? at.input : { kind: "stream", bytes: bytesOf(at, options) };
  await using image = await qcow2Of(input, { limit, signal, directory, scanned });
  yield* image.open();
}
