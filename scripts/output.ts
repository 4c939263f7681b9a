import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { host } from "../src/cli/host.ts";
import { program } from "../src/cli/main.ts";

// The output in docs/tour.md, from the program as it is: `bun run docs`.

export const TOUR = join(import.meta.dir, "..", "docs", "tour.md");
const [BEGIN, END] = ["<!-- output -->", "<!-- end of output -->"];

const DISK = "a small disk\n".repeat(20_000);
const SUM = new Bun.CryptoHasher("sha256").update(DISK).digest("hex");
const FILE = `# images.toml
[settings]
name = "debian-7c1e"

[backend.store]
plugin = "local"
path = "./store"

[image.debian]
backend = "store"
source = { file = "debian.img", checksum = "sha256:${SUM}" }
description = "Debian 12"
tags = ["stable"]
`;

/** Both streams of a command in the order in which it wrote them. */
class Terminal extends Writable {
  text = "";

  override _write(piece: Buffer, _: string, done: () => void): void {
    this.text += piece.toString();
    done();
  }
}

/** A command and what it prints. */
async function typed(directory: string, ...args: readonly string[]): Promise<string> {
  const screen = new Terminal();
  const never = new AbortController().signal;
  const code = await program().run([...args], {
    stdin: new PassThrough().end(),
    stdout: screen,
    stderr: screen,
    env: { HOME: directory, IMAGES_CACHE: join(directory, "cache"), XDG_STATE_HOME: join(directory, "scratch") },
    colorDepth: 1,
    cwd: directory,
    signal: never,
    hard: never,
    now: () => new Date(),
  });
  const shown = screen.text.replaceAll(directory, "/srv").trimEnd();
  return `\`\`\`console\n$ images ${args.join(" ")}\n${shown}\n${code === 0 ? "" : `$ echo $?\n${code}\n`}\`\`\``;
}

/** The whole page: a plan, an apply, drift, errors. */
export async function output(): Promise<string> {
  host();
  const directory = await mkdtemp(join(tmpdir(), "images-output-"));
  try {
    await writeFile(join(directory, "debian.img"), DISK);
    await writeFile(join(directory, "images.toml"), FILE);
    const first = [
      await typed(directory, "plan"),
      await typed(directory, "apply", "--yes"),
      await typed(directory, "plan"),
    ];
    const images = join(directory, "store", "images");
    for (const name of await readdir(images)) {
      const record = await readFile(join(images, name), "utf8");
      await writeFile(join(images, name), record.replace("Debian 12", "Debian 11"));
    }
    const drift = await typed(directory, "plan", "--detailed-exitcode");
    await writeFile(
      join(directory, "images.toml"),
      FILE.replace("description", "descripton").replace('"stable"', "12"),
    );
    const mistake = await typed(directory, "validate");
    return [
      `\`\`\`toml\n${FILE}\`\`\``,
      ...first,
      "The description is changed on the backend, outside of images.toml:",
      drift,
      "All errors of the file are reported at once, each with its place:",
      mistake,
    ].join("\n\n");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The output as docs/tour.md has it. */
export const shownIn = (tour: string): string =>
  tour.slice(tour.indexOf(BEGIN) + BEGIN.length, tour.indexOf(END)).trim();

/** What differs from run to run: ids that the store makes up, and times. */
export const steady = (text: string): string =>
  text.replace(/@[a-z0-9]{16}\b/g, "@<id>").replace(/after \d+s/g, "after 0s");

if (import.meta.main) {
  const tour = await readFile(TOUR, "utf8");
  const page = await output();
  const [begin, end] = [tour.indexOf(BEGIN) + BEGIN.length, tour.indexOf(END)];
  if (steady(page) !== steady(shownIn(tour)))
    await writeFile(TOUR, `${tour.slice(0, begin)}\n${page}\n${tour.slice(end)}`);
}
