import { Failure } from "../../failure.ts";
import type { Content, Validators } from "../../model/source.ts";
import type { Cache, CachedFile } from "../cache/index.ts";
import { compareValidators, sameVersion } from "../content.ts";
import type { SourceContext } from "../context.ts";
import { changed, type DeclaredProof, type Expectation } from "../verify/index.ts";
import { publicUrl, type UrlCredentials, type Web } from "../web/index.ts";
import type { DownloadJob } from "./download-into.ts";

/** A file of the web that is wanted. */
export interface DownloadRequest {
  /** Mirrors, at least one. */
  readonly urls: readonly string[];
  readonly access: UrlCredentials;
  readonly proof: DeclaredProof;
  readonly expected: Content | undefined;
}

/** What a URL is filed under: the whole request, of which nothing can be read back. */
export const urlKey = (url: string, access: UrlCredentials, web: Web): string => web.identifier.request(url, access);
/** The same for an order: by its digest, whatever the mirror. */
export const requestKey = ({ urls, access, proof }: DownloadRequest, web: Web): string =>
  proof.digest ?? urlKey(urls[0] ?? "", access, web);

/** What the bytes of an order have to be. */
export const expectationOf = ({ proof, expected, urls }: DownloadRequest): Expectation => ({
  proof,
  expected: expected?.digest,
  where: publicUrl(urls[0] ?? ""),
});

/** Something shows at the end whether the bytes are the right ones. */
const isVerifiable = ({ proof, expected }: DownloadRequest): boolean =>
  (proof.digest ?? proof.signature ?? expected?.digest) !== undefined;

/** Wrong bytes of one mirror can be recognized, and another one asked: no reader gets any before they are verified. */
export const isHeld = (request: DownloadRequest): boolean => request.urls.length > 1 && isVerifiable(request);

/** What is asked of the mirrors. */
export const jobOf = (
  request: DownloadRequest,
  { web, context, signal }: { readonly web: Web; readonly context: SourceContext; readonly signal: AbortSignal },
): DownloadJob => ({
  urls: request.urls,
  access: request.access,
  isProven: request.proof.digest !== undefined,
  isPlain: !isVerifiable(request),
  web,
  signal,
  patience: context.patience ?? {},
  clock: context.clock,
});

/** What the server said when the plan was made, where nothing but that tells the bytes apart, and which server. */
export interface Pinned {
  readonly where: string;
  readonly validators: Validators;
}
export const pinnedOf = ({ proof, expected }: DownloadRequest): Pinned | undefined =>
  proof.digest === undefined && expected?.validators !== undefined
    ? { where: expected.where, validators: expected.validators }
    : undefined;

/** @throws Failure source.changed: the same server says that it is another file now. */
export function stillPinned(pinned: Pinned | undefined, where: string, validators: Validators): void {
  if (pinned?.where !== where) return;
  const compared = compareValidators(pinned.validators, validators);
  if (compared.kind === "changed") throw changed(where, `${compared.before} then, ${compared.after} now`);
}

/** The length that is to come: what the answer says; else what the same server said when the plan was made. */
export const announced = (pinned: Pinned | undefined, where: string, total: number | undefined): number | undefined =>
  total ?? (pinned?.where === where ? pinned.validators.length : undefined);

/** A blob that is what was ordered, and the place that it came from, without secrets. */
export interface CachedBlob {
  readonly blob: CachedFile;
  readonly from: string;
}

/** What was fetched before, if it still is what is wanted: by its digest, else by what the server says of it. */
export async function findCached(
  request: DownloadRequest,
  context: { readonly cache: Cache; readonly web: Web; readonly signal: AbortSignal },
): Promise<CachedBlob | undefined> {
  const { cache, web, signal } = context;
  const { urls, access, proof, expected } = request;
  const wanted = proof.digest ?? expected?.digest;
  if (wanted !== undefined) {
    const blob = await cache.byDigest(wanted, signal);
    if (blob === undefined) return undefined;
    // What the server said when these bytes were looked at goes with them.
    const seen = urls.map(publicUrl).find((url) => url === expected?.where);
    const validators = seen === undefined ? undefined : expected?.validators;
    return {
      blob: validators === undefined ? blob : { ...blob, validators },
      from: seen ?? publicUrl(urls[0] ?? ""),
    };
  }
  for (const url of urls) {
    const key = urlKey(url, access, web);
    const before = await cache.validators(key);
    const now = before && (await askNow(url, request, context));
    if (before === undefined || now === undefined || compareValidators(before, now).kind !== "same") continue;
    // Another ETag may be that of another server with the same file: no reason to replace an image, and none to trust a copy.
    if (before.etag !== undefined && now.etag !== undefined && !sameVersion(before, now)) continue;
    const blob = await cache.byKey(key, signal);
    if (blob !== undefined) return { blob, from: publicUrl(url) };
  }
  return undefined;
}

/** What the server says of the file; undefined when it says nothing, which a download will find out as well. */
async function askNow(
  url: string,
  { expected, access }: DownloadRequest,
  { web, signal }: { readonly web: Web; readonly signal: AbortSignal },
): Promise<Validators | undefined> {
  if (expected?.where === publicUrl(url) && expected.validators !== undefined) return expected.validators;
  try {
    return await web.head(url, access, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Failure) return undefined;
    throw thrown;
  }
}
