import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Failure } from "../../../src/core/failure.ts";
import { withCollection } from "../../../src/core/format/collection.ts";
import { hashThreads } from "../../../src/core/format/hash-worker.ts";
import { GrowingFile } from "../../../src/core/source/fetch/growing-file.ts";
import { gathered } from "../../../src/core/source/pieces.ts";
import { heldBack } from "../../../src/core/source/verified-bytes.ts";
import { Hashers } from "../../../src/core/source/verify/hashing.ts";
import { judge, rangeOf } from "../../../src/core/source/web/range.ts";
import { all, attempt, bench, never, noise } from "./kit.ts";

setDefaultTimeout(300_000);

async function* pieces(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

test("many digests at once, here and on threads, are those of the bytes", async () => {
  const bytes = noise(5_000_000);
  const names = ["md5", "sha1", "sha256", "sha384", "sha512", "blake2b512"] as const;
  for (const size of [bytes.length, undefined]) {
    using hashing = new Hashers(names, { size });
    for (let at = 0; at < bytes.length; at += 777_777) await hashing.update(bytes.subarray(at, at + 777_777));
    const made = await hashing.end();
    for (const name of names) expect(made.get(name)).toBe(createHash(name).update(bytes).digest("hex"));
  }
});

test("a single digest has a thread where many bytes are known to come, asked for with the first of them", async () => {
  const bytes = noise(1_000_000);
  const wanted = createHash("sha256").update(bytes).digest("hex");
  let size: number | undefined;
  for (const [known, threads] of [
    [100 << 20, availableParallelism() > 1 ? 1 : 0],
    [bytes.length, 0],
    [undefined, 0],
  ] as const) {
    size = undefined;
    using hashing = new Hashers(["sha256"], { size: () => size });
    size = known;
    await hashing.update(bytes.subarray(0, 300_000));
    expect(hashThreads()).toBe(threads);
    const before = createHash("sha256").update(bytes.subarray(0, 300_000)).digest("hex");
    expect(await hashing.soFar()).toBe(before);
    await hashing.update(bytes.subarray(300_000));
    expect((await hashing.end()).get("sha256")).toBe(wanted);
    expect(hashThreads()).toBe(0);
  }
  using beside = new Hashers(["sha256", "sha512"], { size: 100 << 20, isBeside: true });
  await beside.update(bytes);
  expect(hashThreads()).toBe(Math.min(2, availableParallelism() - 1));
});

test("a reader that does not keep up is lent few buffers, each good until the fourth after it is asked for", async () => {
  await using place = await bench();
  const growing = await GrowingFile.open(join(place.directory, "file"));
  const bytes = noise(12_000_000);
  const reading = growing.read(never, true);
  const first = reading.next();
  for (let at = 0; at < bytes.length; at += 250_000) await growing.write(bytes.subarray(at, at + 250_000));
  growing.prove();
  const held: Uint8Array[] = [(await first).value ?? new Uint8Array(0)];
  const got: Uint8Array[] = [];
  const buffers = new Set<unknown>();
  for await (const piece of reading) {
    if (piece.buffer !== bytes.buffer) buffers.add(piece.buffer);
    held.push(piece);
    if (held.length === 4) got.push(Buffer.from(held.shift() ?? []));
  }
  expect(Buffer.concat([...got, ...held]).equals(bytes)).toBe(true);
  expect(buffers.size).toBe(8);
  await growing.release();
});

test("giving back the memory of used pieces changes none that are still held", async () => {
  const whole = noise(70 << 20);
  const cut = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < whole.length; at += 1 << 20) yield whole.slice(at, at + (1 << 20));
  };
  expect((await all(withCollection(cut()))).equals(whole)).toBe(true);
});

test("readers of a growing file see all of it, at any pace, and its end only when it is proven", async () => {
  await using place = await bench();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 2_500_000 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (sizes, paces, isTemporary) => {
        const whole = Buffer.concat(sizes.map((size, i) => (i % 2 === 1 ? Buffer.alloc(size) : noise(size))));
        const growing = await GrowingFile.open(join(place.directory, "file"), { isTemporary });
        let isProven = false;
        const readers = paces.map(async (pace) => {
          const got: Uint8Array[] = [];
          let length = 0;
          for await (const piece of growing.read(never)) {
            got.push(Buffer.from(piece));
            length += piece.length;
            if (length === whole.length) expect(isProven).toBe(true);
            for (let i = 0; i < pace; i++) await new Promise((resolve) => setImmediate(resolve));
          }
          return Buffer.concat(got);
        });
        let at = 0;
        for (const size of sizes) {
          await growing.write(whole.subarray(at, at + size));
          at += size;
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
        isProven = true;
        growing.prove();
        for (const got of await Promise.all(readers)) expect(got.equals(whole)).toBe(true);
        expect((await all(growing.read(never))).equals(whole)).toBe(true);
        await growing.release();
      },
    ),
    { numRuns: 15 },
  );
});

for (const isTemporary of [true, false])
  test(`zeros are holes of a ${isTemporary ? "spool" : "download"}, also within a piece and at its end`, async () => {
    await using place = await bench();
    const path = join(place.directory, "file");
    const data = noise(100_000);
    const whole = Buffer.alloc(200 << 20);
    for (const at of [0, 50 << 20, (120 << 20) + 7]) whole.set(data, at);
    const growing = await GrowingFile.open(path, { isTemporary });
    for (let at = 0; at < whole.length; at += 777_777) await growing.write(whole.subarray(at, at + 777_777));
    growing.prove();
    expect((await all(growing.read(never))).equals(whole)).toBe(true);
    const { size, blocks } = await stat(path);
    expect(size).toBe(whole.length);
    expect(blocks * 512).toBeLessThan(2 << 20);
    await growing.release();
  });

test("a failed growing file ends its readers with the failure, wherever they are", async () => {
  await using place = await bench();
  const growing = await GrowingFile.open(join(place.directory, "file"));
  await growing.write(noise(3_000_000));
  await growing.write(noise(100));
  const reading = attempt(growing.read(never));
  const late = growing.read(never)[Symbol.asyncIterator]();
  await late.next();
  growing.fail(new Failure("source.checksum", "wrong"));
  expect((await reading).failure?.code).toBe("source.checksum");
  expect(late.next()).rejects.toThrow("wrong");
  await growing.release();
});

test("gathering changes the pieces, never the bytes, and gives what came before an error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 12 }), async (sizes) => {
      const input = sizes.map((size) => noise(size));
      expect((await all(gathered(pieces(...input)))).equals(Buffer.concat(input))).toBe(true);
      const breaks = async function* () {
        yield* input;
        throw new Failure("net.short", "cut");
      };
      const { got, failure } = await attempt(gathered(breaks()));
      expect([got.equals(Buffer.concat(input)), failure?.code]).toEqual([true, "net.short"]);
    }),
    { numRuns: 30 },
  );
});

test("the last piece is held back until the input has ended well", async () => {
  const breaks = async function* () {
    yield new Uint8Array([1]);
    yield new Uint8Array([2]);
    throw new Failure("source.checksum", "wrong");
  };
  expect((await attempt(heldBack(breaks()))).got).toEqual(Buffer.from([1]));
  expect(await all(heldBack(pieces(new Uint8Array([1]), new Uint8Array(0), new Uint8Array([2]))))).toEqual(
    Buffer.from([1, 2]),
  );
});

test("ranges are read as they are meant, or not at all", () => {
  expect(rangeOf("bytes 5-9/10")).toEqual({ first: 5, last: 9, total: 10 });
  expect(rangeOf("bytes 5-9/*")).toEqual({ first: 5, last: 9 });
  expect(rangeOf("bytes */10")).toEqual({ total: 10 });
  for (const wrong of [
    null,
    "",
    "bytes 9-5/10",
    "bytes 5-10/10",
    "items 5-9/10",
    "bytes 5-9",
    "bytes a-b/c",
    "bytes -5/10",
  ])
    expect(rangeOf(wrong)).toBeUndefined();
});

test("no answer makes us append bytes at another place than where we are", () => {
  const small = fc.integer({ min: 0, max: 20 });
  const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
  fc.assert(
    fc.property(
      small,
      maybe(small),
      fc.constantFrom(200, 206, 416),
      maybe(small),
      maybe(small),
      (offset, total, status, first, end) => {
        const range =
          first === undefined ? undefined : { first, last: first + 1, ...(end === undefined ? {} : { total: end }) };
        const verdict = judge({ offset, total, validators: {} }, { status, range, length: undefined, validators: {} });
        if (verdict.kind === "append") expect([status, first]).toEqual([206, offset]);
        if (verdict.kind === "complete") expect([status, end]).toEqual([416, offset]);
        if (verdict.kind === "whole") expect(status).toBe(200);
      },
    ),
  );
});
