import { expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { join } from "node:path";
import { digest } from "../../../src/core/model/digest.ts";
import { Hashers } from "../../../src/core/source/verify/hashing.ts";
import { embeddedText, minisignCheck } from "../../../src/core/source/verify/minisign.ts";
import { openpgpCheck } from "../../../src/core/source/verify/openpgp.ts";
import { isPgp, type SignedFile } from "../../../src/core/source/verify/signature.ts";
import { bench, failureOf, never, urlSource } from "./kit.ts";

setDefaultTimeout(300_000);

const read = async (name: string) =>
  new Uint8Array(await Bun.file(join(import.meta.dir, "fixtures", name)).arrayBuffer());
const together = async (...names: readonly string[]): Promise<Uint8Array> =>
  new Uint8Array(Buffer.concat(await Promise.all(names.map(read))));

async function prove(what: SignedFile, bytes: Uint8Array): Promise<void> {
  const check = isPgp(what.key) ? await openpgpCheck(what, new Date()) : minisignCheck(what);
  using hashing = new Hashers(check.hash === undefined ? [] : [check.hash]);
  await hashing.update(bytes);
  await check.update(bytes);
  await check.end(await hashing.end());
}

/** A key and what signs with it, in the format of signify(1) and of minisign without a hash. */
function signify(id: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const head = Buffer.from(`Ed${id.padEnd(8, "-")}`);
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const line = (bytes: Uint8Array): string => Buffer.concat([head, bytes]).toString("base64");
  return {
    key: Buffer.from(`untrusted comment: ${id} public key\n${line(raw)}\n`),
    of: (bytes: Uint8Array) =>
      Buffer.from(`untrusted comment: verify with ${id}.pub\n${line(sign(null, bytes, privateKey))}\n`),
  };
}

test("signify: detached, of several keys, and not of others", async () => {
  const bytes = await read("SUMS");
  const [ours, theirs] = [signify("ours"), signify("theirs")];
  const key = new Uint8Array(Buffer.concat([theirs.key, ours.key]));
  expect(await prove({ where: "x", signature: ours.of(bytes), key }, bytes)).toBeUndefined();
  const other = { where: "x", signature: theirs.of(bytes), key: ours.key };
  expect((await failureOf(async () => await prove(other, bytes))).message).toContain("was made with the key");
  const changed = { where: "x", signature: ours.of(Buffer.from("other")), key };
  expect((await failureOf(async () => await prove(changed, bytes))).message).toContain("does not match the bytes");
});

test("of several minisign signatures in one file one is enough", async () => {
  const signature = await together("mini2.minisig", "mini.minisig");
  for (const key of ["mini.pub", "mini2.pub"])
    expect(await prove({ where: "x", signature, key: await read(key) }, await read("SUMS"))).toBeUndefined();
});

test("the text below a signify signature is what is signed, and nothing else is read", async () => {
  const text = Buffer.from(`SHA256 (a.img) = ${"a".repeat(64)}\n`);
  const { of, key } = signify("ours");
  const embedded = Buffer.concat([of(text), text]);
  await using place = await bench();
  const beside = await place.file("SHA256.sig", embedded);
  const spec = urlSource("http://127.0.0.1:1/a.img", {
    checksum: { kind: "sums", where: beside, algorithm: "sha256" },
    signature: { where: beside, key: await place.file("ours.pub", key) },
  });
  const looked = async () => await place.run().look(spec, undefined, never);
  expect((await looked()).digest).toBe(digest("sha256", "a".repeat(64)));
  await place.file("SHA256.sig", embedded.toString().replace("aaaa", "bbbb"));
  expect((await failureOf(looked)).message).toContain("does not match the bytes");
  expect(embeddedText(of(text))).toBeUndefined();
  expect(embeddedText(await read("mini.minisig"))).toBeUndefined();
});

test("the signature says which of the keys of a file count; a key of another kind is said to be one", async () => {
  await using place = await bench();
  const sums = await place.file("SUMS", await read("SUMS"));
  const key = await place.file("keys", await together("mini.pub", "release.asc", "mini2.pub"));
  const look = async (signature: string, where: string) => {
    const of = { where: await place.file(signature, await read(signature)), key: where };
    const spec = urlSource("http://127.0.0.1:1/a.img", { checksum: { kind: "sums", where: sums }, signature: of });
    return await place.run().look(spec, undefined, never);
  };
  for (const signature of ["mini.minisig", "mini2.minisig"]) await look(signature, key);
  const pgp = await place.file("release.asc", await read("release.asc"));
  const mini = await place.file("mini.pub", await read("mini.pub"));
  expect((await failureOf(async () => await look("mini.minisig", pgp))).message).toContain(
    "and `key` is an OpenPGP key",
  );
  expect((await failureOf(async () => await look("good.sig.asc", mini))).message).toContain(
    "and `key` is a minisign key",
  );
});

test("a signature of text mode proves no bytes, and is said to be one", async () => {
  const { createMessage, enums, generateKey, readPrivateKey, sign: signed } = await import("openpgp");
  const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: "t" }], format: "armored" });
  const signature = await signed({
    message: await createMessage({ text: "a\n" }),
    signingKeys: await readPrivateKey({ armoredKey: privateKey }),
    detached: true,
  });
  expect(enums.signature.text).toBe(1);
  const what = { where: "x", signature: Buffer.from(signature), key: Buffer.from(publicKey) };
  const told = await failureOf(async () => await prove(what, Buffer.from("a\n")));
  expect(told.message).toBe("the signature x is of text mode, which leaves line endings open");
});
