import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import type { TestDirectory } from "../harness.ts";
import { World } from "./world.ts";

// How many images are processed at the same time: as many as the user says, else eight, and more of small files on a backend that does not mind.

const COUNT = 40;
const blocks = (source: (i: number) => string) =>
  Array.from({ length: COUNT }, (_, i) => `[image.i${i}]\nbackend = "store"\nsource = ${source(i)}\n`).join("");
const settings = (more = "") => `[settings]\nname = "small"\n${more}`;

/** How many steps the last run had begun and not ended at most, by its journal. */
async function peakOf(directory: TestDirectory): Promise<number> {
  const journals = directory.at(".images/journal/images.state.json");
  const last = (await readdir(journals)).sort().at(-1) ?? "";
  let [under, peak] = [0, 0];
  for (const line of (await Bun.file(`${journals}/${last}`).text()).split("\n").slice(0, -1)) {
    const { event }: { event?: { type: string } } = JSON.parse(line);
    if (event?.type === "step.started") peak = Math.max(peak, ++under);
    if (event?.type === "step.done") under--;
  }
  return peak;
}

async function peak(images: string, before = settings(), ...flags: readonly string[]): Promise<number> {
  await using world = await World.make(images, before);
  for (let i = 0; i < COUNT; i++) {
    await world.directory.write(`${i}.img`, `image ${i}\n`.repeat(100));
    await world.directory.write(`${i}.large`, `image ${i}\n`.repeat(10_000));
  }
  await world.ends(0, "apply", "--yes", ...flags);
  const { images: rows } = await world.state();
  expect(Object.values(rows).map(({ status }) => status)).toEqual(Array.from({ length: COUNT }, () => "ready"));
  return await peakOf(world.directory);
}

const small = blocks((i) => `"./${i}.img"`);

test("small files go into a local store up to 32 at a time", async () => {
  const found = await peak(small);
  expect(found).toBeGreaterThan(8);
  expect(found).toBeLessThanOrEqual(32);
});

test("what the user says holds: on the command line, in the file, for the backend", async () => {
  expect(await peak(small, settings(), "--parallelism", "3")).toBe(3);
  expect(await peak(small, settings("parallelism = 8\n"))).toBe(8);
  const limited = '[backend.limited]\nplugin = "local"\npath = "./limited"\nparallelism = 8\n';
  expect(await peak(`${limited}${small.replaceAll('"store"', '"limited"')}`)).toBe(8);
});

test("files that are not small, or that are converted, have a place each", async () => {
  expect(await peak(blocks((i) => `"./${i}.large"`))).toBe(8);
  expect(await peak(blocks((i) => `"./${i}.img"\ncompression = "gz"`))).toBe(8);
});
