import { identifyFile } from "../../format/transform.ts";
import type { Format } from "../../model/image.ts";
import type { PlainSource } from "../../model/source.ts";

/** What the beginning of a source tells of the disk in it. */
export interface Measured {
  /** Inside of its compression. */
  readonly format?: Format;
  readonly virtualSize?: number;
}

/** Looks at a local file's first bytes, and at nothing of the network. Nothing is known of one that cannot be read: opening it tells why. */
export async function measure(spec: PlainSource, signal: AbortSignal): Promise<Measured> {
  if (spec.kind !== "file") return {};
  const detected = await identifyFile(spec.path, { member: spec.member }, signal).catch(() => undefined);
  signal.throwIfAborted();
  if (detected === undefined) return {};
  const { format, layers, size, virtualSize = format === "raw" && layers.length === 0 ? size : undefined } = detected;
  return {
    ...(format === undefined ? {} : { format }),
    ...(virtualSize === undefined ? {} : { virtualSize }),
  };
}
