import { Failure } from "../../failure.ts";
import { wholeDiskEncrypted } from "../../format/identify.ts";
import { identifyFile } from "../../format/identify-file.ts";
import type { TransformPlan } from "../../format/plan.ts";
import type { ByteRequirements, Compression, Format } from "../../model/image.ts";
import type { FileSource, PlainSource, SourceSpec } from "../../model/source.ts";
import type { OutgoingBytes } from "../context.ts";
import { planOf } from "./conversion.ts";
import { statFile } from "./inspect.ts";
import { manyHoles } from "./sparse.ts";
import { withTree } from "./tree.ts";

/** What the beginning of a source tells of the disk in it. */
interface Measured {
  /** Inside of its compression. */
  readonly format?: Format;
  readonly virtualSize?: number;
  /** The compression of bytes that are sent untouched; undefined where they are converted or packed on their way. */
  readonly untouched?: Compression;
  readonly outgoing?: OutgoingBytes;
  /** What is worth a word, and no failure. */
  readonly remark?: string;
  /** Why the backend can have nothing of it. */
  readonly problem?: Failure;
}

/** Failures that no other try and no other backend changes: the file is not what it would have to be. */
const LASTING = new Set(["source.format", "source.member", "source.corrupt", "source.truncated"]);

/**
 * Looks at a local file's first bytes, and at nothing of the network: what becomes of them for a backend that takes `wanted`. Nothing is
 * known of one that cannot be read: opening it tells why.
 */
async function measureFile(
  spec: PlainSource,
  wanted: ByteRequirements | undefined,
  signal: AbortSignal,
): Promise<Measured> {
  if (spec.kind !== "file") return {};
  try {
    const detected = await identifyFile(spec.path, { member: spec.member }, signal);
    const {
      format,
      layers,
      size,
      encrypted,
      virtualSize = format === "raw" && layers.length === 0 ? size : undefined,
    } = detected;
    const plan = wanted === undefined ? undefined : planOf(detected, spec, wanted);
    const outgoing = plan === undefined ? undefined : await outgoingOf(spec, plan, size);
    return {
      ...(outgoing === undefined ? {} : { outgoing }),
      ...(format === undefined ? {} : { format }),
      ...(virtualSize === undefined ? {} : { virtualSize }),
      ...(encrypted === undefined ? {} : { remark: wholeDiskEncrypted(encrypted) }),
      ...(plan?.steps.length === 0 ? { untouched: plan.compression } : {}),
    };
  } catch (thrown) {
    signal.throwIfAborted();
    return thrown instanceof Failure && LASTING.has(thrown.code) ? { problem: thrown } : {};
  }
}

/** The same of any source; a directory is packed first. */
export const measureSource = async (
  spec: SourceSpec,
  wanted: ByteRequirements | undefined,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Measured> =>
  spec.kind === "promoted" ? {} : await measureFile(await withTree(spec, env, signal), wanted, signal);

async function outgoingOf(
  { path, metadata }: FileSource,
  plan: TransformPlan,
  whole: number | undefined,
): Promise<OutgoingBytes> {
  const isUntouched = plan.steps.length === 0;
  const size = isUntouched ? whole : plan.size;
  const beside = metadata === undefined ? 0 : (await statFile(metadata)).size;
  const holes = isUntouched ? await manyHoles(path, whole ?? Number.POSITIVE_INFINITY) : undefined;
  return {
    isUntouched,
    ...(size === undefined ? {} : { size: size + beside }),
    ...(holes === undefined ? {} : { holes }),
  };
}
