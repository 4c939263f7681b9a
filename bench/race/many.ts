import { link, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { applied } from "./sides.ts";
import type { Program, Race } from "./types.ts";

// A store and a state with very many images: one image of each backend is applied, and what that left is written again under other names. An
// apply of them all would take longer than everything that is measured.

interface ManyImages {
  readonly directory: string;
  readonly backends: number;
  readonly each: number;
}

const NAME = /(?<![A-Za-z0-9])i0(?![A-Za-z0-9])/g;

/** The value with `i0` as another name in every text of it. */
function renamed(value: unknown, name: string): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(NAME, name));
}

const toml = (backends: number, each: number): string => {
  const stores = Array.from({ length: backends }, (_, b) => `[backend.st${b}]\nplugin = "local"\npath = "./st${b}"\n`);
  const all = Array.from({ length: backends }, (_, b) => `"st${b}"`).join(", ");
  const images = Array.from({ length: each }, (_, i) => `[image.i${i}]\nbackends = [${all}]\nsource = "../many.img"\n`);
  return `[settings]\nname = "race"\n${stores.join("")}${images.join("")}`;
};

/** Leaves `each` images on each of so many backends, with nothing to do. @throws when a plan would find something */
export async function multiplied(
  race: Pick<Race, "run">,
  program: Program,
  { directory, backends, each }: ManyImages,
): Promise<void> {
  await writeFile(join(directory, "../many.img"), "the same small bytes\n");
  const { run } = await applied(program, directory, { toml: toml(backends, 1) });
  await race.run(run);
  const names = Array.from({ length: each - 1 }, (_, i) => `i${i + 1}`);
  await writeState(join(directory, "images.state.json"), names);
  for (let b = 0; b < backends; b += 1) await fill(join(directory, `st${b}`), names);
  await writeFile(join(directory, "images.toml"), toml(backends, each));
}

async function writeState(path: string, names: readonly string[]): Promise<void> {
  const state: { images: Record<string, unknown> } = JSON.parse(await readFile(path, "utf8"));
  const all = Object.entries(state.images);
  for (const name of names) {
    for (const [address, row] of all) state.images[address.replace(NAME, name)] = renamed(row, name);
  }
  await writeFile(path, `${JSON.stringify(state, null, 2)}\n`);
}

/** Every file of a store that is named after the image: records written again, bytes linked. */
async function fill(store: string, names: readonly string[]): Promise<void> {
  for (const part of await readdir(store, { recursive: true })) {
    const path = join(store, part);
    if (part.search(NAME) < 0) continue;
    const text = part.endsWith(".json") ? await readFile(path, "utf8") : undefined;
    const work = names.map((name) => async () => {
      const to = join(store, part.replace(NAME, name));
      if (text === undefined) await link(path, to);
      else await writeFile(to, text.replaceAll(NAME, name));
    });
    for (let at = 0; at < work.length; at += 64) await Promise.all(work.slice(at, at + 64).map((one) => one()));
  }
  await mkdir(join(store, "tmp"), { recursive: true });
}
