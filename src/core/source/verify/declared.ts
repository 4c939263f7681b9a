import type { Digest } from "../../model/digest.ts";
import type { Checksum, Signature, SourceSpec } from "../../model/source.ts";
import {
  credentialsOf,
  isUrl,
  NO_CREDENTIALS,
  partsOf,
  pathOf,
  placesOf,
  publicUrl,
  type UrlCredentials,
  type Web,
} from "../web/index.ts";
import { Hashers } from "./hashing.ts";
import { embeddedText, hasMinisignKey, isMinisign, minisignCheck } from "./minisign.ts";
import { isClearText, openClearText, openpgpCheck } from "./openpgp.ts";
import { allOf, firstOf } from "./places.ts";
import { badKey, isPgp, type SignatureCheck, type SignedFile, textOf } from "./signature.ts";
import { isBundle, sigstoreCheck } from "./sigstore.ts";
import { Sums } from "./sums.ts";

/** What the bytes of a source have to be. */
export interface DeclaredProof {
  /** Declared, or found in a sums file whose own signature is proven where one is declared. */
  readonly digest?: Digest;
  /** The key in the file that the digest was declared with. Default: checksum. */
  readonly label?: string;
  /** Begins to prove the signature of the bytes themselves; a new one for each pass. */
  readonly signature?: () => Promise<SignatureCheck>;
}

/**
 * What is declared to prove the bytes with. A digest that is written out costs nothing; a sums file is fetched once a run.
 * @throws Failure source.sums, source.signature, source.key; what fetching them gives
 */
export async function declaredProof(spec: SourceSpec, web: Web, signal: AbortSignal): Promise<DeclaredProof> {
  const { checksum, signature } = spec;
  const access =
    spec.kind === "url"
      ? credentialsOf(spec)
      : { ...NO_CREDENTIALS, ...(spec.ca === undefined ? {} : { ca: spec.ca }) };
  if (checksum?.kind === "sums") return { digest: await digestIn(checksum, spec, { web, access, signal }) };
  const label = checksum?.label === undefined ? {} : { label: checksum.label };
  const declared = checksum === undefined ? {} : { digest: checksum.digest, ...label };
  if (signature === undefined) return declared;
  const context = { web, access, signal };
  const signed = async () =>
    await firstOf(
      allOf(signature),
      web,
      signal,
      async (where, isQuick) => await check(await readSigned({ ...signature, where }, context, isQuick)),
    );
  return { ...declared, signature: signed };
}

interface Asking {
  readonly web: Web;
  readonly access: UrlCredentials;
  readonly signal: AbortSignal;
}

/** The entry for a source in the first of its sums files that has one. @throws Failure source.sums, source.signature, source.key */
async function digestIn(
  checksum: Extract<Checksum, { kind: "sums" }>,
  spec: SourceSpec,
  context: Asking,
): Promise<Digest> {
  const { web, signal } = context;
  const read: Sums[] = [];
  try {
    return await firstOf(allOf(checksum), web, signal, async (where, isQuick) => {
      const text = await sumsText(where, spec.signature, context, isQuick);
      const sums = new Sums(text, checksum.algorithm, publicUrl(where));
      read.push(sums);
      return await entryOf(sums, checksum.name, spec, web, signal);
    });
  } catch (thrown) {
    // The only entry of one file may be another image's: it counts once no file has one of this name.
    const [only] = checksum.name === undefined ? read.flatMap((sums) => sums.only() ?? []) : [];
    if (only === undefined || signal.aborted) throw thrown;
    return only;
  }
}

/**
 * The entry for a source: the one that is said; else by the name in the URL, by the name that the server gives (after redirects, or in
 * Content-Disposition), by another part of the URL.
 * @throws Failure source.sums
 */
async function entryOf(
  sums: Sums,
  name: string | undefined,
  spec: SourceSpec,
  web: Web,
  signal: AbortSignal,
): Promise<Digest> {
  const places = placesOf(spec);
  const paths = name === undefined ? places.map(pathOf) : [name];
  const found = sums.find(paths, name !== undefined);
  if (found !== undefined) return found;
  if (name !== undefined) throw sums.missing(paths);
  const alone = sums.only(true);
  if (alone !== undefined) return alone;
  const listed: string[] = [];
  if (spec.kind === "url") {
    // Mirrors have the same file, so the first name that is there is the name.
    for (const url of spec.urls) {
      const names = await web.names(url, credentialsOf(spec), signal);
      const named = sums.find(names);
      if (named !== undefined) return named;
      listed.push(...names);
    }
    const inside = sums.find(spec.urls.flatMap(partsOf));
    if (inside !== undefined) return inside;
  }
  throw sums.missing([...paths, ...listed]);
}

/** The sums, and nothing else, once they are proven. */
async function sumsText(
  where: string,
  signature: Signature | undefined,
  context: Asking,
  isQuick: boolean,
): Promise<string> {
  const { web, access, signal } = context;
  const get = async (quick: boolean) => await web.small(where, access, signal, quick);
  if (signature === undefined) return textOf(await get(isQuick));
  return await firstOf(allOf(signature), web, signal, async (place, quick) => {
    const signed = await readSigned({ ...signature, where: place }, context, isQuick || quick);
    if (isClearText(signed.signature)) return await openClearText(signed, new Date());
    const bytes = embeddedText(signed.signature) ?? (await get(isQuick));
    await prove(bytes, await check(signed));
    return textOf(bytes);
  });
}

async function prove(bytes: Uint8Array, verifier: SignatureCheck): Promise<void> {
  try {
    using hashing = new Hashers(verifier.hash === undefined ? [] : [verifier.hash], { size: bytes.length });
    await hashing.update(bytes);
    await verifier.update(bytes);
    await verifier.end(await hashing.end());
  } catch (thrown) {
    verifier.stop();
    throw thrown;
  }
}

async function readSigned(
  { where, key, elsewhere: _, ...who }: Signature,
  { web, access, signal }: Asking,
  isQuick: boolean,
): Promise<SignedFile> {
  const signature = await web.small(where, access, signal, isQuick);
  const isText = key.includes("-----BEGIN") || /^(?:.*\n)?RW[A-Za-z0-9+/]{54}\s*$/.test(key);
  return {
    ...who,
    where: isUrl(where) ? publicUrl(where) : where,
    signature,
    key: isText ? new TextEncoder().encode(key) : await web.small(key, access, signal),
  };
}

/** The signature says what made it; a file of keys may have some of each kind. */
async function check(signed: SignedFile): Promise<SignatureCheck> {
  if (isBundle(signed.signature)) return await sigstoreCheck(signed);
  const isPgpKey = isPgp(signed.key);
  if (!isMinisign(signed.signature) && isPgpKey) return await openpgpCheck(signed, new Date());
  if (!isPgpKey && hasMinisignKey(signed.key) && isPgp(signed.signature))
    throw badKey(
      signed.where,
      "was made with OpenPGP, and `key` is a minisign key",
      "use the OpenPGP key of the publisher",
    );
  if (isPgpKey && !hasMinisignKey(signed.key))
    throw badKey(
      signed.where,
      "was made with minisign, and `key` is an OpenPGP key",
      "use the minisign key of the publisher",
    );
  return minisignCheck(signed);
}
