import { createPublicKey, createVerify, type KeyObject, X509Certificate } from "node:crypto";
import type { Bundle, MessageSignature } from "@sigstore/bundle";
import type { SignedEntity, TrustMaterial, VerificationPolicy, VerifierOptions } from "@sigstore/verify";
import { Failure } from "../../failure.ts";
import { ALGORITHMS, type Algorithm } from "../../model/digest.ts";
import { excerpt } from "../../net/text.ts";
import type { Hashes } from "./hashing.ts";
import { badSignature, type SignatureCheck, type SignedFile, textOf } from "./signature.ts";

// The format: https://docs.sigstore.dev/about/bundle/. Nothing is asked of the network: what is trusted is what `key` holds.

/** Values of the bundle's enumeration of hash algorithms that a signature is made over piece by piece. */
const HASHES: Readonly<Record<string, Algorithm>> = { SHA2_256: "sha256", SHA2_384: "sha384", SHA2_512: "sha512" };

export const isBundle = (bytes: Uint8Array): boolean => {
  const text = textOf(bytes.subarray(0, 4096)).trimStart();
  return text.startsWith("{") && text.includes("application/vnd.dev.sigstore.bundle");
};

/** What is trusted, and what the signer has to be. */
interface Trust {
  readonly material: TrustMaterial;
  readonly options: VerifierOptions;
  readonly policy: VerificationPolicy | undefined;
}

/**
 * A bundle that was made with a key (`key` is that public key in PEM), or with a certificate for an identity (`key` is a trusted root).
 * @throws Failure source.key, source.signature: what cannot be read, and what does not go together
 */
export async function sigstoreCheck(signed: SignedFile): Promise<SignatureCheck> {
  const { where } = signed;
  const bundle = await bundleOf(signed);
  const trust = await trustOf(signed, bundle);
  const { content } = bundle;
  return content.$case === "messageSignature"
    ? await messageCheck(where, bundle, content.messageSignature, trust)
    : await statementCheck(where, bundle, content.dsseEnvelope.payload, trust);
}

/** A signature of the bytes themselves. */
async function messageCheck(
  where: string,
  bundle: Bundle,
  { signature, messageDigest }: MessageSignature,
  trust: Trust,
): Promise<SignatureCheck> {
  const { HashAlgorithm } = await import("@sigstore/protobuf-specs");
  const hash = HASHES[HashAlgorithm[messageDigest.algorithm] ?? ""];
  const key = keyOf(bundle, trust);
  if (hash === undefined || key.asymmetricKeyType === "ed25519")
    throw badSignature(where, "is of a kind that needs all bytes at once", "sign the sums file instead of the image");
  const verifying = createVerify(hash);
  return {
    hash,
    async update(bytes) {
      verifying.update(bytes);
    },
    async end(hashes) {
      const isOf = hashes.get(hash) === messageDigest.digest.toString("hex") && verifying.verify(key, signature);
      if (!isOf) throw notOfThese(where);
      const is = (one: Buffer, other: Buffer): boolean => one.equals(other);
      await entityVerified(where, bundle, trust, {
        signature,
        compareSignature: (other) => is(signature, other),
        compareDigest: (other) => is(messageDigest.digest, other),
        compareSignedDigest: (other) => is(messageDigest.digest, other),
        verifySignature: (by) => by.equals(key),
      });
    },
    stop() {},
  };
}

/** A signature of a statement (in-toto) that names the digests of what it is about. */
async function statementCheck(where: string, bundle: Bundle, payload: Buffer, trust: Trust): Promise<SignatureCheck> {
  const digests = subjectsOf(payload);
  const hash = (["sha256", "sha512", "sha384"] as const).find((name) => digests.some((one) => one.has(name)));
  if (hash === undefined)
    throw badSignature(where, "contains no sha256 or sha512", "use the bundle of the image or sums file");
  return {
    hash,
    async update() {},
    async end(hashes: Hashes) {
      if (!digests.some((one) => one.get(hash) === hashes.get(hash))) throw notOfThese(where);
      await entityVerified(where, bundle, trust);
    },
    stop() {},
  };
}

function subjectsOf(payload: Buffer): readonly ReadonlyMap<string, string>[] {
  let read: unknown;
  try {
    read = JSON.parse(payload.toString("utf8"));
  } catch {
    return [];
  }
  const subjects = isTable(read) && Array.isArray(read["subject"]) ? read["subject"] : [];
  return subjects.flatMap((one: unknown) => {
    const digest = isTable(one) ? one["digest"] : undefined;
    if (!isTable(digest)) return [];
    const found = ALGORITHMS.flatMap((name) => {
      const hex = digest[name];
      return typeof hex === "string" ? [[name, hex.toLowerCase()] as const] : [];
    });
    return [new Map<string, string>(found)];
  });
}

/** The log, the certificate, its times and the identity in it. @throws Failure source.signature */
async function entityVerified(
  where: string,
  bundle: Bundle,
  { material, options, policy }: Trust,
  signature?: SignedEntity["signature"],
): Promise<void> {
  const { PolicyError, toSignedEntity, Verifier } = await import("@sigstore/verify");
  try {
    const entity = toSignedEntity(bundle);
    const whole = signature === undefined ? entity : { ...entity, signature };
    // A key alone says nothing of logs and times: there is nothing to compare them with.
    const offline = options.tlogThreshold === 0 ? { ...whole, tlogEntries: [], timestamps: [] } : whole;
    new Verifier(material, options).verify(offline, policy);
  } catch (thrown) {
    const said = excerpt(thrown instanceof Error ? thrown.message : String(thrown));
    if (thrown instanceof PolicyError)
      throw badSignature(
        where,
        `was created by another client: ${said}`,
        "if the publisher has changed its identity, update `identity` and `issuer`",
        thrown,
      );
    throw badSignature(
      where,
      `is not accepted: ${said}`,
      "check it with cosign verify-blob --bundle, and that `key` is a current trusted root",
      thrown,
    );
  }
}

async function bundleOf({ where, signature }: SignedFile): Promise<Bundle> {
  const { bundleFromJSON } = await import("@sigstore/bundle");
  try {
    return bundleFromJSON(JSON.parse(textOf(signature)));
  } catch (cause) {
    throw badSignature(where, "is not a readable sigstore bundle", "create it with cosign sign-blob --bundle", cause);
  }
}

async function trustOf({ where, key, identity, issuer }: SignedFile, bundle: Bundle): Promise<Trust> {
  const isOfKey = bundle.verificationMaterial.content.$case === "publicKey";
  const text = textOf(key);
  if (text.includes("-----BEGIN")) {
    if (!isOfKey)
      throw badSignature(
        where,
        "was made with a certificate, and `key` is a public key",
        "set a trusted_root.json as `key`",
      );
    const publicKey = pemKey(text);
    const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
    return {
      material: { ...none, publicKey: () => ({ publicKey, validFor: () => true }) },
      options: { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 },
      policy: undefined,
    };
  }
  const material = await rootOf(text);
  if (isOfKey)
    throw badSignature(where, "was made with a key, and `key` is a trusted root", "set the public key in PEM as `key`");
  if (identity === undefined || issuer === undefined)
    throw badSignature(
      where,
      "was made with a certificate, which anyone can obtain",
      'say whose: identity = "release@example.org", issuer = "https://accounts.example.org"',
    );
  // The library takes a text for a pattern that may be anywhere.
  const exactly = new RegExp(`^${identity.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
  return { material, options: {}, policy: { subjectAlternativeName: exactly, extensions: { issuer } } };
}

async function rootOf(text: string): Promise<TrustMaterial> {
  const { TrustedRoot } = await import("@sigstore/protobuf-specs");
  const { toTrustMaterial } = await import("@sigstore/verify");
  try {
    return toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(text)));
  } catch (cause) {
    throw new Failure("source.key", "`key` is neither a trusted root of sigstore nor a public key in PEM", {
      hint: "cosign trusted-root create, or cosign initialize, writes a trusted_root.json",
      cause,
    });
  }
}

function pemKey(text: string): KeyObject {
  try {
    return createPublicKey(text);
  } catch (cause) {
    throw new Failure("source.key", "`key` contains no readable public key", {
      hint: "cosign public-key writes it in PEM",
      cause,
    });
  }
}

/** The key that the bytes were signed with: whether it may be trusted is another question. */
function keyOf({ verificationMaterial }: Bundle, { material }: Trust): KeyObject {
  const { content } = verificationMaterial;
  if (content.$case === "publicKey") return material.publicKey(content.publicKey.hint).publicKey;
  const raw = content.$case === "certificate" ? content.certificate : content.x509CertificateChain.certificates[0];
  return new X509Certificate(raw?.rawBytes ?? Buffer.alloc(0)).publicKey;
}

const isTable = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const notOfThese = (where: string): Failure =>
  badSignature(where, "does not match the bytes", "the bytes or the signature were modified: do not use them");
