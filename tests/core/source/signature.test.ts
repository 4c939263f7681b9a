import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { Hashers } from "../../../src/core/source/verify/hashing.ts";
import { minisignCheck } from "../../../src/core/source/verify/minisign.ts";
import { openClearText, openpgpCheck } from "../../../src/core/source/verify/openpgp.ts";
import { isPgp, type SignedFile } from "../../../src/core/source/verify/signature.ts";

setDefaultTimeout(300_000);

// The fixtures were made with gpg 2.2 (faked system times: keys of 2023-01-01, signatures of 2023-02-01) and minisign 0.11.
const NOW = new Date("2023-03-01");
const read = async (name: string) =>
  new Uint8Array(await Bun.file(join(import.meta.dir, "fixtures", name)).arrayBuffer());
const signed = async (signature: string, key: string): Promise<SignedFile> => ({
  where: signature,
  signature: await read(signature),
  key: await read(key),
});

async function prove(what: SignedFile, bytes: Uint8Array, now = NOW): Promise<void> {
  const check = isPgp(what.key) ? await openpgpCheck(what, now) : minisignCheck(what);
  using hashing = new Hashers(check.hash === undefined ? [] : [check.hash]);
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
  ["rolling.sig.asc", "rolling.asc"],
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
      `the signature ${signature} does not match the bytes`,
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

/** A file of several keys. */
const together = async (...names: readonly string[]): Promise<Uint8Array> =>
  new Uint8Array(Buffer.concat(await Promise.all(names.map(read))));

test("of several keys in one file any may have signed: armoured, binary, minisign", async () => {
  const bytes = await read("SUMS");
  for (const [signature, names] of [
    ["good.sig.asc", ["release.asc", "other.asc"]],
    ["good.sig.asc", ["other.asc", "rsa.asc", "release.asc"]],
    ["rsa.sig.asc", ["release.asc", "other.asc", "rsa.asc"]],
    ["mini.minisig", ["mini2.pub", "mini.pub"]],
    ["mini.minisig", ["mini.pub", "mini2.pub"]],
    ["mini2.minisig", ["mini.pub", "mini2.pub"]],
  ] as const) {
    const what = { where: signature, signature: await read(signature), key: await together(...names) };
    expect(await prove(what, bytes)).toBeUndefined();
  }
  const none = { where: "x", signature: await read("good.sig.asc"), key: await together("other.asc", "rsa.asc") };
  expect((await failure(async () => await prove(none, bytes))).message).toMatch(
    /^the signature x was made with the key [0-9A-F]{16}, and those in images.toml are [0-9A-F]{16}, [0-9A-F]{16}$/,
  );
});

test("of several signatures in one file one is enough", async () => {
  const signature = await together("other.sig.asc", "rsa.sig.asc", "good.sig.asc");
  for (const key of ["release.asc", "other.asc", "rsa.asc"])
    expect(await prove({ where: "x", signature, key: await read(key) }, await read("SUMS"))).toBeUndefined();
  const wrong = { where: "x", signature, key: await read("rolling.asc") };
  expect((await failure(async () => await prove(wrong, await read("SUMS")))).code).toBe("source.signature");
});

test("a key that cannot be read does not spoil the others of its file", async () => {
  const broken = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n";
  const key = Buffer.concat([Buffer.from(`our keys:\n${broken}`), await read("release.asc")]);
  expect(await prove({ where: "x", signature: await read("good.sig.asc"), key }, await read("SUMS"))).toBeUndefined();
});

test("rollover: an old export and the renewed one in one file, in either order; a new subkey beside the old", async () => {
  const later = new Date("2023-06-01");
  const bytes = await read("SUMS");
  const signature = await read("rolling.sig.asc");
  for (const names of [["rolling.asc", "renewed.asc"], ["renewed.asc", "rolling.asc"], ["renewed.asc"], ["rolled.asc"]])
    expect(await prove({ where: "x", signature, key: await together(...names) }, bytes, later)).toBeUndefined();
  const rolled = { where: "x", signature: await read("rolled.sig.asc"), key: await together("rolled.asc") };
  expect(await prove(rolled, bytes, later)).toBeUndefined();
  const both = { ...rolled, key: await together("old.asc", "rolling.asc", "rolled.asc") };
  expect(await prove(both, bytes, new Date("2026-01-01"))).toBeUndefined();
});

const REFUSED = [
  [
    "rolling.sig.asc",
    "rolling.asc",
    "2023-06-01",
    "source.key",
    /was made with the subkey 44ADA50F33F11707 of 9B1E45A7090A0C28, which expired on 2023-04-01$/,
  ],
  [
    "rolling.sig.asc",
    "revoked.asc",
    "2023-06-01",
    "source.key",
    /was made with the subkey 44ADA50F33F11707 of 9B1E45A7090A0C28, which is revoked$/,
  ],
  [
    "short.sig.asc",
    "rolling.asc",
    "2023-03-01",
    "source.signature",
    /^the signature short.sig.asc expired on 2023-02-11$/,
  ],
  [
    "short.sig.asc",
    "rolling.asc",
    "2023-06-01",
    "source.signature",
    /^the signature short.sig.asc expired on 2023-02-11/,
  ],
  ["future.sig.asc", "renewed.asc", "2023-02-15", "source.signature", /was made in the future, on 2023-03-01$/],
  [
    "rolled.sig.asc",
    "rolling.asc",
    "2023-06-01",
    "source.signature",
    /was made with the key 90E1EAED80441CDA, and the one in images.toml is 9B1E45A7090A0C28$/,
  ],
] as const;
for (const [signature, key, day, code, message] of REFUSED)
  test(`${signature} with ${key} on ${day} is refused in its own words`, async () => {
    const told = await failure(
      async () => await prove(await signed(signature, key), await read("SUMS"), new Date(day)),
    );
    expect([told.code, told.message]).toEqual([code, expect.stringMatching(message)]);
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
  expect((await failure(async () => await openClearText(changed, NOW))).message).toContain("does not match the bytes");
});
