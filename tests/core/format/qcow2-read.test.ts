import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { FileAccess } from "../../../src/core/format/access.ts";
import { LENT } from "../../../src/core/format/collection.ts";
import { readQcow2 } from "../../../src/core/format/qcow2/read.ts";
import { qcow2Of } from "../../../src/core/format/qcow2/write.ts";
import { plain } from "../../../src/core/format/segment.ts";
import { Spool } from "../../../src/core/format/spool.ts";
import { all, digestOf, directory, disk, has, lentAll, lentPieces, pieces, qemu } from "./tools.ts";

setDefaultTimeout(300_000);

const missing = has("qemu-img") ? "" : " (skipped: qemu-img is not installed)";

/** Every option that has a say in the layout. */
const OPTIONS: readonly { readonly create?: string; readonly convert?: readonly string[]; readonly odd?: boolean }[] = [
  { create: "compat=0.10" },
  { create: "compat=0.10,cluster_size=512" },
  { create: "compat=1.1" },
  ...["512", "1k", "2k", "4k", "16k", "32k", "128k", "512k", "1M", "2M"].map((size) => ({
    create: `compat=1.1,cluster_size=${size}`,
  })),
  { create: "lazy_refcounts=on" },
  { create: "refcount_bits=1" },
  { create: "refcount_bits=64,cluster_size=512" },
  { create: "preallocation=metadata" },
  { create: "preallocation=falloc" },
  { create: "preallocation=full" },
  { create: "extended_l2=on" },
  { create: "extended_l2=on,cluster_size=16k" },
  { create: "extended_l2=on,cluster_size=128k,preallocation=metadata" },
  { create: "extended_l2=on,cluster_size=2M" },
  { convert: ["-c"] },
  { create: "compat=0.10", convert: ["-c"] },
  { create: "cluster_size=2k", convert: ["-c"] },
  { create: "cluster_size=2M", convert: ["-c"] },
  { create: "compression_type=zstd", convert: ["-c"] },
  { create: "compression_type=zstd,cluster_size=4k", convert: ["-c"] },
  { create: "compression_type=zstd,cluster_size=2M", convert: ["-c"] },
  { create: "extended_l2=on", convert: ["-c"] },
  { convert: ["-W"] },
  { create: "cluster_size=4k", convert: ["-W", "-m", "16"] },
  { convert: ["-S", "0"] },
];

const RAW = disk(2931 * 512);

describe("a qcow2 image is read as qemu-img reads it", () => {
  for (const { create, convert = [] } of OPTIONS) {
    const name = [create, ...convert].filter((word) => word !== undefined).join(" ");
    test.skipIf(missing !== "")(`${name}${missing}`, async () => {
      await using at = await directory();
      await Bun.write(join(at.path, "raw"), RAW);
      const image = join(at.path, "image");
      qemu(
        "convert",
        "-t",
        "unsafe",
        "-f",
        "raw",
        "-O",
        "qcow2",
        ...(create === undefined ? [] : ["-o", create]),
        ...convert,
        join(at.path, "raw"),
        image,
      );
      await using file = await FileAccess.open(image);
      expect(digestOf(await all(plain(readQcow2(file))))).toBe(digestOf(RAW));
      await using spool = new Spool(pieces(await Bun.file(image).bytes()), { directory: at.path });
      expect(digestOf(await all(plain(readQcow2(spool))))).toBe(digestOf(RAW));
      // In buffers that go round, out of pieces that do.
      expect(digestOf(await lentAll(plain(readQcow2(file, { lent: true }))))).toBe(digestOf(RAW));
      await using lent = new Spool(lentPieces(await Bun.file(image).bytes(), 9_999), { directory: at.path });
      expect(digestOf(await lentAll(plain(readQcow2(lent, { lent: true }))))).toBe(digestOf(RAW));
    });
  }
});

for (const kind of ["file", "stream"] as const)
  test(`a disk out of a ${kind} goes round in few buffers when it is lent, and is made anew when it is not`, async () => {
    await using at = await directory();
    const bytes = Buffer.alloc(24 << 20);
    for (let i = 0; i < bytes.length; i += 4096) bytes.writeUInt32LE(i + 1, i);
    const path = join(at.path, "image");
    await using made = await qcow2Of({ kind: "stream", bytes: pieces(bytes, 1 << 20) }, { directory: at.path });
    await Bun.write(path, await all(made.open()));
    for (const lent of [true, false]) {
      await using image =
        kind === "file"
          ? await FileAccess.open(path)
          : new Spool(lentPieces(await Bun.file(path).bytes(), 1 << 19), { directory: at.path });
      const buffers = new Set<unknown>();
      const disk = await lentAll(plain(readQcow2(image, { lent, threads: 2 })), buffers);
      expect(digestOf(disk)).toBe(digestOf(bytes));
      expect(buffers.size).toBe(lent ? LENT + 4 : 24);
    }
  });
