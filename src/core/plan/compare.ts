import { ALGORITHMS, shortDigest } from "../model/digest.ts";
import { contentKey, differs, isUnproven } from "./content-key.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { markerStatus } from "./ownership.ts";

/** Whether the bytes of an image that the state does not know are the declared ones. */
type BytesVerdict =
  | { readonly kind: "same" }
  | { readonly kind: "differ"; readonly text: string }
  /** Nothing that both sides know tells; `text` says why. */
  | { readonly kind: "unknown"; readonly text: string };

const SAME: BytesVerdict = { kind: "same" };

/** Compares digests where both sides have them, else what the genuine marker says of the content, else sizes. Pure. */
export function compareBytes(
  { content, sentAsIs, physical, sentSize }: Pick<DesiredImage, "content" | "sentAsIs" | "physical" | "sentSize">,
  found: Omit<LiveImage, "attributes">,
): BytesVerdict {
  if (physical !== undefined && found.names !== undefined && found.names.length > 0)
    return found.names.includes(physical) ? SAME : { kind: "differ", text: others(physical, found) };
  const digest = content?.digest;
  const theirs = ALGORITHMS.map((algorithm) => found.digests?.[algorithm]).find(
    (one) => one !== undefined && digest?.startsWith(`${one.slice(0, one.indexOf(":"))}:`),
  );
  if (digest !== undefined && theirs === digest) return SAME;
  const wanted = contentKey(content);
  const before = markerStatus(found) === "genuine" && found.isOthers !== true ? found.marker?.content : undefined;
  if (before !== undefined && before === wanted && !isUnproven(before)) return SAME;
  if (before !== undefined && isUnproven(before))
    return { kind: "differ", text: "content: by its marker, the bytes were never verified" };
  if (before !== undefined && !isUnproven(wanted) && differs(before, wanted))
    return { kind: "differ", text: `content: ${short(before)} there, ${short(wanted)} declared` };
  if (before === undefined && sentAsIs && digest !== undefined && theirs !== undefined)
    return { kind: "differ", text: `digest: ${shortDigest(theirs)} there, ${shortDigest(digest)} declared` };
  if (sentSize !== undefined && found.size !== undefined && found.size !== sentSize)
    return { kind: "differ", text: `size: ${found.size} bytes there, ${sentSize} declared` };
  if (sentAsIs && content?.size !== undefined && found.size !== undefined && found.size !== content.size)
    return { kind: "differ", text: `size: ${content.size} bytes declared, ${found.size} bytes on the backend` };
  return {
    kind: "unknown",
    text: "bytes not comparable: no common digest",
  };
}

/** Where equal bytes are one image, another image has other bytes. */
function others(physical: string, { id, digests }: Omit<LiveImage, "attributes">): string {
  const there = digests?.sha256 === undefined ? id : shortDigest(digests.sha256);
  return `bytes: ${there} there, ${short(physical)} declared`;
}

const short = (key: string): string => (key.length > 24 ? `${key.slice(0, 24)}…` : key);
