import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { hashed } from "../../../src/core/format/hash.ts";
import { HashWorker, hashThreads } from "../../../src/core/format/hash-worker.ts";
import { ALGORITHMS } from "../../../src/core/model/digest.ts";
import { all, digestOf, disk, pieces } from "./tools.ts";

setDefaultTimeout(300_000);

for (const threads of [false, true]) {
  const name = threads ? "on threads" : "in place";

  test(`all digests in one pass, ${name}`, async () => {
    const bytes = disk(2_500_000);
    const flow = hashed(pieces(bytes, 300_000), ALGORITHMS, { threads });
    expect(() => flow.digests()).toThrow("before the end");
    expect(digestOf(await all(flow.bytes))).toBe(digestOf(bytes));
    expect(flow.length()).toBe(bytes.length);
    const digests: Readonly<Record<string, string>> = flow.digests();
    for (const algorithm of ALGORITHMS) {
      expect(digests[algorithm]).toBe(`${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`);
    }
  });

  test(`pieces stay as they were, Buffers too, ${name}`, async () => {
    const piece = Buffer.from("bytes of zlib and of files come as Buffers");
    const flow = hashed(pieces(piece), ["sha256", "md5"], { threads });
    for await (const one of flow.bytes) expect(Buffer.from(one).toString()).toBe(piece.toString());
    expect(piece.toString()).toStartWith("bytes of zlib");
    expect<string>(flow.digests().md5).toBe(`md5:${createHash("md5").update(piece).digest("hex")}`);
  });

  test(`nothing is hashed too, ${name}`, async () => {
    const flow = hashed(pieces(new Uint8Array(0)), ["sha256"], { threads });
    await all(flow.bytes);
    expect(Object.keys(flow.digests())).toEqual(["sha256"]);
    expect(String(flow.digests().sha256)).toStartWith("sha256:e3b0c44298fc1c14");
  });

  test(`an error of the input goes through, and an early end closes it, ${name}`, async () => {
    let closed = false;
    async function* input(): AsyncGenerator<Uint8Array> {
      try {
        yield disk(1000);
        throw new Error("the line is cut");
      } finally {
        closed = true;
      }
    }
    await expect(all(hashed(input(), ["md5"], { threads }).bytes)).rejects.toThrow("the line is cut");
    closed = false;
    for await (const _ of hashed(input(), ["md5"], { threads }).bytes) break;
    expect(closed).toBe(true);
  });
}

test("what a thread has hashed until now is told, and more may come", async () => {
  const bytes = disk(5_000_000);
  using worker = new HashWorker("sha256");
  for (let at = 0; at < bytes.length; at += 700_000) {
    const piece = bytes.subarray(at, at + 700_000);
    await worker.update(piece);
    const until = createHash("sha256").update(bytes.subarray(0, at + piece.length));
    expect(await worker.soFar()).toBe(until.digest("hex"));
  }
  expect(await worker.digest()).toBe(createHash("sha256").update(bytes).digest("hex"));
});

test("many digests share few threads, each of them right, and the threads go with the last", async () => {
  const bytes = disk(3_000_000);
  const workers = Array.from({ length: 16 }, (_, i) => new HashWorker(i % 2 === 0 ? "md5" : "sha512"));
  expect(hashThreads()).toBeLessThanOrEqual(Math.max(1, Math.min(3, availableParallelism() - 1)));
  workers.pop()?.[Symbol.dispose]();
  const made = await Promise.all(
    workers.map(async (worker) => {
      for await (const piece of pieces(bytes, 900_000)) await worker.update(piece);
      using ended = worker;
      return await ended.digest();
    }),
  );
  const wanted = ["md5", "sha512"].map((name) => createHash(name).update(bytes).digest("hex"));
  expect(made).toEqual(workers.map((_, i) => wanted[i % 2] ?? ""));
  expect(hashThreads()).toBe(0);
});
