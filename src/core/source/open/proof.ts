import { Failure } from "../../failure.ts";
import type { Detected } from "../../format/identify.ts";
import type { TransformPlan } from "../../format/plan.ts";
import type { UnpackedCheck } from "../../format/unpacked-check.ts";
import { type Digest, digest, nameOf } from "../../model/digest.ts";
import { passThrough, type Source } from "../../model/image.ts";
import type { Content, PlainSource } from "../../model/source.ts";
import type { VerifiedBytes } from "../verified-bytes.ts";
import { changed, type DeclaredProof, Hashers } from "../verify/index.ts";
import { placesOf, publicUrl } from "../web/index.ts";

/** The sha256 of all bytes of some sources, one after the other. */
export async function sha256Of(sources: readonly Source[], signal: AbortSignal): Promise<Digest> {
  using hashing = new Hashers(["sha256"]);
  for (const source of sources) for await (const piece of passThrough(source, signal)) await hashing.update(piece);
  return digest("sha256", (await hashing.end()).get("sha256") ?? "");
}

/** Another digest is in the sums file than when the plan was made: nothing needs to be fetched to know. */
export function compareProof(spec: PlainSource, { digest: now }: DeclaredProof, expected: Content | undefined): void {
  const then = expected?.digest;
  if (spec.kind === "image" || then === undefined || now === undefined || then === now) return;
  if (nameOf(then) === nameOf(now)) throw changed(publicUrl(placesOf(spec)[0] ?? ""), `${then} then, ${now} now`);
}

const DAMAGED: readonly string[] = ["source.corrupt", "source.truncated"];

/**
 * What is made of bytes that nothing declared covers. Where they are damaged, what is kept of them is not used again: the next run
 * downloads them.
 */
export async function* distrusting(bytes: VerifiedBytes, made: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* made;
  } catch (thrown) {
    if (thrown instanceof Failure && DAMAGED.includes(thrown.code)) await bytes.distrust?.();
    throw thrown;
  }
}

export const isProven = ({ digest, signature }: DeclaredProof): boolean =>
  digest !== undefined || signature !== undefined;

/**
 * How bytes that stay compressed are checked; undefined: they are not compressed, or declared evidence covers them. What a plan has read
 * of a file is no evidence: a damaged one has a digest too.
 */
export function unpackedCheckOf(
  { steps, compression, format }: Pick<TransformPlan, "steps" | "compression" | "format">,
  layers: Detected["layers"],
  proof: DeclaredProof,
  options: Pick<UnpackedCheck, "limit" | "note">,
): UnpackedCheck | undefined {
  if (steps.length > 0 || compression === "none") return undefined;
  if (isProven(proof)) return undefined;
  return { packing: compression, format: layers.length === 1 ? format : undefined, ...options };
}
