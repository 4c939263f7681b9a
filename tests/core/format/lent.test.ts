import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { bunzip2 } from "../../../src/core/format/bunzip2.ts";
import { LENT } from "../../../src/core/format/collection.ts";
import { decompress, type Packing } from "../../../src/core/format/compression.ts";
import { identify } from "../../../src/core/format/identify.ts";
import { planTransform } from "../../../src/core/format/plan.ts";
import { FlowOfBytes } from "../../../src/core/format/ring.ts";
import { untar } from "../../../src/core/format/tar.ts";
import { takesLent, transform } from "../../../src/core/format/transform.ts";
import { unzip } from "../../../src/core/format/unzip.ts";
import { all, digestOf, directory, disk, has, lentAll, lentPieces, pieces, run } from "./tools.ts";

// Pieces that are lent hold until the fourth after them is asked for, however small they are: a slow line gives a few KiB at a time.

setDefaultTimeout(120_000);

const RAW = disk(3 << 20, 4);
/** Above all pieces of a decoder that takes long, and of what it was packed to. */
const LESS = RAW.subarray(0, 5 << 18);
const SIZES = [700, 5000, 65_536] as const;

const PACKED: readonly (readonly [Packing, string, Uint8Array, (raw: Uint8Array) => Uint8Array])[] = [
  ["gz", "gzip", RAW, (raw) => gzipSync(raw, { level: 1 })],
  ["zst", "zstd", RAW, (raw) => zstdCompressSync(raw)],
  ["bz2", "bzip2", LESS, (raw) => run(["bzip2", "-1"], raw)],
  ["xz", "xz", LESS, (raw) => run(["xz", "-0"], raw)],
  ["lzma", "lzma", LESS, (raw) => run(["lzma", "-0"], raw)],
  ["lz4", "lz4", RAW, (raw) => run(["lz4", "-q", "-B7", "-BD"], raw)],
];

for (const [packing, tool, raw, make] of PACKED)
  test.skipIf(!has(tool))(
    `${packing}: small pieces that are lent are unpacked as they are${has(tool) ? "" : ` (skipped: ${tool} is not installed)`}`,
    async () => {
      const packed = make(raw);
      for (const size of SIZES) {
        const [hash, parts] = [new Bun.CryptoHasher("sha256"), decompress(packing, lentPieces(packed, size))];
        for await (const piece of parts) hash.update(piece);
        expect(hash.digest("hex")).toBe(digestOf(raw));
      }
    },
  );

/** What is behind the file overwrites what was lent of the archive while its last pieces are still in use. */
const ARCHIVES: readonly (readonly [string, typeof untar, tool: string, ...words: string[]])[] = [
  ["tar", untar, "tar", "tar", "--format=pax", "--pax-option=comment=NOTE", "-cf", "-"],
  ["sparse tar", untar, "tar", "tar", "--format=pax", "-S", "-cf", "-"],
  ["sparse tar of GNU", untar, "tar", "tar", "--format=gnu", "-S", "-cf", "-"],
  ["zip of stored files", unzip, "zip", "sh", "-c", 'zip -0 -q a.zip "$@" && cat a.zip', "-"],
  ["zip", unzip, "zip", "zip", "-1", "-q", "-"],
];

for (const [name, open, tool, ...words] of ARCHIVES)
  test.skipIf(!has(tool))(
    `${name}: small pieces that are lent give the file as it is${has(tool) ? "" : ` (skipped: ${tool} is not installed)`}`,
    async () => {
      await using at = await directory();
      const deep = Array.from({ length: 12 }, (_, i) => `${i}`.repeat(90)).join("/");
      await mkdir(join(at.path, deep), { recursive: true });
      await writeFile(join(at.path, deep, "disk.raw"), RAW);
      await writeFile(join(at.path, "other"), disk(1 << 20, 9));
      run(["fallocate", "--dig-holes", join(at.path, deep, "disk.raw")]);
      const long = words.map((word) => word.replace("NOTE", "x".repeat(90_000)));
      const archive = run(["sh", "-c", 'cd "$0" && exec "$@"', at.path, ...long, join(deep, "disk.raw"), "other"]);
      for (const size of SIZES) {
        const file = (lent: boolean) => open(lentPieces(archive, size), { name: join(deep, "disk.raw"), lent });
        expect(digestOf(await lentAll(file(true)))).toBe(digestOf(RAW));
        expect(digestOf(await all(file(false)))).toBe(digestOf(RAW));
      }
    },
  );

test("raw to qcow2: from a file, from small pieces that are lent, and lent on", async () => {
  await using at = await directory();
  const path = join(at.path, "disk.raw");
  await writeFile(path, RAW);
  const wanted = { formats: ["qcow2"], compressions: ["none"] } as const;
  const plan = planTransform((await identify(lentPieces(RAW, 65_536))).detected, wanted);
  expect(plan.steps).toEqual(["raw->qcow2"]);
  expect(takesLent(plan)).toBe(true);
  const options = { target: wanted, directory: at.path };
  const once = digestOf(await all(transform({ kind: "file", path }, plan, options)));
  const freed: Uint8Array[] = [];
  const first = transform({ kind: "file", path }, plan, { ...options, lent: true });
  expect(digestOf(await lentAll(first))).toBe(once);
  for await (const piece of transform({ kind: "file", path }, plan, { ...options, lent: true })) freed.push(piece);
  expect(freed.filter(({ length }) => length === 0).length).toBe(freed.length - LENT);
  for (const size of SIZES)
    for (const lent of [false, true]) {
      const input = { kind: "stream", bytes: lentPieces(RAW, size), size: RAW.length } as const;
      expect(digestOf(await lentAll(transform(input, plan, { ...options, lent })))).toBe(once);
    }
  // Without a directory, in one pass: its zeros are written too, and what is given is the reader's own.
  const whole = transform({ kind: "stream", bytes: lentPieces(RAW, 5000), size: RAW.length }, plan, { target: wanted });
  const dense = transform({ kind: "stream", bytes: pieces(RAW), size: RAW.length }, plan, { target: wanted });
  expect(digestOf(await all(whole))).toBe(digestOf(await all(dense)));
});

test.skipIf(!has("bzip2"))(
  `bz2: a piece takes no more memory than it has bytes${has("bzip2") ? "" : " (skipped: bzip2 is not installed)"}`,
  async () => {
    for (const level of [1, 9])
      for await (const piece of bunzip2(pieces(run(["bzip2", `-${level}`], LESS), 1 << 20)))
        expect(piece.buffer.byteLength).toBe(piece.byteLength);
  },
);

test("while many flow, the compiler is reluctant, and else as usual", () => {
  const policy = spyOn(Bun.unsafe, "setJITPolicy");
  try {
    const flows = Array.from({ length: 2 }, () => new FlowOfBytes());
    expect(policy.mock.calls).toEqual([]);
    flows.push(...Array.from({ length: 10 }, () => new FlowOfBytes()));
    expect(policy.mock.calls).toEqual([[expect.any(Number)]]);
    expect(policy.mock.calls[0]?.[0]).toBeGreaterThan(1);
    for (const flow of flows.splice(2)) flow[Symbol.dispose]();
    expect(policy.mock.calls.slice(1)).toEqual([[1]]);
    for (const flow of flows) flow[Symbol.dispose]();
    expect(policy.mock.calls.length).toBe(2);
    // One that counts as many is as many.
    new FlowOfBytes(8)[Symbol.dispose]();
    expect(policy.mock.calls.slice(2)).toEqual([[expect.any(Number)], [1]]);
  } finally {
    policy.mockRestore();
  }
});
