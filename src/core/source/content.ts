import { nameOf, shortDigest } from "../model/digest.ts";
import type { Content, Stat, Validators } from "../model/source.ts";

/** What two looks at an origin say of each other, in the words that a plan shows. */
export type Comparison =
  | { readonly kind: "same" }
  | { readonly kind: "changed"; readonly before: string; readonly after: string; readonly why: string }
  /** Nothing that both know tells them apart, and nothing shows that they are the same. */
  | { readonly kind: "unknown" };

const SAME: Comparison = { kind: "same" };
const UNKNOWN: Comparison = { kind: "unknown" };

/**
 * Compares like with like: digest with digest; else what the server or the file system says; else the place. A touched file and
 * another mirror with the same digest are the same content.
 */
export function compareContent(before: Content, now: Content): Comparison {
  if (before.transform !== now.transform)
    return changed(
      before.transform ?? "as it is",
      now.transform ?? "as it is",
      "the declared part of the source has changed",
    );
  if (before.resolved !== undefined && now.resolved !== undefined && !(before.digest && now.digest))
    return before.resolved === now.resolved
      ? SAME
      : changed(before.resolved, now.resolved, "the origin now points elsewhere");
  return compareDigests(before, now) ?? compareRest(before, now);
}

function compareDigests(before: Content, now: Content): Comparison | undefined {
  if (before.digest === undefined || now.digest === undefined || nameOf(before.digest) !== nameOf(now.digest))
    return undefined;
  if (before.digest === now.digest) return SAME;
  return changed(shortDigest(before.digest), shortDigest(now.digest), "the bytes have changed");
}

function compareRest(before: Content, now: Content): Comparison {
  if (before.size !== undefined && now.size !== undefined && before.size !== now.size)
    return changed(`${before.size} bytes`, `${now.size} bytes`, "the size has changed");
  if (before.where !== now.where)
    return changed(
      before.where,
      now.where,
      "the location of the source has changed, and no digest shows that the bytes are the same",
    );
  if (isOther(before.identity, now.identity)) return compareRequests(before.validators, now.validators);
  if (before.stat !== undefined && now.stat !== undefined) return sameStat(before.stat, now.stat) ? SAME : UNKNOWN;
  if (before.validators !== undefined && now.validators !== undefined)
    return compareValidators(before.validators, now.validators);
  return evidence(before) || evidence(now) ? UNKNOWN : SAME;
}

/**
 * Are these two requests, of one place, that differ in what is not shown? False also where nobody can tell: one of them was identified
 * by another machine, or hides nothing.
 */
export function isOther(a: string | undefined, b: string | undefined): boolean {
  const name = (identity: string) => identity.slice(0, identity.indexOf(":"));
  return a !== undefined && b !== undefined && a !== b && name(a) === name(b);
}

/** A signed URL is another one each time: only what the server says of the file shows whether it is the same. */
function compareRequests(before: Validators = {}, now: Validators = {}): Comparison {
  const compared = compareValidators(before, now);
  return compared.kind === "same" && before.etag === undefined ? UNKNOWN : compared;
}

/** What there is to compare: without anything on both sides, the place alone says that they are the same. */
const evidence = ({ digest, validators, stat, resolved }: Content): boolean =>
  digest !== undefined || validators !== undefined || stat !== undefined || resolved !== undefined;

/** The same file, untouched, as far as its file system tells. */
export const sameStat = (a: Stat, b: Stat): boolean => a.size === b.size && a.mtime === b.mtime && a.inode === b.inode;

/** Only for answers of the same URL: an ETag means nothing to another server. */
export function compareValidators(before: Validators, now: Validators): Comparison {
  const why = "only the validators of the file have changed; the bytes may be the same";
  if (before.length !== undefined && now.length !== undefined && before.length !== now.length)
    return changed(`${before.length} bytes`, `${now.length} bytes`, "the length has changed");
  if (before.etag !== undefined && now.etag !== undefined)
    return sameVersion(before, now) || isSameFile(before, now)
      ? SAME
      : changed(`etag ${before.etag}`, `etag ${now.etag}`, why);
  if (before.modified !== undefined && now.modified !== undefined)
    return before.modified === now.modified ? SAME : changed(before.modified, now.modified, why);
  return UNKNOWN;
}

/** The server says nothing of its file but the length. */
export const isMute = ({ etag, modified }: Validators): boolean => etag === undefined && modified === undefined;

/** The same, as far as anybody knows: of a file of which nothing is said, what was read last is what counts. */
export const isSameAsTold = (before: Validators, now: Validators): boolean =>
  isMute(before) && isMute(now) ? before.length === now.length : compareValidators(before, now).kind === "same";

/** Servers behind one URL count their versions each in its own way: time and length together say that the file is the same. */
const isSameFile = (before: Validators, now: Validators): boolean =>
  before.modified !== undefined &&
  before.modified === now.modified &&
  before.length !== undefined &&
  before.length === now.length;

/** The same ETag: what is taken in place of bytes that could be fetched. */
export const sameVersion = ({ etag: before }: Validators, { etag: now }: Validators): boolean =>
  before !== undefined && now !== undefined && bare(before) === bare(now);

const bare = (etag: string): string => etag.replace(/^W\//, "");
const changed = (before: string, after: string, why: string): Comparison => ({ kind: "changed", before, after, why });
