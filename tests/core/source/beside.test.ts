import { expect, setDefaultTimeout, test } from "bun:test";
import { availableParallelism } from "node:os";
import { hashThreads } from "../../../src/core/format/hash-worker.ts";
import { file, hostile } from "./hostile.ts";
import { ANY, bench, declared, hash, never, noise, opening, urlSource } from "./kit.ts";

// The digest that the cache makes of a large download has a thread of its own; the reader's is made where it reads.

setDefaultTimeout(300_000);

const SIZE = 66 << 20;
const BROKEN = 30 << 20;
const bytes = noise(SIZE);
const isAble = availableParallelism() > 1;

/** Reads it all: the sha256 of what came, the code of what was wrong, the most threads that were seen. */
async function fetched(url: string, checksum = hash(bytes)) {
  await using place = await bench();
  await using sources = place.run();
  const hasher = new Bun.CryptoHasher("sha256");
  let threads = 0;
  try {
    const source = await sources.open(urlSource(url, { checksum: declared(checksum) }), ANY, opening());
    for await (const piece of source.lend?.(never) ?? source.open(never)) {
      hasher.update(piece);
      threads = Math.max(threads, hashThreads());
    }
    return { sha256: `sha256:${hasher.digest("hex")}`, threads, code: undefined };
  } catch (thrown) {
    return { sha256: undefined, threads, code: thrown instanceof Error && "code" in thrown ? thrown.code : thrown };
  }
}

test("a large download is hashed on a thread, which ends with it; a wrong digest is found there too", async () => {
  await using server = await hostile((asked) => file(asked, bytes));
  const good = await fetched(`${server.url}/a`);
  expect(good).toEqual({ sha256: hash(bytes), threads: isAble ? 1 : 0, code: undefined });
  expect((await fetched(`${server.url}/a`, hash("another file"))).code).toBe("source.checksum");
  expect(hashThreads()).toBe(0);
});

test("broken off and given whole again: what came is compared with what the thread has hashed until then", async () => {
  for (const isChanged of [false, true]) {
    const other = new Uint8Array(bytes);
    other[BROKEN >> 1] = (other[BROKEN >> 1] ?? 0) ^ 1;
    let gets = 0;
    await using server = await hostile(({ method }) => {
      if (method === "GET") gets += 1;
      return gets < 2 ? { body: bytes, cut: BROKEN } : { body: isChanged ? other : bytes };
    });
    const { sha256, code } = await fetched(`${server.url}/a`);
    expect([sha256, code]).toEqual(isChanged ? [undefined, "source.changed"] : [hash(bytes), undefined]);
    if (!isChanged) expect(gets).toBe(2);
    expect(hashThreads()).toBe(0);
  }
});
