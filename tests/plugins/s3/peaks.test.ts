import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { took } from "../../../bench/measure.ts";
import { FORMS } from "../../../bench/peaks/forms.ts";
import { PeakWorld, type Run } from "../../../bench/peaks/world.ts";
import { directory, has } from "../../core/format/tools.ts";
import { programAt, versitygw } from "../../core/store/servers.ts";
import { BucketWorld } from "./world.ts";

setDefaultTimeout(600_000);

const IMAGES = resolve("dist/images");
const MIB = 1 << 20;
const [SMALL, LARGE] = [64, 512];
/** What else runs on the machine decides when memory is given back: it is measured alone, by `bun run peaks`. */
const why =
  process.env["IMAGES_TEST_PEAKS"] !== "1"
    ? " (skipped: runs alone, bun run peaks)"
    : programAt("versitygw") === undefined
      ? " (skipped: versitygw is not installed)"
      : "";

test.skipIf(why !== "")(`memory does not grow with the size of an image that goes to a bucket${why}`, async () => {
  await using server = await versitygw();
  const peaks: number[] = [];
  for (const size of [SMALL, LARGE]) {
    await using world = await BucketWorld.make(server, '[image.a]\nsource = "./a.img"\n');
    const file = await open(world.directory.at("a.img"), "w");
    for (let at = 0; at < size; at++) await file.write(randomBytes(MIB));
    await file.close();
    const env = { ...world.env, XDG_CACHE_HOME: world.directory.path, HOME: world.directory.path };
    peaks.push((await took([IMAGES, "apply", "--yes"], world.directory.path, env)).rss);
  }
  const [small = 0, large = 0] = peaks;
  console.log(`${SMALL} MiB: ${Math.round(small / 1e6)} MB; ${LARGE} MiB: ${Math.round(large / 1e6)} MB`);
  // Eight times the bytes; the room that a garbage collector leaves.
  expect(large - small).toBeLessThan(60_000_000);
});

/** Eight at once: the limit of every path, as in tests/cli/peaks.test.ts. */
const LIMIT = 150_000_000;
const ROWS: readonly (readonly [form: string, to: "raw" | "qcow2", via: Run["via"], noise?: number])[] = [
  ["raw", "raw", "HTTP"],
  ["raw", "qcow2", "file"],
  ["gz", "raw", "file"],
  ["tar", "raw", "file"],
  ["lz4", "qcow2", "HTTP"],
  ["zip", "raw", "file"],
  ["zip", "qcow2", "file"],
  ["qcow2, deflate", "raw", "HTTP without a cache"],
  ["xz", "raw", "HTTP without a cache"],
  ["lzma", "raw", "HTTP without a cache"],
  ["xz -6, kept", "raw", "file"],
  // More than its dictionary, which takes almost half of the limit.
  ["xz -9", "raw", "file", 80 * MIB],
  ["xz -9", "qcow2", "HTTP without a cache", 80 * MIB],
];

for (const [name, to, via, noise] of ROWS) {
  const form = FORMS.find((one) => one.name === name);
  const lacking = why !== "" || has(form?.tool ?? "") ? why : ` (skipped: ${form?.tool} is not installed)`;
  test.skipIf(lacking !== "")(
    `eight images from ${name} to ${to} by ${via} go to a bucket below ${LIMIT / 1e6} MB${lacking}`,
    async () => {
      if (form === undefined) throw new Error(`there is no form ${name}`);
      await using at = await directory();
      await using world = await PeakWorld.begin(at.path, noise ?? 40 * MIB, noise === undefined ? "mixed" : "noise");
      await world.make(form);
      const { rss } = await world.apply({ form, to, count: 8, sink: "s3", via });
      console.log(`${name} -> ${to}, s3, by ${via}: ${Math.round(rss / 1e6)} MB`);
      expect(rss).toBeLessThan(LIMIT);
    },
  );
}
