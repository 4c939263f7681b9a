import { Failure } from "../../failure.ts";
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
  if (decompress === false && member === undefined) return untouched(detected, wanted);
  const isUndone = decompress === true && (compressions === "any" || compressions.includes("none"));
  return planTransform(detected, { formats, compressions: isUndone ? ["none"] : compressions });
}

/**
 * The bytes as they are. Fails with `source.format` where the backend, or what is declared for it, means other bytes: they would be
 * published under a wrong name.
 */
function untouched(detected: Detected, { formats, compressions }: ByteRequirements): TransformPlan {
  if (detected.foreign !== undefined) return planTransform(detected, { formats: "any", compressions: "any" });
  const compression = compressionOf(detected);
  const { format = "other" } = detected;
  const isTaken =
    (formats === "any" || formats.includes(format)) && (compressions === "any" || compressions.includes(compression));
  if (!isTaken && (formats === "any" || !formats.includes("other"))) {
    const got = compression === "none" ? format : `${compression} data of a ${format} image`;
    throw new Failure("source.format", `the bytes are ${got}; expected ${taken(formats, compressions)}`, {
      hint: "remove `decompress = false`, so that they are unpacked and converted, or declare what they are",
    });
  }
  return { steps: [], format: detected.format, compression, onePass: true, open: false };
}

function taken(formats: ByteRequirements["formats"], compressions: ByteRequirements["compressions"]): string {
  const format = formats === "any" ? "any format" : formats.join(" or ");
  if (compressions === "any") return format;
  return `${format}, ${compressions.map((one) => (one === "none" ? "uncompressed" : `${one} compressed`)).join(" or ")}`;
}

export function compressionOf(detected: Detected | undefined): Compression {
  const [outermost = "none"] = detected?.layers ?? [];
  return outermost === "tar" || outermost === "zip" ? "none" : outermost;
}
