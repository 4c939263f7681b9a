import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { watchedQcow2 } from "../../../src/core/format/qcow2/watch.ts";
import { all, codeOf, FIXTURES, pieces } from "./tools.ts";

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
});
