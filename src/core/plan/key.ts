import { createHash } from "node:crypto";
import { nameOf } from "../model/digest.ts";
import type { Content } from "../model/source.ts";
import { canonical } from "../model/value.ts";

/**
 * What a mark says of the content, at most 80 plain characters: the digest where one is known, else a digest of all that is known.
 * Equal keys mean equal content.
 */
export function contentKey(content: Content | undefined): string {
  if (content === undefined) return "none";
  if (content.digest !== undefined && content.transform === undefined && nameOf(content.digest) === "sha256")
    return content.digest;
  const { where, digest, validators, resolved, transform } = content;
  const known = digest === undefined ? { where, validators, resolved, transform } : { digest, transform };
  return `${digest === undefined ? "known" : "digest"}:${createHash("sha256").update(canonical(known)).digest("hex")}`;
}

/** True when two keys are sure to mean different content: both are made of digests, or neither is. */
export function differs(a: string, b: string): boolean {
  const kind = (key: string) => key.slice(0, key.indexOf(":"));
  return a !== b && kind(a) === kind(b) && kind(a) !== "known";
}
