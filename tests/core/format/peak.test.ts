import { expect, setDefaultTimeout, test } from "bun:test";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { qcow2Of } from "../../../src/core/format/qcow2/write.ts";
import { directory, disk, run } from "./tools.ts";

setDefaultTimeout(300_000);

test("qcow2 to raw gives the memory of its pieces back in time", async () => {
  await using at = await directory();
  const [raw, image] = [join(at.path, "disk.raw"), join(at.path, "disk.qcow2")];
  const part = disk(1 << 20, 3).map((byte) => byte | 1);
  const file = await open(raw, "wx");
  for (let count = 0; count < 256; count += 1) await file.write(part, 0, part.length, count * part.length);
  await file.close();
  await using made = await qcow2Of({ kind: "file", path: raw });
  const target = await open(image, "wx");
  for await (const piece of made.open()) await target.write(piece);
  await target.close();
  const said = run([process.execPath, join(import.meta.dir, "peak.ts"), image, at.path]);
  const { length, grown } = JSON.parse(new TextDecoder().decode(said));
  expect(length).toBe(256 << 20);
  expect(grown).toBeLessThan(90 << 20);
});
