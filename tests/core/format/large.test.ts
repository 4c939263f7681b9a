import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { type ByteStream, bytesOf } from "../../../src/core/format/bytes.ts";
import { compress, decompress, type Packing } from "../../../src/core/format/compression.ts";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { planTransform } from "../../../src/core/format/plan.ts";
import { Spool } from "../../../src/core/format/spool.ts";
import { transform } from "../../../src/core/format/transform.ts";
import { all, digestOf, directory, FIXTURES, has, qemu, random, run } from "./tools.ts";

setDefaultTimeout(300_000);

// Every format at a size above every buffer that there is on the way, from all that gives bytes.

/** Above every buffer: the largest holds 4 MiB. */
const SIZE = (4.25 * 1024 + 12) * 1024;
/** Above the buffers that every byte goes through, of 1 and 1.5 MiB: where a size of 4 MiB would show nothing more. */
const LESS = (1.625 * 1024 + 12) * 1024;
/** What a packer that takes long packs: of each such part this is noise, the rest of it one byte. */
const [PART, NOISY] = [192 << 10, 48 << 10];
/** Broken in so many ways; IMAGES_TEST_CORPUS=whole: in more. */
const ROUNDS = process.env["IMAGES_TEST_CORPUS"] === "whole" ? 12 : 4;
const RAW = { formats: ["raw"], compressions: ["none"] } as const;

/** Bytes that do not compress. */
function noise(size: number, seed: number): Uint8Array {
  const next = random(seed);
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = next();
  return new Uint8Array(words.buffer).subarray(0, size);
}

/** Buffers of odd sizes, views of one pool, as a network and node's files give them. */
async function* buffers(bytes: Uint8Array, most: number, seed = 3): AsyncGenerator<Uint8Array> {
  const pool = Buffer.from(bytes);
  const next = random(seed);
  for (let at = 0; at < pool.length; ) {
    const length = 1 + (next() % most);
    yield pool.subarray(at, at + length);
    at += length;
  }
}

/** As large, of which a quarter is noise: its packed bytes are above what a decoder takes at once. */
function easier(size: number): Uint8Array {
  const bytes = noise(size, 2);
  for (let at = NOISY; at < size; at += PART) bytes.fill(at / PART + 1, at, at + PART - NOISY);
  return bytes;
}

const FULL = { disk: noise(SIZE, 1), lesser: noise(LESS, 1) };
const EASIER = { disk: easier(SIZE), lesser: easier(LESS) };
const program = (name: string, ...words: string[]) => ({
  file: `disk.raw.${name}`,
  make: async (raw: string) => run([...words, raw]),
});
const archive = (name: string, ...words: string[]) => ({
  file: name,
  member: "disk.raw",
  make: async (raw: string) => run(words.map((word) => (word === "RAW" ? raw : word))),
});
const packer = (name: "gz" | "xz" | "zst", level: number) => ({
  file: `disk.raw.${name}`,
  make: async (_: string, bytes: Uint8Array) => all(compress(name, buffers(bytes, 99_999), { level })),
});

interface Case {
  readonly file: string;
  readonly member?: string;
  /** Packs these bytes, which are in a file too. */
  readonly make: (raw: string, bytes: Uint8Array) => Promise<Uint8Array>;
  readonly needs?: string;
  /** It or its decoder takes long. */
  readonly slow?: true;
  /** The same decoder is asked with a large disk, and with broken ones, by another case. */
  readonly large?: false;
}

const CASES: Readonly<Record<string, Case>> = {
  "gz of ours": packer("gz", 1),
  "xz of ours": { ...packer("xz", 0), slow: true },
  "zst of ours": packer("zst", 1),
  bzip2: { ...program("bz2", "bzip2", "-c"), needs: "bzip2", slow: true },
  "bzip2 -1": { ...program("bz2", "bzip2", "-1c"), needs: "bzip2", large: false, slow: true },
  "xz with the dictionary of -9": {
    ...program("xz", "xz", "-c", "--lzma2=preset=0,dict=64MiB"),
    needs: "xz",
    slow: true,
  },
  "xz in blocks": { ...program("xz", "xz", "-0c", "--block-size=300000"), needs: "xz", slow: true },
  gzip: { ...program("gz", "gzip", "-1c"), needs: "gzip" },
  zstd: { ...program("zst", "zstd", "-1qc"), needs: "zstd" },
  lz4: { ...program("lz4", "lz4", "-1qc"), needs: "lz4" },
  "lz4 with small blocks that look back": { ...program("lz4", "lz4", "-9qc", "-BD", "-B4", "-BX"), needs: "lz4" },
  "lz4 with its size": { ...program("lz4", "lz4", "-1qc", "-B7", "--content-size"), needs: "lz4" },
  lzma: { ...program("lzma", "xz", "-0c", "--format=lzma"), needs: "xz", slow: true },
  tar: { ...archive("disk.tar", "tar", "-C", ".", "-cf", "-", "--transform=s,.*/,,", "-P", "RAW"), needs: "tar" },
  "tar.xz": {
    ...archive("disk.tar.xz", "tar", "-cf", "-", "-Ixz -0", "--transform=s,.*/,,", "-P", "RAW"),
    needs: "xz",
    slow: true,
    large: false,
  },
  "tar.bz2": {
    ...archive("disk.tar.bz2", "tar", "-cjf", "-", "--transform=s,.*/,,", "-P", "RAW"),
    needs: "bzip2",
    slow: true,
    large: false,
  },
  zip: { ...archive("disk.zip", "zip", "-jq1", "-", "RAW"), needs: "zip" },
  qcow2: {
    file: "disk.qcow2",
    needs: "qemu-img",
    make: async (raw) => {
      qemu("convert", "-f", "raw", "-O", "qcow2", "-c", raw, `${raw}.qcow2`);
      return await Bun.file(`${raw}.qcow2`).bytes();
    },
  },
};

for (const [name, { file, member, make, needs, slow, large = true }] of Object.entries(CASES)) {
  const missing = needs === undefined || has(needs) ? "" : ` (skipped: ${needs} is not installed)`;
  describe.skipIf(missing !== "")(`${name}${missing}`, () => {
    const { disk, lesser } = slow ? EASIER : FULL;
    let small: Promise<Uint8Array> | undefined;
    const packedLesser = () => (small ??= packed(lesser));

    async function packed(of: Uint8Array): Promise<Uint8Array> {
      await using at = await directory();
      const raw = join(at.path, "disk.raw");
      await Bun.write(raw, of);
      return await make(raw, of);
    }

    /** What comes out of each stream of the file; undefined: of the file itself. */
    async function opened(
      bytes: Uint8Array,
      ways: readonly (((path: string) => ByteStream) | undefined)[],
    ): Promise<string[]> {
      await using at = await directory();
      const path = join(at.path, file);
      await Bun.write(path, bytes);
      const detected = await identifyFile(path, { member });
      const plan = planTransform(detected, RAW);
      const options = { target: RAW, member, directory: at.path };
      const found: string[] = [];
      for (const stream of ways) {
        const input =
          stream === undefined ? ({ kind: "file", path } as const) : ({ kind: "stream", bytes: stream(path) } as const);
        // All pieces are held to the end: none may be written to again.
        const hash = new Bun.CryptoHasher("sha256");
        for (const piece of await Array.fromAsync(transform(input, plan, options))) hash.update(piece);
        found.push(hash.digest("hex"));
      }
      return found;
    }

    test("from a file, from node's stream of it, and in odd pieces", async () => {
      if (large) {
        const bytes = await packed(disk);
        // From a file at such a size: corpus.test.ts.
        const found = await opened(bytes, [(path) => createReadStream(path, { highWaterMark: 3_000_017 })]);
        expect(found).toEqual([digestOf(disk)]);
      }
      const bytes = await packedLesser();
      // What a packer that takes long made is one such large piece, as above.
      const larger = slow ? [] : [() => buffers(bytes, 1_000_003)];
      const node = large ? [] : [(path: string) => createReadStream(path, { highWaterMark: 1_000_003 })];
      const ways = [undefined, ...larger, ...node, () => buffers(bytes, 20_011)];
      expect(await opened(bytes, ways)).toEqual(ways.map(() => digestOf(lesser)));
    });

    if (!large) return;
    test("broken at random places it ends in a failure or in the right length", async () => {
      const whole = await packedLesser();
      const next = random(11);
      for (let round = 0; round < ROUNDS; round += 1) {
        const bytes = new Uint8Array(whole);
        for (let changes = 0; changes < 3; changes += 1) {
          const place = 600 + (next() % (bytes.length - 600));
          bytes[place] = (bytes[place] ?? 0) ^ (1 + (next() % 255));
        }
        const cut = round % 2 === 0 ? bytes : bytes.subarray(0, 4096 + (next() % (bytes.length - 4096)));
        try {
          await opened(cut, [undefined, () => buffers(cut, 300_007)]);
          expect(cut.length).toBe(whole.length);
        } catch (thrown) {
          if (!(thrown instanceof Failure)) throw thrown;
          expect(["source.corrupt", "source.truncated"]).toContain(thrown.code);
        }
      }
    });
  });
}

test("bz2: hundreds of streams after each other", async () => {
  const one = await Bun.file(join(FIXTURES, "disk.raw.bz2")).bytes();
  const raw = await all(decompress("bz2", bytesOf(one), { thread: false }));
  const many = new Uint8Array(Buffer.concat(Array<Uint8Array>(200).fill(one)));
  const found = await all(decompress("bz2", buffers(many, 700_001)));
  expect(digestOf(found)).toBe(digestOf(new Uint8Array(Buffer.concat(Array<Uint8Array>(200).fill(raw)))));
});

const JOBS: Readonly<Record<string, (input: ByteStream, signal: AbortSignal) => ByteStream>> = {
  xz: (input, signal) => compress("xz", input, { level: 0 }, signal),
  ...Object.fromEntries(
    (["bz2", "xz", "lz4", "lzma"] as const satisfies readonly Packing[]).map((packing) => [
      `un${packing}`,
      (input: ByteStream, signal: AbortSignal) => decompress(packing, input, {}, signal),
    ]),
  ),
};

for (const [name, job] of Object.entries(JOBS)) {
  test(`${name}: a signal ends it while the input gives nothing`, async () => {
    const stop = new AbortController();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    async function* silent(): AsyncGenerator<Uint8Array> {
      ask();
      await new Promise(() => {});
      yield new Uint8Array(0);
    }
    const work = all(job(silent(), stop.signal));
    await asked;
    stop.abort(new Error("interrupted"));
    await expect(work).rejects.toThrow("interrupted");
  });
}

test("a spool keeps its own copy of what it passes over", async () => {
  const bytes = noise(3 << 20, 5);
  async function* reused(): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.alloc(1 << 18);
    for (let at = 0; at < bytes.length; at += buffer.length) {
      buffer.set(bytes.subarray(at, at + buffer.length));
      yield buffer;
    }
  }
  await using spool = new Spool(reused());
  await spool.read(2 << 20, 512, "once");
  expect(digestOf(await spool.read(0, 2 << 20, "once"))).toBe(digestOf(bytes.subarray(0, 2 << 20)));
});
