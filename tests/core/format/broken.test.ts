import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { FileAccess } from "../../../src/core/format/access.ts";
import { type ByteStream, bytesOf } from "../../../src/core/format/bytes.ts";
import { decompress } from "../../../src/core/format/compression.ts";
import { identifyHead } from "../../../src/core/format/identify.ts";
import { readQcow2 } from "../../../src/core/format/qcow2/read.ts";
import { plain } from "../../../src/core/format/segment.ts";
import { Spool } from "../../../src/core/format/spool.ts";
import { untar } from "../../../src/core/format/tar.ts";
import { unzip } from "../../../src/core/format/unzip.ts";
import { directory, FIXTURES, random } from "./tools.ts";

setDefaultTimeout(300_000);

/** No mutant may give more than this. */
const LIMIT = 1 << 20;

const READERS: Readonly<Record<string, (bytes: Uint8Array) => ByteStream>> = {
  "v2.qcow2": (bytes) => plain(readQcow2(new Spool(bytesOf(bytes)), { limit: LIMIT })),
  "v3.qcow2": (bytes) => plain(readQcow2(new Spool(bytesOf(bytes)), { limit: LIMIT })),
  "deflate.qcow2": (bytes) => plain(readQcow2(new Spool(bytesOf(bytes)), { limit: LIMIT })),
  "zstd.qcow2": (bytes) => plain(readQcow2(new Spool(bytesOf(bytes)), { limit: LIMIT })),
  "subclusters.qcow2": (bytes) => plain(readQcow2(new Spool(bytesOf(bytes)), { limit: LIMIT })),
  "disk.raw.gz": (bytes) => decompress("gz", bytesOf(bytes), { limit: LIMIT }),
  "disk.raw.bz2": (bytes) => decompress("bz2", bytesOf(bytes), { limit: LIMIT, thread: false }),
  "disk.raw.xz": (bytes) => decompress("xz", bytesOf(bytes), { limit: LIMIT, thread: false }),
  "disk.raw.zst": (bytes) => decompress("zst", bytesOf(bytes), { limit: LIMIT }),
  "disk.raw.lz4": (bytes) => decompress("lz4", bytesOf(bytes), { limit: LIMIT, thread: false }),
  "disk.raw.lzma": (bytes) => decompress("lzma", bytesOf(bytes), { limit: LIMIT, thread: false }),
  "disk.tar": (bytes) => untar(bytesOf(bytes), { name: "disk.raw", limit: LIMIT }),
  "disk.zip": (bytes) => unzip(bytesOf(bytes), { name: "disk.raw", limit: LIMIT }),
};
const EACH = 200;

/** One to four changes: most of them where the headers and tables are, with the values that programs stumble over. */
function mutant(original: Uint8Array, seed: number): Uint8Array {
  const next = random(seed);
  let bytes = original.slice();
  for (let changes = 1 + (next() % 4); changes > 0; changes -= 1) {
    const at = next() % (next() % 3 === 0 ? bytes.length : Math.min(bytes.length, 600));
    const view = new DataView(bytes.buffer);
    switch (next() % 6) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (next() % 8));
        break;
      case 1:
        bytes[at] = [0, 1, 0x7f, 0x80, 0xff][next() % 5] ?? 0;
        break;
      case 2:
        if (at + 4 <= bytes.length)
          view.setUint32(at, [0, 1, 0x7fffffff, 0x80000000, 0xffffffff][next() % 5] ?? 0, next() % 2 === 0);
        break;
      case 3:
        bytes = bytes.slice(0, at);
        if (bytes.length === 0) return bytes;
        break;
      case 4:
        bytes.copyWithin(at, next() % bytes.length, (next() % bytes.length) + 64);
        break;
      default:
        bytes.fill(next() & 0xff, at, at + (next() % 64));
    }
  }
  return bytes;
}

/** Reads it to the end: the number of bytes, or the code of the Failure. Any other error is a bug. */
async function outcome(input: ByteStream): Promise<number | string> {
  let length = 0;
  try {
    for await (const piece of input) length += piece.length;
    return length;
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown.code;
    throw thrown;
  }
}

for (const [name, read] of Object.entries(READERS)) {
  test(`${EACH} broken copies of ${name} end in a failure or in good bytes, in little memory`, async () => {
    const original = await Bun.file(join(FIXTURES, name)).bytes();
    const codes = new Set<string>();
    const before = process.memoryUsage().rss;
    for (let seed = 1; seed <= EACH; seed += 1) {
      const bytes = mutant(original, seed);
      try {
        const end = await outcome(read(bytes));
        if (typeof end === "number") expect(end).toBeLessThanOrEqual(LIMIT);
        codes.add(typeof end === "number" ? "read" : end);
        await identifyHead(bytes, { member: true }).catch((thrown) => {
          if (!(thrown instanceof Failure)) throw thrown;
        });
      } catch (cause) {
        throw new Error(`mutant ${seed} of ${name}`, { cause });
      }
    }
    for (const code of codes) {
      expect([
        "read",
        "source.corrupt",
        "source.truncated",
        "source.format",
        "source.limit",
        "source.member",
      ]).toContain(code);
    }
    expect(codes.size).toBeGreaterThan(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20);
  });
}

test("broken qcow2 files fail as broken streams do", async () => {
  await using at = await directory();
  const path = join(at.path, "image");
  const original = await Bun.file(join(FIXTURES, "v3.qcow2")).bytes();
  for (let seed = 1; seed <= 100; seed += 1) {
    const bytes = mutant(original, seed);
    await Bun.write(path, bytes);
    await using file = await FileAccess.open(path);
    const fromFile = await outcome(plain(readQcow2(file, { limit: LIMIT })));
    const fromStream = await outcome(plain(readQcow2(new Spool(bytesOf(bytes)), { limit: LIMIT })));
    expect([seed, typeof fromFile]).toEqual([seed, typeof fromStream]);
  }
});
