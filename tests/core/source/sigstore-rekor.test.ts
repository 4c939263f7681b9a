import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { fixture, isTable, signedSums, type Table, table, verdictOf } from "./sigstore-kit.ts";

// Bundles with an entry of a log as Rekor v2 keeps it (https://github.com/sigstore/rekor-tiles): no promise and no time of the log, an
// ed25519 key, a checkpoint in the form of https://github.com/transparency-dev/formats/blob/main/log. The time is that of an authority.

setDefaultTimeout(60_000);
const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const ORIGIN = "log2026.example.org";
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const SPKI = publicKey.export({ type: "spki", format: "der" });
/** The id of the key as signed notes have it (https://c2sp.org/signed-note): of its name, the kind of its signatures, and itself. */
const KEY_ID = sha256(ORIGIN, "\n", Buffer.from([1]), SPKI.subarray(-32));

interface Case {
  /** The digest that the entry is of, in place of that of the bytes. */
  readonly digest?: Buffer;
  /** The root in the checkpoint, in place of that of the log. */
  readonly root?: Buffer;
  /** The key that the checkpoint is signed with. */
  readonly key?: typeof privateKey;
  readonly isUnknown?: boolean;
  /** Without the time of an authority. */
  readonly isTimeless?: boolean;
}

/** The second entry of a log that has two. */
function entryOf(message: Table, certificate: unknown, { digest, root, key = privateKey }: Case) {
  const messageDigest = table(message["messageDigest"]);
  const body = Buffer.from(
    JSON.stringify({
      apiVersion: "0.0.2",
      kind: "hashedrekord",
      spec: {
        hashedRekordV002: {
          data: { algorithm: "SHA2_256", digest: digest === undefined ? messageDigest["digest"] : base64(digest) },
          signature: {
            content: message["signature"],
            verifier: { keyDetails: "PKIX_ECDSA_P256_SHA_256", x509Certificate: certificate },
          },
        },
      },
    }),
  );
  const before = sha256(Buffer.from([0]), "another entry");
  const whole = sha256(Buffer.from([1]), before, sha256(Buffer.from([0]), body));
  const note = `${ORIGIN}\n2\n${base64(root ?? whole)}\n`;
  const signature = Buffer.concat([KEY_ID.subarray(0, 4), sign(null, Buffer.from(note), key)]);
  return {
    logIndex: "1",
    logId: { keyId: base64(KEY_ID) },
    kindVersion: { kind: "hashedrekord", version: "0.0.2" },
    integratedTime: "0",
    inclusionProof: {
      logIndex: "1",
      treeSize: "2",
      rootHash: base64(whole),
      hashes: [base64(before)],
      checkpoint: { envelope: `${note}\n\u2014 ${ORIGIN} ${base64(signature)}\n` },
    },
    canonicalizedBody: base64(body),
  };
}

async function verdict(one: Case, image?: string): Promise<string> {
  const signed = await signedSums();
  const { bundle, material, root, times } = signed;
  const chain = isTable(material["x509CertificateChain"]) ? material["x509CertificateChain"]["certificates"] : [];
  const certificate = material["certificate"] ?? (Array.isArray(chain) ? chain[0] : undefined);
  material["tlogEntries"] = [entryOf(table(bundle["messageSignature"]), certificate, one)];
  const stamps = [{ signedTimestamp: times["within"] }];
  material["timestampVerificationData"] = { rfc3161Timestamps: one.isTimeless === true ? [] : stamps };
  root["timestampAuthorities"] = [times["authority"]];
  const log = {
    baseUrl: `https://${ORIGIN}`,
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: base64(SPKI),
      keyDetails: "PKIX_ED25519",
      validFor: { start: "2020-01-01T00:00:00Z" },
    },
    logId: { keyId: base64(KEY_ID) },
  };
  const { tlogs } = root;
  if (!Array.isArray(tlogs)) throw new Error("the root trusts no log");
  if (one.isUnknown !== true) tlogs.push(log);
  return await verdictOf(signed, image);
}

test("Rekor v2: a bundle with the proof of the log and the time of an authority is accepted, of these bytes alone", async () => {
  expect(await verdict({})).toBe("accepted");
  expect(await verdict({}, fixture("trusted_root.json"))).toBe("source.signature");
});

for (const [what, one] of Object.entries<Case>({
  "an entry of other bytes": { digest: sha256("other bytes") },
  "a log of another root": { root: sha256("another root") },
  "a checkpoint by another key": { key: generateKeyPairSync("ed25519").privateKey },
  "a log that is not trusted": { isUnknown: true },
  "no time of an authority": { isTimeless: true },
}))
  test(`Rekor v2: ${what} is refused`, async () => {
    expect(await verdict(one)).toBe("source.signature");
  });
