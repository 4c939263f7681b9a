import { ALGORITHMS, type Digests, nameOf, shortDigest } from "../model/digest.ts";
import type { Content, SourceSpec, Validators } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import { compareContent, compareValidators, isMute, isOther, isSameAsTold, sameStat } from "../source/content.ts";
import { differs, liveOf } from "./content-key.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { digestsOf, isSigned } from "./merged-content.ts";

// Whether an image was made from the bytes that are declared now, by what is known without reading them. Pure.

export type Evidence =
  | { readonly kind: "same" }
  /** `isWeak`: only what a server says, or the place, has changed; the bytes may be the same. */
  | { readonly kind: "changed"; readonly before: string; readonly after: string; readonly isWeak: boolean }
  /** It shows when the bytes are read: `why` they have to be. */
  | { readonly kind: "unknown"; readonly why: string }
  /** It cannot be detected; `why`. */
  | { readonly kind: "untold"; readonly why: string };

/** Why it cannot be detected whether the source of an image is still what it was made from. */
export function undetectableWhy(
  want: DesiredImage | undefined,
  have: LiveImage | undefined,
  known: Recorded | undefined,
): string | undefined {
  if (want === undefined || have === undefined || known?.status !== "ready" || known.id !== have.id) return undefined;
  const { content: now, resource } = want;
  const { content: recorded, upstream } = known;
  // So it is for nearly every image, and nothing is left to be detected.
  if (now === undefined || recorded === undefined || isPlainlySame({ recorded, now, spec: resource.source, upstream }))
    return undefined;
  const evidence = evidenceOf(want, have, known);
  return evidence.kind === "untold" ? evidence.why : undefined;
}

/** What there is to compare. */
interface KnownEvidence {
  /** What the image was made from. */
  readonly recorded: Content;
  /** What its source is declared to be, and seen as now. */
  readonly now: Content;
  readonly spec: SourceSpec | undefined;
  /** The backend's own digests of the image. */
  readonly backend: Digests | undefined;
  /** The backend has the bytes as the source has them. */
  readonly isSentAsIs: boolean;
  /** What the source was found to be when it was last read, where that was something else. */
  readonly upstream: Content | undefined;
}

const SAME: Evidence = { kind: "same" };

/** What is known of an image and of what it is to be made from; `recorded` is what the state has of it. */
export function evidenceOf(
  want: DesiredImage,
  found: LiveImage,
  recorded: Pick<Recorded & { status: "ready" }, "content" | "digests" | "upstream"> | undefined,
): Evidence {
  const { content: now, resource, sentAsIs } = want;
  if (resource.lifecycle.ignoreChanges.includes("content")) return SAME;
  for (const name of ALGORITHMS) {
    const [before, after] = [recorded?.digests?.[name], found.digests?.[name]];
    if (before !== undefined && after !== undefined && before !== after)
      return { kind: "changed", before: `${after} (changed on the backend)`, after: before, isWeak: false };
  }
  if (now === undefined) return SAME;
  // Of an origin of the backend's own the digest is that of the image itself.
  const live = liveOf(now, found);
  if (live !== undefined && now.digest !== undefined)
    return live === now.digest
      ? SAME
      : { kind: "changed", before: shortDigest(live), after: shortDigest(now.digest), isWeak: false };
  if (recorded?.content !== undefined) {
    const { content, upstream } = recorded;
    const isSentAsIs = sentAsIs || want.transfer.how === "pull";
    return compareEvidence({
      recorded: content,
      now,
      spec: resource.source,
      backend: found.digests,
      isSentAsIs,
      upstream,
    });
  }
  const [before, after] = [found.marker?.content, want.marker?.content];
  const isOther = before !== undefined && after !== undefined && differs(before, after);
  return isOther ? { kind: "changed", before, after, isWeak: false } : SAME;
}

/** The same digest and nothing else to weigh: so it is for nearly every image of a plan without changes. */
const isPlainlySame = ({
  recorded,
  now,
  spec,
  upstream,
}: Pick<KnownEvidence, "recorded" | "now" | "spec" | "upstream">): boolean =>
  now.digest !== undefined &&
  now.digest === recorded.digest &&
  now.transform === recorded.transform &&
  now.digests === undefined &&
  now.resolved === undefined &&
  recorded.resolved === undefined &&
  upstream === undefined &&
  spec?.signature === undefined;

function compareEvidence(exhibits: KnownEvidence): Evidence {
  if (isPlainlySame(exhibits)) return SAME;
  const { recorded, now, spec, upstream } = exhibits;
  const known = knownDigests(exhibits);
  const declared = { ...(isOf(upstream, now) ? digestsOf(upstream) : {}), ...digestsOf(now) };
  if (recorded.transform !== now.transform || isResolved(recorded, now)) return plain(recorded, now);
  const evidence = compareDigestEvidence(known, declared) ?? compareOtherEvidence(recorded, now, known);
  if (evidence.kind !== "same" || isSigned(recorded, spec)) return evidence;
  return readable(known, "the declared signature was never verified against its bytes");
}

/** A file of which one time the data alone was read, and another time all of it, is compared as a file. */
const isResolved = (recorded: Content, now: Content): boolean =>
  recorded.resolved !== undefined && (now.stat === undefined || now.resolved !== undefined);

/** The digests of the bytes that the image was made from: those of the backend too, where it has them as the source does. */
export function knownDigests({ recorded, backend = {}, isSentAsIs }: Omit<KnownEvidence, "now" | "spec" | "upstream">) {
  const made = digestsOf(recorded);
  const isAsIs = isSentAsIs || ALGORITHMS.some((name) => made[name] !== undefined && made[name] === backend[name]);
  return isAsIs ? { ...backend, ...made } : made;
}

function plain(recorded: Content, now: Content): Evidence {
  const found = compareContent(recorded, now);
  if (found.kind === "changed") return { kind: "changed", before: found.before, after: found.after, isWeak: false };
  return SAME;
}

/** Compares like with like; undefined: there is nothing of the kind on both sides. */
export function compareDigestEvidence(known: Digests, declared: Digests): Evidence | undefined {
  const both = ALGORITHMS.filter((name) => known[name] !== undefined && declared[name] !== undefined);
  for (const name of both.toReversed()) {
    const [before, after] = [known[name], declared[name]];
    if (before !== undefined && after !== undefined && before !== after)
      return { kind: "changed", before: shortDigest(before), after: shortDigest(after), isWeak: false };
  }
  return both.length === 0 ? undefined : SAME;
}

function compareOtherEvidence(recorded: Content, now: Content, known: Digests): Evidence {
  if (recorded.size !== undefined && now.size !== undefined && recorded.size !== now.size)
    return changed(`${recorded.size} bytes`, `${now.size} bytes`, {});
  if (now.digest !== undefined)
    return readable(known, `its declared ${nameOf(now.digest)} was never compared with its bytes`);
  if (recorded.where !== now.where) return changed(recorded.where, now.where, known);
  if (isOther(recorded.identity, now.identity) && !hasSameEtag(recorded, now))
    return changed("the URL as it was", "its redacted part has changed", known);
  if (now.stat !== undefined) {
    if (recorded.stat !== undefined && sameStat(recorded.stat, now.stat)) return SAME;
    return readable(known, "its file was touched, and no digest is declared");
  }
  return now.validators === undefined
    ? plain(recorded, now)
    : compareValidatorEvidence(recorded, now.validators, known);
}

function compareValidatorEvidence({ validators: before }: Content, now: Validators, known: Digests): Evidence {
  const compared = before === undefined ? undefined : compareValidators(before, now);
  if (compared?.kind === "same") return SAME;
  if (compared?.kind === "changed") {
    const isLength = before?.length !== undefined && now.length !== undefined && before.length !== now.length;
    return changed(compared.before, compared.after, isLength ? {} : known);
  }
  if (before !== undefined && isMute(before) && isMute(now))
    return { kind: "untold", why: "the server returns neither ETag nor Last-Modified: declare a checksum" };
  const why =
    before === undefined
      ? "its checksum was removed, and its validators were never recorded"
      : `the server now returns ${kindsOf(now)}, and returned ${kindsOf(before)} before`;
  return readable(known, why);
}

/** A signed URL is another one each time, for the same file. */
const hasSameEtag = ({ validators: a = {} }: Content, { validators: b = {} }: Content): boolean =>
  a.etag !== undefined && a.etag === b.etag && compareValidators(a, b).kind === "same";

const kindsOf = ({ etag, modified }: Validators): string => {
  const kinds = [...(etag === undefined ? [] : ["an ETag"]), ...(modified === undefined ? [] : ["a Last-Modified"])];
  return kinds.length === 0 ? "no ETag and no Last-Modified" : kinds.join(" and ");
};

/** `known`: what the bytes can be compared with; nothing: they are taken for others. */
const changed = (before: string, after: string, known: Digests): Evidence => ({
  kind: "changed",
  before,
  after,
  isWeak: Object.keys(known).length > 0,
});

const readable = (known: Digests, why: string): Evidence =>
  Object.keys(known).length > 0
    ? { kind: "unknown", why }
    : { kind: "untold", why: `${why}, and the digest of its origin is unknown: --replace creates it again` };

/** The upstream that was read is what the source is now, as far as both tell. */
function isOf(upstream: Content | undefined, now: Content): upstream is Content {
  if (upstream === undefined || upstream.transform !== now.transform) return false;
  const [read, declared] = [digestsOf(upstream), digestsOf(now)];
  const both = ALGORITHMS.filter((name) => read[name] !== undefined && declared[name] !== undefined);
  if (both.length > 0) return both.every((name) => read[name] === declared[name]);
  if (now.digest !== undefined || upstream.where !== now.where) return false;
  if (upstream.validators !== undefined && now.validators !== undefined)
    return isSameAsTold(upstream.validators, now.validators);
  return upstream.stat !== undefined && now.stat !== undefined && sameStat(upstream.stat, now.stat);
}
