import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { inDirectory, line, show, sideBySide, took } from "./measure.ts";

// The embedded store against what the system itself does with the same bytes. Needs dist/images: bun run build.

const IMAGES = resolve("dist/images");
const BACKEND = '[backend.store]\nplugin = "local"\npath = "./store"\n';

/** What no plan can do without: the file, the state and every record, read and parsed. */
const READ_ALL = `
  const { readdirSync, readFileSync } = require("node:fs");
  const text = (path) => readFileSync(path, "utf8");
  const all = [Bun.TOML.parse(text("images.toml")), JSON.parse(text("images.state.json"))];
  for (const name of readdirSync("store/images")) all.push(JSON.parse(text("store/images/" + name)));
  if (all.length < 3) process.exit(1);`;

async function start(): Promise<void> {
  await inDirectory(async (directory) => {
    const found = await sideBySide(
      15,
      () => took([IMAGES, "version"], directory),
      () => took(["bun", "-e", "0"], directory),
    );
    line("start of images version", found, "bun -e 0");
  });
}

async function planMany(count: number): Promise<void> {
  await inDirectory(async (directory) => {
    await writeFile(join(directory, "a.img"), "the same small bytes\n");
    const blocks = Array.from({ length: count }, (_, i) => `[image.i${i}]\nsource = "./a.img"\n`);
    await writeFile(join(directory, "images.toml"), BACKEND + blocks.join(""));
    const made = await took([IMAGES, "apply", "--yes", "--parallelism", "16"], directory);
    console.log(`apply of ${count} new images of the same bytes: ${show(made)}`);
    const found = await sideBySide(
      3,
      () => took([IMAGES, "plan", "--detailed-exitcode"], directory),
      () => took(["bun", "-e", READ_ALL], directory),
    );
    line(`plan of ${count} unchanged images`, found, "a script that only reads and parses the same files");
  });
}

async function applyMany(count: number): Promise<void> {
  await inDirectory(async (directory) => {
    await mkdir(join(directory, "from"));
    for (let i = 0; i < count; i++) await writeFile(join(directory, "from", `${i}.img`), `image ${i}\n`.repeat(500));
    const blocks = Array.from({ length: count }, (_, i) => `[image.i${i}]\nsource = "./from/${i}.img"\n`);
    await writeFile(join(directory, "images.toml"), BACKEND + blocks.join(""));
    const ours = async () => {
      for (const name of ["store", "images.state.json", "images.state.json.backup", ".images"])
        await rm(join(directory, name), { recursive: true, force: true });
      return await took([IMAGES, "apply", "--yes"], directory);
    };
    const theirs = async () => {
      await rm(join(directory, "to"), { recursive: true, force: true });
      return await took(["sh", "-c", "cp -r from to && sync to/*"], directory);
    };
    line(`apply of ${count} small images`, await sideBySide(3, ours, theirs), "cp and sync of the same files");
  });
}

async function importLarge(size: number): Promise<void> {
  await inDirectory(async (directory) => {
    await took(["sh", "-c", `head -c ${size} /dev/urandom > big.img`], directory);
    await writeFile(join(directory, "images.toml"), `${BACKEND}[image.big]\nsource = "./big.img"\n`);
    const ours = async () => {
      for (const name of ["store", "images.state.json", "images.state.json.backup", ".images"])
        await rm(join(directory, name), { recursive: true, force: true });
      return await took([IMAGES, "apply", "--yes"], directory);
    };
    const theirs = async () => {
      await rm(join(directory, "copy.img"), { force: true });
      return await took(["sh", "-c", "sha256sum big.img && cp big.img copy.img && sync copy.img"], directory);
    };
    line(`import of ${(size / 2 ** 30).toFixed(1)} GiB`, await sideBySide(3, ours, theirs), "sha256sum, cp, sync");
  });
}

await start();
await planMany(Number(process.env["BENCH_PLAN"] ?? 10_000));
await applyMany(Number(process.env["BENCH_APPLY"] ?? 1_000));
await importLarge(Number(process.env["BENCH_BYTES"] ?? 2 * 2 ** 30));
