import type { Digest } from "../../model/digest.ts";
import type { Signature, SourceSpec } from "../../model/source.ts";
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
import { minisignCheck } from "./minisign.ts";
import { isClearText, openClearText, openpgpCheck } from "./openpgp.ts";
import { isPgp, type SignatureCheck, type SignedFile, textOf } from "./signature.ts";
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
  if (checksum?.kind === "sums") {
    const text = await sumsText(checksum.where, signature, web, access, signal);
    const sums = new Sums(text, checksum.algorithm, publicUrl(checksum.where));
    return { digest: await entryOf(sums, checksum.name, spec, web, signal) };
  }
  const label = checksum?.label === undefined ? {} : { label: checksum.label };
  const declared = checksum === undefined ? {} : { digest: checksum.digest, ...label };
  if (signature === undefined) return declared;
  const signed = async () => await check(await readSigned(signature, web, access, signal));
  return { ...declared, signature: signed };
}

/**
 * The entry for a source: the one that is said; else by the name in the URL, by the name that the server gives (after redirects, or in
 * Content-Disposition), by another part of the URL; else the only one.
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
  const told: string[] = [];
  if (spec.kind === "url") {
    // Mirrors have the same file, so the first name that is there is the name.
    for (const url of spec.urls) {
      const names = await web.names(url, credentialsOf(spec), signal);
      const named = sums.find(names);
      if (named !== undefined) return named;
      told.push(...names);
    }
    const inside = sums.find(spec.urls.flatMap(partsOf));
    if (inside !== undefined) return inside;
  }
  const only = sums.only();
  if (only === undefined) throw sums.missing([...paths, ...told]);
  return only;
}

/** The sums, and nothing else, once they are proven. */
async function sumsText(
  where: string,
  signature: Signature | undefined,
  web: Web,
  access: UrlCredentials,
  signal: AbortSignal,
): Promise<string> {
  if (signature === undefined) return textOf(await web.small(where, access, signal));
  const signed = await readSigned(signature, web, access, signal);
  if (isClearText(signed.signature)) return await openClearText(signed, new Date());
  const bytes = await web.small(where, access, signal);
  const verifier = await check(signed);
  try {
    using hashing = new Hashers(verifier.hash === undefined ? [] : [verifier.hash], bytes.length);
    await hashing.update(bytes);
    await verifier.update(bytes);
    await verifier.end(await hashing.end());
  } catch (thrown) {
    verifier.stop();
    throw thrown;
  }
  return textOf(bytes);
}

async function readSigned(
  { where, key, ...who }: Signature,
  web: Web,
  access: UrlCredentials,
  signal: AbortSignal,
): Promise<SignedFile> {
  const signature = await web.small(where, access, signal);
  const isText = key.includes("-----BEGIN") || /^(?:.*\n)?RW[A-Za-z0-9+/]{54}\s*$/.test(key);
  return {
    ...who,
    where: isUrl(where) ? publicUrl(where) : where,
    signature,
    key: isText ? new TextEncoder().encode(key) : await web.small(key, access, signal),
  };
}

async function check(signed: SignedFile): Promise<SignatureCheck> {
  if (isBundle(signed.signature)) return await sigstoreCheck(signed);
  return isPgp(signed.key) ? await openpgpCheck(signed, new Date()) : minisignCheck(signed);
}
