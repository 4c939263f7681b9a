import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import type { Signature } from "../../../src/core/model/source.ts";
import { file, hostile } from "./hostile.ts";
import { ANY, attempt, bench, failureOf, fileSource, hash, never, noise, opening, urlSource } from "./kit.ts";

// trusted_root.json, sums.sigstore.json (a signature of SUMS) and attested.sigstore.json (a statement of it) were made with
// @sigstore/sign 4.1.1 and the authorities and logs of @sigstore/mock 0.13.0, for release@example.org of https://issuer.example.org.

setDefaultTimeout(300_000);
const fixture = (name: string) => join(import.meta.dir, "fixtures", name);
const SUMS = new Uint8Array(await Bun.file(fixture("SUMS")).arrayBuffer());
const WHO = { identity: "release@example.org", issuer: "https://issuer.example.org" };
const keyless = (name: string, more: Partial<Signature> = {}): Signature => ({
  where: fixture(`${name}.sigstore.json`),
  key: fixture("trusted_root.json"),
  ...WHO,
  ...more,
});

async function read(bytes: Uint8Array, signature: Signature) {
  await using place = await bench();
  const source = await place.run().open(fileSource(await place.file("a.img", bytes), { signature }), ANY, opening());
  return await attempt(source.open(never));
}
const refusal = (bytes: Uint8Array, signature: Signature) =>
  failureOf(async () => {
    throw (await read(bytes, signature)).failure ?? new Error("nothing was wrong");
  });

for (const name of ["sums", "attested"]) {
  test(`${name}: a bundle proves the bytes offline, and no others`, async () => {
    expect((await read(SUMS, keyless(name))).got.equals(SUMS)).toBe(true);
    const changed = Uint8Array.from(SUMS);
    changed[5] = (changed[5] ?? 0) ^ 1;
    for (const bytes of [changed, SUMS.subarray(1), SUMS.subarray(0, 1)]) {
      const failure = await refusal(bytes, keyless(name));
      expect([failure.code, failure.message]).toEqual([
        "source.signature",
        expect.stringContaining("does not match the bytes"),
      ]);
    }
  });

  test(`${name}: the identity and who vouches for it are compared whole`, async () => {
    for (const who of [
      { identity: "other@example.org" },
      { identity: "release@example.or" },
      { identity: "elease@example.org" },
      { identity: ".*" },
      { identity: "release@example.org", issuer: "https://issuer.example.com" },
    ]) {
      const failure = await refusal(SUMS, keyless(name, who));
      expect([failure.code, failure.message]).toEqual([
        "source.signature",
        expect.stringContaining("was created by another client"),
      ]);
    }
    const { identity: _, issuer: __, ...nobody } = keyless(name);
    expect((await refusal(SUMS, nobody)).message).toContain("was made with a certificate, which anyone can obtain");
  });

  test(`${name}: a changed bundle and another root are refused`, async () => {
    await using place = await bench();
    const text = await Bun.file(fixture(`${name}.sigstore.json`)).text();
    const time = /"integratedTime": "(\d+)"/.exec(text)?.[1] ?? "";
    for (const changed of [
      text.replace(time, String(Number(time) + 1)),
      text.replace(/"tlogEntries": \[[\s\S]*?\n {2}\]/, '"tlogEntries": []'),
    ]) {
      expect(changed).not.toBe(text);
      const failure = await refusal(SUMS, keyless(name, { where: await place.file("b.json", changed) }));
      expect(failure.code).toBe("source.signature");
    }
    const root = await Bun.file(fixture("trusted_root.json")).json();
    for (const part of ["tlogs", "ctlogs", "certificateAuthorities"]) {
      const without = await place.file("root.json", JSON.stringify({ ...root, [part]: [] }));
      expect((await refusal(SUMS, keyless(name, { key: without }))).code).toBe("source.signature");
    }
  });
}

type Tree = Record<string, unknown>;
const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null;
/** What is below some keys, all of them tables. */
function below(tree: unknown, ...path: readonly (string | number)[]): Tree {
  const found = path.reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), tree);
  if (!isTree(found)) throw new Error(`nothing at ${path.join(".")}`);
  return found;
}
const ENDED = { start: "2000-01-01T00:00:00Z", end: "2001-01-01T00:00:00Z" };

/** A bundle, one of other bytes by the same client, and the root: what somebody changes who has no key. */
const FORGERIES: Readonly<Record<string, (entry: Tree, other: Tree, root: Tree) => void>> = {
  "no proof that the log includes it": (entry) => delete entry["inclusionProof"],
  "no time of the log": (entry) => delete entry["inclusionPromise"],
  "no checkpoint": (entry) => delete below(entry, "inclusionProof")["checkpoint"],
  "the entry of another signature": (entry, other) => Object.assign(entry, other),
  "the body of another entry": (entry, other) =>
    Object.assign(entry, { canonicalizedBody: other["canonicalizedBody"] }),
  "a time after the certificate": (entry) => Object.assign(entry, { integratedTime: "4102444800" }),
  "no time at all": (entry) => Object.assign(entry, { integratedTime: "0" }),
  "an authority that had ended": (_, __, root) =>
    Object.assign(below(root, "certificateAuthorities", 0), { validFor: ENDED }),
  "a log that had ended": (_, __, root) => Object.assign(below(root, "tlogs", 0, "publicKey"), { validFor: ENDED }),
};

for (const [what, forge] of Object.entries(FORGERIES))
  test(`${what}: refused`, async () => {
    await using place = await bench();
    for (const [name, another] of [
      ["sums", "attested"],
      ["attested", "sums"],
    ] as const) {
      const read = async (path: string): Promise<unknown> => await Bun.file(fixture(path)).json();
      const [bundle, other] = [await read(`${name}.sigstore.json`), await read(`${another}.sigstore.json`)];
      const root = below(await read("trusted_root.json"));
      const entry = ["verificationMaterial", "tlogEntries", 0] as const;
      forge(below(bundle, ...entry), below(other, ...entry), root);
      const where = await place.file("forged.json", JSON.stringify(bundle));
      const key = await place.file("forged-root.json", JSON.stringify(root));
      expect([name, (await refusal(SUMS, keyless(name, { where, key }))).code]).toEqual([name, "source.signature"]);
    }
  });

/** A bundle as cosign sign-blob --key makes it. */
function made(bytes: Uint8Array, curve = "prime256v1") {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const bundle = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: "h" }, tlogEntries: [], timestampVerificationData: undefined },
    messageSignature: {
      messageDigest: { algorithm: "SHA2_256", digest: createHash("sha256").update(bytes).digest("base64") },
      signature: createSign("sha256").update(bytes).sign(privateKey).toString("base64"),
    },
  };
  return { bundle: JSON.stringify(bundle), key: publicKey.export({ type: "spki", format: "pem" }).toString() };
}

test("a bundle that was made with a key, of an image over HTTP that is larger than every buffer", async () => {
  await using place = await bench();
  const bytes = noise(5_000_000);
  const { bundle, key } = made(bytes);
  await using server = await hostile((asked) =>
    asked.path === "/a.bundle" ? { body: new TextEncoder().encode(bundle) } : file(asked, bytes),
  );
  for (const spelled of [key, await place.file("key.pem", key)]) {
    const spec = urlSource(`${server.url}/a.img`, { signature: { where: `${server.url}/a.bundle`, key: spelled } });
    const source = await place.run().open(spec, ANY, opening());
    expect((await attempt(source.open(never))).got.equals(bytes)).toBe(true);
  }
  const other = made(bytes).key;
  const where = await place.file("a.bundle", bundle);
  expect((await refusal(bytes, { where, key: other })).message).toContain("does not match the bytes");
});

test("over a sums file", async () => {
  await using place = await bench();
  const bytes = noise(1000);
  const sums = new TextEncoder().encode(`${hash(bytes).slice(7)}  a.img\n`);
  const { bundle, key } = made(sums);
  const where = await place.file("SUMS", sums);
  const checksum = { kind: "sums", algorithm: "sha256", where } as const;
  const signature = { where: await place.file("SUMS.bundle", bundle), key };
  const spec = fileSource(await place.file("a.img", bytes), { checksum, signature });
  const source = await place.run().open(spec, ANY, opening());
  expect((await attempt(source.open(never))).got.equals(bytes)).toBe(true);
  await place.file("SUMS", Buffer.concat([sums, Buffer.from("\n")]));
  expect((await failureOf(() => place.run().open(spec, ANY, opening()))).message).toContain("does not match the bytes");
});

test("what does not go together is told", async () => {
  await using place = await bench();
  const { bundle, key } = made(SUMS);
  const where = await place.file("a.bundle", bundle);
  expect((await refusal(SUMS, { where, key: fixture("trusted_root.json") })).message).toContain("was made with a key");
  expect((await refusal(SUMS, keyless("sums", { key }))).message).toContain("was made with a certificate");
  expect((await refusal(SUMS, { where, key: fixture("mini.pub") })).code).toBe("source.key");
  expect((await refusal(SUMS, { where, key: fixture("release.asc") })).code).toBe("source.key");
  const broken = await place.file("c.bundle", '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}');
  expect((await refusal(SUMS, { where: broken, key })).message).toContain("is not a readable sigstore bundle");
});
