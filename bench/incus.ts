import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { inDirectory, line, show, sideBySide, took } from "./measure.ts";

// A real incusd (tests/live/incus-up; INCUS_LIVE names its directory), and the incus client beside us. Needs dist/images: bun run build.

const IMAGES = process.env["IMAGES_BINARY"] ?? resolve("dist/images");
const DIR = process.env["INCUS_LIVE"];
const GIB = Number(process.env["BENCH_GIB"] ?? 2);

interface Facts {
  readonly main: { readonly socket: string };
}

async function importLarge(facts: Facts): Promise<void> {
  await inDirectory(async (directory) => {
    await noise(directory);
    const env = clientOf(directory, facts);
    await settings(directory, facts, '[image.large]\nsource = "./large.tar"\nbackend = "lab"\n');
    const found = await sideBySide(
      Number(process.env["BENCH_TIMES"] ?? 3),
      async () => {
        const one = await took([IMAGES, "apply", "--yes"], directory, env);
        await took([IMAGES, "destroy", "--yes"], directory, env);
        return one;
      },
      async () => {
        const one = await took(["incus", "image", "import", "large.tar", "--alias", "bench-large"], directory, env);
        await took(["incus", "image", "delete", "bench-large"], directory, env);
        return one;
      },
    );
    line(`import of a tarball of ${GIB} GiB`, found, "incus image import");
  });
}

async function planMany(facts: Facts, count: number): Promise<void> {
  await inDirectory(async (directory) => {
    const env = clientOf(directory, facts);
    await writeFile(join(directory, "root.squashfs"), await readFile(join(DIR ?? "", "img", "rootfs.squashfs")));
    const blocks = Array.from(
      { length: count },
      (_, i) => `[image.i${i}]\nbackend = "lab"\nsource = "./root.squashfs"\naliases = ["bench-${i}"]\n`,
    );
    await settings(directory, facts, blocks.join(""));
    const made = await took([IMAGES, "apply", "--yes", "--parallelism", "8"], directory, env);
    console.log(`apply of ${count} new images: ${show(made)}`);
    const found = await sideBySide(
      5,
      () => took([IMAGES, "plan", "--detailed-exitcode"], directory, env),
      () => took(["incus", "image", "list", "--format=json"], directory, env),
    );
    line(`plan over ${count} images`, found, "incus image list");
    await took([IMAGES, "destroy", "--yes", "--parallelism", "8"], directory, env);
  });
}

const clientOf = (directory: string, { main }: Facts) => ({
  INCUS_SOCKET: main.socket,
  INCUS_CONF: join(directory, "conf"),
});

const settings = (directory: string, { main }: Facts, blocks: string) =>
  writeFile(join(directory, "images.toml"), `[backend.lab]\nplugin = "incus"\nsocket = "${main.socket}"\n${blocks}`);

/** An uncompressed image of an archive with as much noise in it. */
async function noise(directory: string): Promise<void> {
  const root = join(directory, "made");
  await mkdir(join(root, "rootfs"), { recursive: true });
  await writeFile(join(root, "metadata.yaml"), "architecture: x86_64\ncreation_date: 1700000000\nproperties: {}\n");
  await took(
    ["dd", "if=/dev/urandom", `of=${join(root, "rootfs", "noise")}`, "bs=1M", `count=${GIB * 1024}`],
    directory,
  );
  await took(
    ["tar", "-C", root, "--remove-files", "-cf", join(directory, "large.tar"), "metadata.yaml", "rootfs"],
    directory,
  );
}

if (DIR === undefined) console.log("no incusd to measure with: INCUS_LIVE names the directory of tests/live/incus-up");
else {
  const facts: Facts = JSON.parse(await readFile(join(DIR, "facts.json"), "utf8"));
  await importLarge(facts);
  await planMany(facts, Number(process.env["BENCH_IMAGES"] ?? 500));
}
