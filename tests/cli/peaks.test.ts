import { expect, setDefaultTimeout, test } from "bun:test";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { took } from "../../bench/measure.ts";
import { disk, folder, has, run } from "../core/format/tools.ts";

setDefaultTimeout(600_000);

// The limit of memory with eight images at once, of the compiled program (bun run build). All forms and sizes: bench/peaks.ts.

const IMAGES = resolve("dist/images");
/** 150 MB is the aim; lz4 and zst reach it within a few per cent, and the machine decides. */
const LIMIT = 170_000_000;
const SIZE = 96 << 20;
const COUNT = 8;

/** Nothing in it repeats, so that every buffer is filled. */
async function makeDisk(path: string): Promise<void> {
  const part = disk(1 << 20, 5).map((byte) => byte | 1);
  const file = await open(path, "wx");
  for (let at = 0; at < SIZE; at += part.length) {
    new DataView(part.buffer).setFloat64(0, at + 1);
    await file.write(part, 0, part.length, at);
  }
  await file.close();
}

const FORMS: readonly (readonly [form: string, to: "raw" | "qcow2", tool: string, make: string])[] = [
  ["raw", "qcow2", "cp", "cp disk.raw form"],
  ["qcow2", "raw", "qemu-img", "qemu-img convert -O qcow2 disk.raw form"],
  ["lz4", "raw", "lz4", "lz4 -q -B7 disk.raw form"],
  ["xz", "qcow2", "xz", "xz -1 -T2 -c disk.raw > form"],
  ["zst", "raw", "zstd", "zstd -q disk.raw -o form"],
];
const built = await Bun.file(IMAGES).exists();
/** What else runs on the machine decides when memory is given back: it is measured alone, by `bun run peaks`. */
const isAlone = process.env["IMAGES_TEST_PEAKS"] === "1";

for (const [form, to, tool, make] of FORMS) {
  const why = !isAlone
    ? " (skipped: runs alone, bun run peaks)"
    : !built
      ? " (skipped: dist/images is not built)"
      : has(tool)
        ? ""
        : ` (skipped: ${tool} is not installed)`;
  test.skipIf(why !== "")(`eight images from ${form} to ${to} at once stay below 170 MB${why}`, async () => {
    await using at = await folder();
    await makeDisk(join(at.path, "disk.raw"));
    run(["sh", "-c", `cd '${at.path}' && ${make}`]);
    const blocks = Array.from({ length: COUNT }, (_, index) => {
      const decompress = tool === "cp" || tool === "qemu-img" ? "" : ", decompress = true";
      return `[image.i${index}]\nsource = { file = "./form${index}"${decompress} }\nformat = "${to}"\n`;
    });
    const names = Array.from({ length: COUNT }, (_, index) => `form${index}`).join(" ");
    run(["sh", "-c", `cd '${at.path}' && for name in ${names}; do ln -s form $name; done`]);
    const top = '[settings]\nname = "peaks"\nparallelism = 8\n[backend.store]\nplugin = "local"\npath = "./store"\n';
    await Bun.write(join(at.path, "images.toml"), top + blocks.join(""));
    const { rss } = await took([IMAGES, "apply", "--yes"], at.path, { XDG_CACHE_HOME: at.path, TMPDIR: at.path });
    expect(rss).toBeLessThan(LIMIT);
  });
}
