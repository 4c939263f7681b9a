import { expect, test } from "bun:test";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { FileAccess } from "../../../src/core/format/access.ts";
import { extentsOf, GRAIN } from "../../../src/core/format/holes.ts";
import { readQcow2 } from "../../../src/core/format/qcow2/read.ts";
import { qcow2Of } from "../../../src/core/format/qcow2/write.ts";
import { directory } from "./tools.ts";

/** A file of this size with data at these places. */
async function holed(path: string, size: number, places: readonly number[]): Promise<void> {
  await using file = await open(path, "wx");
  await file.truncate(size);
  for (const at of places) await file.write("data", at);
}

const SIZE = 40 * 2 ** 20 + 100;
const PLACES = [0, 3, GRAIN - 2, 5 * 2 ** 20, 9 * 2 ** 20 + 17, SIZE - 4];

test("extents are in order, of whole grains, and hold all data", async () => {
  await using at = await directory();
  const path = join(at.path, "disk");
  for (const [index, places] of [[], [0], [SIZE - 4], PLACES].entries()) {
    await holed(`${path}${index}`, SIZE, places);
    await using file = await open(`${path}${index}`);
    const found = [...(await extentsOf(file))];
    let before = -1;
    for (const [from, to] of found) {
      expect(from).toBeGreaterThan(before);
      expect([from % GRAIN, to === SIZE ? 0 : to % GRAIN]).toEqual([0, 0]);
      before = to;
    }
    for (const place of places) expect(found.some(([from, to]) => from <= place && place + 4 <= to)).toBe(true);
  }
});

test("a disk with holes becomes the same qcow2 as its bytes do, and how far it was read is told", async () => {
  await using at = await directory();
  const path = join(at.path, "disk");
  await holed(path, SIZE, PLACES);
  const told: number[] = [];
  await using image = await qcow2Of({ kind: "file", path }, { scanned: (done) => told.push(done) });
  expect(told.at(-1)).toBe(SIZE);
  expect(told).toEqual(told.toSorted((a, b) => a - b));
  const bytes = Buffer.from(await Bun.file(path).arrayBuffer());
  async function* stream() {
    yield bytes;
  }
  await using dense = await qcow2Of({ kind: "stream", bytes: stream() }, { directory: at.path });
  const out = join(at.path, "out");
  const [a, b] = [await Array.fromAsync(image.open()), await Array.fromAsync(dense.open())].map((all) =>
    Buffer.concat(all),
  );
  expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
  await Bun.write(out, a ?? "");
  const back = Buffer.alloc(SIZE);
  await using read = await FileAccess.open(out);
  for await (const segment of readQcow2(read, {}))
    if (segment.kind === "data") back.set(segment.data.subarray(0, SIZE - segment.offset), segment.offset);
  expect(back.equals(bytes)).toBe(true);
});
