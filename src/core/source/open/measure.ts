import { Failure } from "../../failure.ts";
import { identifyFile } from "../../format/transform.ts";
import type { Compression, Format, Wanted } from "../../model/image.ts";
import type { PlainSource } from "../../model/source.ts";
import { planOf } from "./conversion.ts";

/** What the beginning of a source tells of the disk in it. */
interface Measured {
  /** Inside of its compression. */
  readonly format?: Format;
  readonly virtualSize?: number;
  /** The compression of bytes that are sent untouched; undefined where they are converted or packed on their way. */
  readonly untouched?: Compression;
  /** Why the backend can have nothing of it. */
  readonly problem?: Failure;
}

/** Failures that no other try and no other backend changes: the file is not what it would have to be. */
const LASTING = new Set(["source.format", "source.member", "source.corrupt", "source.truncated"]);

/**
 * Looks at a local file's first bytes, and at nothing of the network: what becomes of them for a backend that takes `wanted`. Nothing is
 * known of one that cannot be read: opening it tells why.
 */
export async function measure(spec: PlainSource, wanted: Wanted | undefined, signal: AbortSignal): Promise<Measured> {
  if (spec.kind !== "file") return {};
  try {
    const detected = await identifyFile(spec.path, { member: spec.member }, signal);
    const { format, layers, size, virtualSize = format === "raw" && layers.length === 0 ? size : undefined } = detected;
    const plan = wanted === undefined ? undefined : planOf(detected, spec, wanted);
    return {
      ...(format === undefined ? {} : { format }),
      ...(virtualSize === undefined ? {} : { virtualSize }),
      ...(plan?.steps.length === 0 ? { untouched: plan.compression } : {}),
    };
  } catch (thrown) {
    signal.throwIfAborted();
    return thrown instanceof Failure && LASTING.has(thrown.code) ? { problem: thrown } : {};
  }
}
