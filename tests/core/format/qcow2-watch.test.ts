import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { identifyFile } from "../../../src/core/format/identify-file.ts";
import { watchedQcow2 } from "../../../src/core/format/qcow2/watch.ts";
import { all, codeOf, directory, disk, FIXTURES, has, pieces, qemu } from "./tools.ts";

const fixture = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await Bun.file(join(FIXTURES, name)).arrayBuffer());

describe("a qcow2 image that is passed on as a stream", () => {
  for (const name of ["v2", "v3", "deflate", "zstd", "subclusters", "snapshot"]) {
    test(`${name}: it comes as it is, and cut off it is truncated before its last piece`, async () => {
      const bytes = await fixture(`${name}.qcow2`);
      for (const most of [100, 5000, 1 << 20]) {
        expect(await all(watchedQcow2(pieces(bytes, most), bytes.length))).toEqual(bytes);
        expect(await all(watchedQcow2(pieces(bytes, most)))).toEqual(bytes);
        for (const end of [50, 1000, bytes.length >> 1, bytes.length - 8192]) {
          const cut = bytes.subarray(0, end);
          let passed = 0;
          const work = async (): Promise<void> => {
            for await (const piece of watchedQcow2(pieces(cut, most), end)) passed += piece.length;
          };
          expect([end, await codeOf(work())]).toEqual([end, "source.truncated"]);
          expect(passed).toBeLessThan(end);
          expect(await codeOf(all(watchedQcow2(pieces(cut, most))))).toBe("source.truncated");
        }
      }
    });
  }

  test("one that needs other files is refused", async () => {
    const bytes = await fixture("v3.qcow2");
    new DataView(bytes.buffer).setUint32(76, 4);
    expect(await codeOf(all(watchedQcow2(pieces(bytes, 700))))).toBe("source.format");
  });

  // Where the table of snapshots is at 60 and 64 of the header; its first entry begins with its own first-level table.
  const IMPOSSIBLE: readonly (readonly [string, string, (view: DataView, table: number) => void])[] = [
    ["more snapshots than qemu opens", "source.corrupt", (view) => view.setUint32(60, 0xffff_ffff)],
    ["a table between two clusters", "source.corrupt", (view, table) => view.setBigUint64(64, BigInt(table + 8))],
    ["no table", "source.corrupt", (view) => view.setBigUint64(64, 0n)],
    ["a table behind the end", "source.truncated", (view) => view.setBigUint64(64, 1n << 40n)],
    ["more entries than the file has", "source.", (view) => view.setUint32(60, 60_000)],
    ["a first-level table behind the end", "source.truncated", (view, table) => view.setBigUint64(table, 1n << 41n)],
    ["more added to an entry than qemu takes", "source.corrupt", (view, table) => view.setUint32(table + 36, 2000)],
  ];

  for (const [what, code, spoil] of IMPOSSIBLE)
    test(`snapshots, ${what}: refused as a stream and as a file`, async () => {
      const bytes = await fixture("snapshot.qcow2");
      const view = new DataView(bytes.buffer);
      spoil(view, Number(view.getBigUint64(64)));
      for (const most of [100, 1 << 20])
        expect(await codeOf(all(watchedQcow2(pieces(bytes, most), bytes.length)))).toStartWith(code);
      await using place = await directory();
      await Bun.write(`${place.path}/x.qcow2`, bytes);
      expect(await codeOf(identifyFile(`${place.path}/x.qcow2`))).toStartWith(code);
    });

  const noQemu = has("qemu-img") ? "" : " (skipped: qemu-img is not installed)";
  test.skipIf(noQemu !== "")(
    `snapshots as qemu-img leaves them, the last one at the very end: taken${noQemu}`,
    async () => {
      await using place = await directory();
      const path = `${place.path}/x.qcow2`;
      await Bun.write(`${place.path}/raw`, disk(1 << 20, 4));
      qemu("convert", "-f", "raw", "-O", "qcow2", `${place.path}/raw`, path);
      for (const name of ["one", "another", "and a third"]) {
        qemu("snapshot", "-c", name, path);
        const bytes = await Bun.file(path).bytes();
        expect((await identifyFile(path)).format).toBe("qcow2");
        expect(await all(watchedQcow2(pieces(bytes, 70_000), bytes.length))).toEqual(bytes);
      }
    },
  );
});
