import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { Hashing } from "../../../src/core/source/verify/hashing.ts";
import { minisignCheck } from "../../../src/core/source/verify/minisign.ts";
import { openClearText, openpgpCheck } from "../../../src/core/source/verify/openpgp.ts";
import { isPgp, type Signed } from "../../../src/core/source/verify/signature.ts";

setDefaultTimeout(300_000);

// The fixtures were made with gpg 2.2 (faked system times: keys of 2023-01-01, signatures of 2023-02-01) and minisign 0.11.
const NOW = new Date("2023-03-01");
const read = async (name: string) =>
  new Uint8Array(await Bun.file(join(import.meta.dir, "fixtures", name)).arrayBuffer());
const signed = async (signature: string, key: string): Promise<Signed> => ({
  where: signature,
  signature: await read(signature),
  key: await read(key),
});

async function prove(what: Signed, bytes: Uint8Array, now = NOW): Promise<void> {
  const check = isPgp(what.key) ? await openpgpCheck(what, now) : minisignCheck(what);
  using hashing = new Hashing(check.hash === undefined ? [] : [check.hash]);
  for (let at = 0; at < bytes.length; at += 30) {
    await hashing.update(bytes.subarray(at, at + 30));
    await check.update(bytes.subarray(at, at + 30));
  }
  await check.end(await hashing.end());
}

/** The failure that something ends in. */
async function failure(act: () => Promise<unknown>): Promise<Failure> {
  try {
    await act();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

const GOOD = [
  ["good.sig.asc", "release.asc"],
  ["good.sig.gpg", "release.gpg"],
  ["both.sig.asc", "release.asc"],
  ["both.sig.asc", "other.asc"],
  ["rsa.sig.asc", "rsa.asc"],
  ["mini.minisig", "mini.pub"],
  ["legacy.minisig", "mini.pub"],
] as const;
for (const [signature, key] of GOOD)
  test(`${signature} proves with ${key}`, async () => {
    expect(await prove(await signed(signature, key), await read("SUMS"))).toBeUndefined();
  });

for (const [signature, key] of GOOD)
  test(`${signature} does not prove another byte`, async () => {
    const bytes = await read("SUMS");
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    const told = await failure(async () => await prove(await signed(signature, key), bytes));
    expect([told.code, told.message]).toEqual([
      "source.signature",
      `the signature ${signature} is not one of these bytes`,
    ]);
  });

const OTHER = [
  ["other.sig.asc", "release.asc"],
  ["rsa.sig.asc", "release.asc"],
  ["mini2.minisig", "mini.pub"],
] as const;
for (const [signature, key] of OTHER)
  test(`${signature} is of another key than ${key}`, async () => {
    const told = await failure(async () => await prove(await signed(signature, key), await read("SUMS")));
    expect(told.code).toBe("source.signature");
    expect(told.message).toMatch(
      new RegExp(
        `^the signature ${signature} was made with the key [0-9A-F]{16}, and the one in images.toml is [0-9A-F]{16}$`,
      ),
    );
  });

test("a key that has expired proves nothing any more", async () => {
  const old = await signed("old.sig.asc", "old.asc");
  expect(await prove(old, await read("SUMS"))).toBeUndefined();
  const told = await failure(async () => await prove(old, await read("SUMS"), new Date("2026-01-01")));
  expect([told.code, told.message]).toEqual([
    "source.key",
    expect.stringMatching(
      /^the signature old.sig.asc was made with the key [0-9A-F]{16}, which expired on 2024-01-01$/,
    ),
  ]);
});

test("a changed trusted comment is seen", async () => {
  const { key, signature } = await signed("mini.minisig", "mini.pub");
  const text = new TextDecoder().decode(signature).replace("of today", "of tomorrow");
  const changed = { where: "x", key, signature: new TextEncoder().encode(text) };
  expect((await failure(async () => await prove(changed, await read("SUMS")))).message).toContain("trusted comment");
});

test("what is no signature and what is no key is told", async () => {
  const nothing = new TextEncoder().encode("<html>");
  for (const key of ["release.asc", "mini.pub"]) {
    const told = await failure(
      async () => await prove({ where: "x", key: await read(key), signature: nothing }, nothing),
    );
    expect(told.code).toBe("source.signature");
  }
  const good = await read("good.sig.asc");
  expect((await failure(async () => await prove({ where: "x", key: nothing, signature: good }, nothing))).code).toBe(
    "source.key",
  );
  const broken = new TextEncoder().encode(
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n",
  );
  expect((await failure(async () => await prove({ where: "x", key: broken, signature: good }, nothing))).code).toBe(
    "source.key",
  );
});

test("of a signed text only what is signed is read", async () => {
  const clear = await signed("clear.asc", "release.asc");
  const text = new TextDecoder().decode(clear.signature);
  const around = { ...clear, signature: new TextEncoder().encode(`${text}\nffff  a.img\n`) };
  expect(await openClearText(clear, NOW)).toBe(`${"a".repeat(64)}  a.img`);
  expect(await openClearText(around, NOW)).not.toContain("ffff");
  const changed = { ...clear, signature: new TextEncoder().encode(text.replace("aaaa", "bbbb")) };
  expect((await failure(async () => await openClearText(changed, NOW))).message).toContain("not one of these bytes");
});
