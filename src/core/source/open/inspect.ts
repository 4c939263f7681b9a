import { notRegular, readSmall, statPath } from "../../disk/regular.ts";
import { statOf } from "../../disk/stat.ts";
import { Failure } from "../../failure.ts";
import { free } from "../../format/collection.ts";
import { type Digest, digest, nameOf } from "../../model/digest.ts";
import type { Content, FileSource, PlainSource, Stat, UrlSource } from "../../model/source.ts";
import { canonical } from "../../model/value.ts";
import { isOther, sameStat } from "../content.ts";
import { sourceFailure } from "../failure.ts";
import { readWhole } from "../pieces.ts";
import { declaredProof, Hashers } from "../verify/index.ts";
import { credentialsOf, isUrl, placesOf, publicUrl, transformOf, type Web } from "../web/index.ts";
import { digestOfData, isMostlyHoles } from "./sparse.ts";

/** What all looks of one run share: each file is read once, each URL asked once. */
interface InspectContext {
  readonly web: Web;
  readonly files: FileDigests;
  readonly signal: AbortSignal;
  /** There is nothing to compare it with: a large file need not be read for its digest. */
  readonly quick: boolean;
  /** What the file system has just said of the file that is looked at. */
  readonly seen?: Stat | undefined;
}

/** Fewer bytes are read sooner than a digest that comes later is written down. */
const LARGE = 64 << 20;

/**
 * What a source means now, without a download. A digest that is written out costs nothing, a sums file one request, everything
 * else of the web a HEAD; a local file is read only where it is not the one of `previous`, by size, time and inode.
 * @throws Failure source.*, net.*
 */
export async function inspectSource(
  spec: PlainSource,
  previous: Content | undefined,
  context: InspectContext,
): Promise<Content> {
  switch (spec.kind) {
    case "file":
      return await lookAtFile(spec, previous, context);
    case "url":
      return await lookAtUrl(spec, previous, context);
    case "image": {
      const { digest: declared } = await declaredProof(spec, context.web, context.signal);
      return content(spec.address, { digest: declared, transform: transformOf(spec) });
    }
    default:
      throw new Error(`unknown source ${spec satisfies never}`);
  }
}

async function lookAtUrl(spec: UrlSource, previous: Content | undefined, context: InspectContext): Promise<Content> {
  const { web, signal } = context;
  const places = spec.urls.map(publicUrl);
  const [where = ""] = places;
  const transform = transformOf(spec, spec.metadata && (await metadataText(spec.metadata, previous, context)));
  if (spec.checksum?.kind === "digest") return content(where, { digest: spec.checksum.digest, transform });
  const kept = pinned(spec, previous, transform, context);
  if (kept !== undefined) return kept;
  if (spec.checksum !== undefined) {
    const { digest: found } = await declaredProof(spec, web, signal);
    return content(where, { digest: found, transform });
  }
  // The mirror that was asked before is asked first: what another one says is not to be compared with that.
  const urls = [...spec.urls].sort((a, b) => rank(publicUrl(a), previous) - rank(publicUrl(b), previous));
  let failure: unknown;
  for (const url of urls) {
    try {
      const validators = await web.head(url, credentialsOf(spec), signal, spec.signature === undefined);
      const { length } = validators;
      const isElsewhere =
        previous !== undefined && publicUrl(url) !== previous.where && places.includes(previous.where);
      // Mirrors are declared to have the same bytes; as long as the length agrees, one that is down is no change.
      if (isElsewhere && length !== undefined && length === previous.size && previous.transform === transform)
        return previous;
      return content(publicUrl(url), { identity: web.identifier.hidden(url), validators, size: length, transform });
    } catch (thrown) {
      signal.throwIfAborted();
      failure ??= thrown;
    }
  }
  throw failure;
}

/** The metadata of an image in two parts, as comparable text: its digest where it is known without a download, else what the server says. */
export async function metadataText(
  metadata: UrlSource,
  previous: Content | undefined,
  context: InspectContext,
): Promise<string> {
  // `follow = false`: as it was taken once.
  const before = metadata.follow ? undefined : previous?.transform;
  const kept: unknown = before === undefined ? undefined : JSON.parse(before);
  if (typeof kept === "object" && kept !== null && "metadata" in kept && typeof kept.metadata === "string")
    return kept.metadata;
  const { digest: known, where, validators } = await lookAtUrl(metadata, undefined, context);
  return known ?? canonical({ where, ...(validators === undefined ? {} : { validators }) });
}

async function lookAtFile(spec: FileSource, previous: Content | undefined, context: InspectContext): Promise<Content> {
  const { path, metadata, checksum } = spec;
  const beside =
    metadata === undefined ? undefined : await context.files.digest(metadata, await statFile(metadata), context.signal);
  const transform = transformOf(spec, beside);
  const kept = checksum === undefined ? pinned(spec, previous, transform, context) : undefined;
  if (kept !== undefined) return kept;
  if (checksum !== undefined) {
    const { digest: declared } = await declaredProof(spec, context.web, context.signal);
    // What was made of it already can be kept without the file.
    const isMade = previous?.digest !== undefined && previous.digest === declared;
    const now = await seenOrStat(path, context).catch((thrown: unknown) => {
      if (isMade && thrown instanceof Failure) return undefined;
      throw thrown;
    });
    const other = declared && now && otherThan(declared, path, previous, now);
    const digests = other === undefined ? undefined : { [nameOf(other)]: other };
    return content(path, { digest: declared, digests, size: now?.size, stat: now, transform });
  }
  const now = context.seen ?? (await statFile(path));
  const isSame = previous?.where === path && previous.stat !== undefined && sameStat(previous.stat, now);
  const known = isSame ? previous : undefined;
  const isLater = context.quick && now.size >= LARGE;
  if (known?.digest !== undefined || isLater)
    return content(path, { digest: known?.digest, size: now.size, stat: now, transform });
  if (spec.signature === undefined && (await isMostlyHoles(path, now.size))) {
    const resolved = known?.resolved ?? (await context.files.data(path, now, context.signal));
    return content(path, { resolved, size: now.size, stat: now, transform });
  }
  const found = await context.files.digest(path, now, context.signal);
  return content(path, { digest: found, size: now.size, stat: now, transform });
}

/** The digest of the same kind that the file had when it was last read, where it is another one and the file was not touched since. */
function otherThan(declared: Digest, path: string, previous: Content | undefined, now: Stat): Digest | undefined {
  if (previous?.where !== path || previous.stat === undefined || !sameStat(previous.stat, now)) return undefined;
  const { digest: last, digests } = previous;
  const known = last !== undefined && nameOf(last) === nameOf(declared) ? last : digests?.[nameOf(declared)];
  return known === declared ? undefined : known;
}

const seenOrStat = (path: string, { seen }: InspectContext): Promise<Stat> =>
  seen === undefined ? statFile(path) : Promise.resolve(seen);

/** `follow = false`: what was once taken is kept, as long as it is asked for in the same way. */
function pinned(
  spec: PlainSource,
  previous: Content | undefined,
  transform: string | undefined,
  { web }: Pick<InspectContext, "web">,
): Content | undefined {
  if (spec.follow || previous === undefined || previous.transform !== transform) return undefined;
  const isAsked = placesOf(spec).some((place) => {
    if (publicUrl(place) !== previous.where) return false;
    return !isUrl(place) || !isOther(previous.identity, web.identifier.hidden(place));
  });
  return isAsked ? previous : undefined;
}

const rank = (where: string, previous: Content | undefined): number => (where === previous?.where ? 0 : 1);

interface Made<T> {
  readonly stat: Stat;
  readonly digest: Promise<T>;
}

/** Digests of local files that were made in this run. */
export class FileDigests {
  readonly #made = new Map<string, Made<Digest>>();
  readonly #data = new Map<string, Made<string>>();

  /** The sha256 of the file, which is as `now` says. @throws Failure source.missing, source.denied, source.io */
  digest(path: string, now: Stat, signal: AbortSignal): Promise<Digest> {
    return once(this.#made, path, now, () => hashFile(path, signal));
  }

  /** The digest of what is in a sparse file beside its holes. @throws as `digest` */
  data(path: string, now: Stat, signal: AbortSignal): Promise<string> {
    return once(this.#data, path, now, () => digestOfData(path, signal));
  }
}

function once<T>(all: Map<string, Made<T>>, path: string, now: Stat, make: () => Promise<T>): Promise<T> {
  const before = all.get(path);
  if (before !== undefined && sameStat(before.stat, now)) return before.digest;
  const made = make();
  all.set(path, { stat: now, digest: made });
  made.catch(() => all.delete(path));
  return made;
}

async function hashFile(path: string, signal: AbortSignal): Promise<Digest> {
  const small = await readSmall(path).catch((thrown: unknown) => {
    signal.throwIfAborted();
    throw sourceFailure(thrown, path);
  });
  if (small !== undefined) {
    signal.throwIfAborted();
    const sha256 = new Bun.CryptoHasher("sha256").update(small.bytes).digest("hex");
    free(small.bytes);
    return digest("sha256", sha256);
  }
  using hashing = new Hashers(["sha256"]);
  for await (const piece of readWhole(path, signal, true)) await hashing.update(piece);
  return digest("sha256", (await hashing.end()).get("sha256") ?? "");
}

export async function statFile(path: string): Promise<Stat> {
  try {
    const found = await statPath(path);
    if (found.isFile()) return statOf(found);
  } catch (thrown) {
    throw sourceFailure(thrown, path);
  }
  throw notRegular(path);
}

/** Leaves out what is not known. */
export function content(
  where: string,
  known: { readonly [K in Exclude<keyof Content, "where">]?: Content[K] | undefined },
): Content {
  const { digest: found, identity, digests, size, validators, stat: file, resolved, transform } = known;
  return {
    where,
    ...(identity === undefined ? {} : { identity }),
    ...(found === undefined ? {} : { digest: found }),
    ...(digests === undefined || Object.values(digests).every((one) => one === found) ? {} : { digests }),
    ...(size === undefined ? {} : { size }),
    ...(validators === undefined ? {} : { validators }),
    ...(file === undefined ? {} : { stat: file }),
    ...(resolved === undefined ? {} : { resolved }),
    ...(transform === undefined ? {} : { transform }),
  };
}
