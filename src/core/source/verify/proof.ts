import type { Digest } from "../../model/digest.ts";
import type { Signature, SourceSpec } from "../../model/source.ts";
import { type Access, accessOf, isUrl, NOBODY, pathOf, placesOf, publicUrl, type Web } from "../web/index.ts";
import { Hashing } from "./hashing.ts";
import { minisignCheck } from "./minisign.ts";
import { isClearText, openClearText, openpgpCheck } from "./openpgp.ts";
import { isPgp, type SignatureCheck, type Signed, textOf } from "./signature.ts";
import { findSum } from "./sums.ts";

/** What the bytes of a source have to be. */
export interface Proof {
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
export async function proofOf(spec: SourceSpec, web: Web, signal: AbortSignal): Promise<Proof> {
  const { checksum, signature } = spec;
  const access = spec.kind === "url" ? accessOf(spec) : NOBODY;
  if (checksum?.kind === "sums") {
    const text = await sumsText(checksum.where, signature, web, access, signal);
    const paths = placesOf(spec).map(pathOf);
    return { digest: findSum(text, checksum.algorithm, paths, publicUrl(checksum.where)) };
  }
  const label = checksum?.label === undefined ? {} : { label: checksum.label };
  const declared = checksum === undefined ? {} : { digest: checksum.digest, ...label };
  if (signature === undefined) return declared;
  const signed = async () => await check(await readSigned(signature, web, access, signal));
  return { ...declared, signature: signed };
}

/** The sums, and nothing else, once they are proven. */
async function sumsText(
  where: string,
  signature: Signature | undefined,
  web: Web,
  access: Access,
  signal: AbortSignal,
): Promise<string> {
  if (signature === undefined) return textOf(await web.small(where, access, signal));
  const signed = await readSigned(signature, web, access, signal);
  if (isClearText(signed.signature)) return await openClearText(signed, new Date());
  const bytes = await web.small(where, access, signal);
  const proving = await check(signed);
  try {
    using hashing = new Hashing(proving.hash === undefined ? [] : [proving.hash], bytes.length);
    await hashing.update(bytes);
    await proving.update(bytes);
    await proving.end(await hashing.end());
  } catch (thrown) {
    proving.stop();
    throw thrown;
  }
  return textOf(bytes);
}

async function readSigned({ where, key }: Signature, web: Web, access: Access, signal: AbortSignal): Promise<Signed> {
  const signature = await web.small(where, access, signal);
  const isText = key.includes("-----BEGIN") || /^(?:.*\n)?RW[A-Za-z0-9+/]{54}\s*$/.test(key);
  return {
    where: isUrl(where) ? publicUrl(where) : where,
    signature,
    key: isText ? new TextEncoder().encode(key) : await web.small(key, access, signal),
  };
}

const check = async (signed: Signed): Promise<SignatureCheck> =>
  isPgp(signed.key) ? await openpgpCheck(signed, new Date()) : minisignCheck(signed);
