import { expect, setDefaultTimeout, test } from "bun:test";
import { join, resolve } from "node:path";
import { type Took, took } from "../../bench/measure.ts";
import { FORMS } from "../../bench/peaks/forms.ts";
import { PeakWorld, type Run } from "../../bench/peaks/world.ts";
import { multiplied } from "../../bench/race/many.ts";
import { planned } from "../../bench/race/sides.ts";
import type { Command, Program } from "../../bench/race/types.ts";
import { directory, has } from "../core/format/tools.ts";

setDefaultTimeout(600_000);

// The limit of memory with eight images at once, of the compiled program (bun run build). All forms, sizes and backends: bench/peaks.ts.

const IMAGES = resolve("dist/images");
const LIMIT = 150_000_000;
/** Above what a digest gets a thread of its own for. */
const SIZE = 80 << 20;

type Row = readonly [form: string, to: "raw" | "qcow2", ...ways: readonly (readonly [Run["sink"], Run["via"]])[]];
const ROWS: readonly Row[] = [
  ["raw", "raw", ["local", "HTTP"], ["glance", "HTTP"], ["glance", "HTTP without a cache"]],
  ["raw", "qcow2", ["local", "file"]],
  ["qcow2", "raw", ["local", "HTTP"], ["local", "file"]],
  ["raw", "qcow2", ["incus", "file"]],
  ["gz", "raw", ["local", "HTTP without a cache"]],
  ["lz4", "raw", ["local", "file"], ["local", "HTTP without a cache"]],
  ["xz", "qcow2", ["local", "HTTP"]],
  // With a dictionary that takes almost half of the limit.
  ["xz -9", "qcow2", ["local", "HTTP"]],
  ["zst", "raw", ["local", "HTTP"]],
  ["gz, kept", "raw", ["local", "HTTP"]],
];
const built = await Bun.file(IMAGES).exists();
/** What else runs on the machine decides when memory is given back: it is measured alone, by `bun run peaks`. */
const isAlone = process.env["IMAGES_TEST_PEAKS"] === "1";

for (const [name, to, ...ways] of ROWS) {
  const form = FORMS.find((one) => one.name === name);
  const why = !isAlone
    ? " (skipped: runs alone, bun run peaks)"
    : !built
      ? " (skipped: dist/images is not built)"
      : has(form?.tool ?? "")
        ? ""
        : ` (skipped: ${form?.tool} is not installed)`;
  test.skipIf(why !== "")(`eight images from ${name} to ${to} at once stay below ${LIMIT / 1e6} MB${why}`, async () => {
    if (form === undefined) throw new Error(`there is no form ${name}`);
    await using at = await directory();
    await using world = await PeakWorld.begin(at.path, SIZE, "noise");
    await world.make(form);
    for (const [sink, via] of ways) {
      const { rss } = await world.apply({ form, to, count: 8, sink, via });
      console.log(`${name} -> ${to}, ${sink}, by ${via}: ${Math.round(rss / 1e6)} MB`);
      expect(rss).toBeLessThan(LIMIT);
    }
  });
}

const whyNoPlan = !isAlone
  ? " (skipped: runs alone, bun run peaks)"
  : built
    ? ""
    : " (skipped: dist/images is not built)";
/** It takes 145 to 160 MB; 172 to 179 where the code stays in memory that read and checked the file. */
const PLAN_LIMIT = 165_000_000;
test.skipIf(whyNoPlan !== "")(
  `a plan of 10,000 images that finds nothing to do stays below ${PLAN_LIMIT / 1e6} MB${whyNoPlan}`,
  async () => {
    await using at = await directory();
    const [disk, memory] = [join(at.path, "disk"), join(at.path, "memory")];
    const program: Program = { name: "ours", argv: [IMAGES], disk, memory };
    const run = async ({ argv, cwd, env = {} }: Command): Promise<Took> => await took(argv, cwd, env);
    await multiplied({ run: async (command) => void (await run(command)) }, program, {
      directory: memory,
      backends: 1,
      each: 10_000,
    });
    const { rss } = await run(planned(program, memory).run);
    console.log(`plan of 10,000: ${Math.round(rss / 1e6)} MB`);
    expect(rss).toBeLessThan(PLAN_LIMIT);
  },
);
