import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompress, type Packing } from "../../../src/core/format/compression.ts";
import { untar } from "../../../src/core/format/tar.ts";
import { unzip } from "../../../src/core/format/unzip.ts";
import { all, digestOf, directory, disk, has, lentAll, lentPieces, run } from "./tools.ts";

// Pieces that are lent hold until the fourth after them is asked for, however small they are: a slow line gives a few KiB at a time.

setDefaultTimeout(120_000);

const RAW = disk(3 << 20, 4);
const SIZES = [700, 5000, 65_536] as const;

const PACKED: readonly (readonly [Packing, string, () => Uint8Array])[] = [
  ["gz", "gzip", () => gzipSync(RAW, { level: 1 })],
  ["zst", "zstd", () => zstdCompressSync(RAW)],
  ["bz2", "bzip2", () => run(["bzip2", "-1"], RAW)],
  ["xz", "xz", () => run(["xz", "-0"], RAW)],
  ["lzma", "lzma", () => run(["lzma", "-0"], RAW)],
  ["lz4", "lz4", () => run(["lz4", "-q", "-B7", "-BD"], RAW)],
];

for (const [packing, tool, make] of PACKED)
  test.skipIf(!has(tool))(
    `${packing}: small pieces that are lent are unpacked as they are${has(tool) ? "" : ` (skipped: ${tool} is not installed)`}`,
    async () => {
      const packed = make();
      for (const size of SIZES) {
        const [hash, parts] = [new Bun.CryptoHasher("sha256"), decompress(packing, lentPieces(packed, size))];
        for await (const piece of parts) hash.update(piece);
        expect(hash.digest("hex")).toBe(digestOf(RAW));
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
