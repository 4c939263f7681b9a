import { createHash } from "node:crypto";
import { ALGORITHMS, type Digest, nameOf, parseDigest } from "../model/digest.ts";
import type { Marker, Observed } from "../model/image.ts";
import type { Content } from "../model/source.ts";
import { canonical } from "../model/value.ts";
import { markerStatus } from "./ownership.ts";

/**
 * What a marker says of the content, at most 80 plain characters: the digest where one is known, else a digest of all that is known.
 * Equal keys mean equal content.
 */
export function contentKey(content: Content | undefined): string {
  if (content === undefined) return "none";
  if (content.digest !== undefined && content.transform === undefined && nameOf(content.digest) === "sha256")
    return content.digest;
  const { where, identity, digest, size, stat, validators, resolved, transform } = content;
  if (digest === undefined && resolved === undefined && stat !== undefined)
    return `${UNPROVEN}${createHash("sha256").update(canonical({ where, size, stat, transform })).digest("hex")}`;
  if (digest === undefined && resolved !== undefined)
    return `${ORIGIN}${createHash("sha256").update(canonical({ resolved, transform })).digest("hex")}`;
  const known =
    digest === undefined
      ? { where, validators, transform, ...(identity === undefined ? {} : { identity }) }
      : { digest, transform };
  return `${digest === undefined ? "known" : "digest"}:${createHash("sha256").update(canonical(known)).digest("hex")}`;
}

/** An origin of the backend's own, where it pointed. */
const ORIGIN = "origin:";
/** A file that nobody has read yet: a marker says this only until its bytes have been sent. */
const UNPROVEN = "unproven:";
export const isUnproven = (key: string): boolean => key.startsWith(UNPROVEN);

/** True when two keys mean different content: both are made of digests, or neither is. One that was never proven is like no other. */
export function differs(a: string, b: string): boolean {
  if (isUnproven(a) || isUnproven(b)) return true;
  const kind = (key: string) => key.slice(0, key.indexOf(":"));
  return a !== b && kind(a) === kind(b) && kind(a) !== "known";
}

/** The image bears the marker that it is to have, its own one, and what it was made from is known. */
export const carries = (image: Pick<Observed, "id" | "self" | "marker">, marker: Marker): boolean => {
  const have = image.marker;
  if (have === undefined || markerStatus(image) !== "genuine") return false;
  const isOwned = have.owner === marker.owner && have.file === marker.file && have.lineage === marker.lineage;
  return isOwned && have.retained === marker.retained && !isUnproven(have.content);
};

/** The digest that the backend reports of an image whose origin is the backend's own, of the kind that is known of that origin. */
export const liveOf = (content: Content | undefined, { digests }: Pick<Observed, "digests">): Digest | undefined =>
  content?.resolved === undefined || content.digest === undefined
    ? undefined
    : ALGORITHMS.map((algorithm) => digests?.[algorithm]).find(
        (one) => one !== undefined && content.digest !== undefined && nameOf(one) === nameOf(content.digest),
      );

/** What a marker tells of the content, as far as it can be compared later. */
export function contentOfKey(key: string): Content | undefined {
  const digest = parseDigest(key);
  return digest === undefined ? undefined : { where: "an earlier run", digest };
}
