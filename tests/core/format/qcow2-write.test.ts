import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { FileAccess } from "../../../src/core/format/access.ts";
import { CLUSTER, ClusterMap, layoutOf, tablesOf } from "../../../src/core/format/qcow2/layout.ts";
import { readQcow2 } from "../../../src/core/format/qcow2/read.ts";
import { qcow2Of, type RawInput, type WriteOptions } from "../../../src/core/format/qcow2/write.ts";
import { plain } from "../../../src/core/format/segment.ts";
import { all, codeOf, digestOf, directory, disk, has, pieces, qemu } from "./tools.ts";

setDefaultTimeout(300_000);

const missing = has("qemu-img") ? "" : " (skipped: qemu-img is not installed)";
const MiB = 1024 * 1024;

/** Disks at the borders of sectors, clusters and tables. */
const DISKS: readonly { readonly name: string; readonly bytes: () => Uint8Array }[] = [
  { name: "everything in it", bytes: () => disk(3 * MiB + 512) },
  { name: "an end within a sector", bytes: () => disk(MiB + 100) },
  { name: "one byte", bytes: () => Uint8Array.of(1) },
  { name: "one cluster", bytes: () => disk(65536).fill(5) },
  { name: "nothing but zeros", bytes: () => new Uint8Array(2 * MiB) },
  { name: "no bytes", bytes: () => new Uint8Array(0) },
];

const ways: readonly {
  readonly name: string;
  readonly input: (path: string, bytes: Uint8Array) => RawInput;
  readonly options: (path: string) => WriteOptions;
}[] = [
  { name: "a file", input: (path) => ({ kind: "file", path }), options: () => ({}) },
  {
    name: "a stream through a temporary file",
    input: (_, bytes) => ({ kind: "stream", bytes: pieces(bytes) }),
    options: (directory) => ({ directory }),
  },
  {
    name: "a stream of known size",
    input: (_, bytes) => ({ kind: "stream", bytes: pieces(bytes), size: bytes.length }),
    options: () => ({}),
  },
];

describe("a qcow2 image that was written", () => {
  for (const { name, bytes } of DISKS) {
    for (const way of ways) {
      test(`is the disk again: ${name}, from ${way.name}`, async () => {
        await using at = await directory();
        const raw = bytes();
        const path = join(at.path, "raw");
        await Bun.write(path, raw);
        await using image = await qcow2Of(way.input(path, raw), way.options(at.path));
        const written = await all(image.open());
        expect(written.length).toBe(image.length);
        await Bun.write(join(at.path, "image"), written);
        await using file = await FileAccess.open(join(at.path, "image"));
        const back = await all(plain(readQcow2(file)));
        expect(back.length).toBe(Math.ceil(raw.length / 512) * 512);
        expect(digestOf(back.subarray(0, raw.length))).toBe(digestOf(raw));
        if (image.again) expect(digestOf(await all(image.open()))).toBe(digestOf(written));
        expect((await readdir(at.path)).sort()).toEqual(["image", "raw"]);
      });

      test.skipIf(missing !== "")(`is good for qemu-img: ${name}, from ${way.name}${missing}`, async () => {
        await using at = await directory();
        const raw = bytes();
        const path = join(at.path, "raw");
        await Bun.write(path, raw);
        await using image = await qcow2Of(way.input(path, raw), way.options(at.path));
        const target = join(at.path, "image");
        await Bun.write(target, await all(image.open()));
        qemu("check", "-f", "qcow2", target);
        if (raw.length > 0) qemu("compare", "-f", "raw", "-F", "qcow2", path, target);
      });
    }
  }

  test.skipIf(missing !== "")(`has as many tables as a large disk needs${missing}`, async () => {
    await using at = await directory();
    const path = join(at.path, "raw");
    const raw = await open(path, "w");
    const map = new ClusterMap();
    const data: Uint8Array[] = [];
    for (const cluster of [0, 8191, 8192, 30_000, 327_679]) {
      const bytes = disk(CLUSTER, cluster).fill(1, 0, 1);
      await raw.write(bytes, 0, CLUSTER, cluster * CLUSTER);
      map.add(cluster);
      data.push(bytes);
    }
    await raw.close();
    const layout = layoutOf(20 * 2 ** 30, map);
    const target = join(at.path, "image");
    await Bun.write(target, Buffer.concat([...tablesOf(layout, map), ...data]));
    expect(Bun.file(target).size).toBe(layout.total * CLUSTER);
    qemu("check", "-f", "qcow2", target);
    qemu("compare", "-f", "raw", "-F", "qcow2", path, target);
  });

  test("fails when a stream is not as long as it was told", async () => {
    const raw = disk(100_000);
    for (const size of [raw.length - 1, raw.length + 1]) {
      await using image = await qcow2Of({ kind: "stream", bytes: pieces(raw), size });
      expect(await codeOf(all(image.open()))).toBe(size < raw.length ? "source.corrupt" : "source.truncated");
    }
  });

  test("is not made of a disk beyond the limit", async () => {
    await using at = await directory();
    const input = (): RawInput => ({ kind: "stream", bytes: pieces(disk(100_000)), size: 100_000 });
    expect(await codeOf(qcow2Of(input(), { limit: 99_999 }))).toBe("source.limit");
    expect(await codeOf(qcow2Of(input(), { limit: 99_999, directory: at.path }))).toBe("source.limit");
    expect(await readdir(at.path)).toEqual([]);
  });
});
