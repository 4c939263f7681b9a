import type { Detected } from "../../format/identify.ts";
import { planTransform, type TransformPlan } from "../../format/plan.ts";
import type { ByteRequirements, Compression } from "../../model/image.ts";
import type { PlainSource } from "../../model/source.ts";

/** `decompress` says more than what the backend takes: false leaves the bytes alone, true takes the compression off where it can. */
export function planOf(
  detected: Detected,
  { decompress, member }: PlainSource,
  wanted: ByteRequirements,
): TransformPlan {
  const { formats, compressions } = wanted;
  if (decompress === false && member === undefined)
    return { steps: [], format: detected.format, compression: compressionOf(detected), onePass: true, open: false };
  const isUndone = decompress === true && (compressions === "any" || compressions.includes("none"));
  return planTransform(detected, { formats, compressions: isUndone ? ["none"] : compressions });
}

export function compressionOf(detected: Detected | undefined): Compression {
  const [outermost = "none"] = detected?.layers ?? [];
  return outermost === "tar" || outermost === "zip" ? "none" : outermost;
}
