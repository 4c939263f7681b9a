import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { builtIn } from "../src/cli/plugins.ts";
import { pluginMarkdown } from "../src/cli/render/plugin.ts";
import type { Plugin } from "../src/core/plugin.ts";
import { MAN, manual } from "./man.ts";

// The pages of docs/backends, from the schemas of the plugins: `bun run docs`. What a schema cannot say stands in NAME.notes.md beside
// the page and is put at its end.

export const FOLDER = join(import.meta.dir, "..", "docs", "backends");
const MADE = "<!-- Made by `bun run docs`";
const ORIGIN = "<!-- Made by `bun run docs` from the schema and from NAME.notes.md: change those. -->";

/** A page by the name of its file. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

/** Every page as it has to be now, the table of contents among them. */
export async function pages(): Promise<readonly Page[]> {
  const plugins = await builtIn();
  const made = plugins.map(async (plugin): Promise<Page> => {
    const notes = await readFile(join(FOLDER, `${plugin.name}.notes.md`), "utf8").catch(() => undefined);
    const parts = [
      ORIGIN.replace("NAME", plugin.name),
      pluginMarkdown(plugin).trimEnd(),
      ...(notes ? [notes.trim()] : []),
    ];
    return { file: `${plugin.name}.md`, text: `${parts.join("\n\n")}\n` };
  });
  return [...(await Promise.all(made)), contents(plugins)];
}

const contents = (plugins: readonly Plugin[]): Page => ({
  file: "README.md",
  text: [
    "<!-- Made by `bun run docs`. -->",
    "",
    "# Backends",
    "",
    "Every setting and attribute, as `images plugins NAME` shows them too.",
    "",
    ...plugins.map(({ name, doc }) => `- [${name}](${name}.md): ${doc}`),
    "",
  ].join("\n"),
});

/** Pages that are no plugin's (any more). */
export async function strays(): Promise<readonly string[]> {
  const known = new Set((await pages()).map(({ file }) => file));
  return (await readdir(FOLDER)).filter((file) => !known.has(file) && !known.has(file.replace(/\.notes\.md$/, ".md")));
}

/** Pages that somebody wrote by hand where a made one belongs: nothing is written over them. */
async function handmade(): Promise<readonly string[]> {
  const texts = (await pages()).map(
    async ({ file }) => [file, await readFile(join(FOLDER, file), "utf8").catch(() => MADE)] as const,
  );
  return (await Promise.all(texts)).flatMap(([file, text]) => (text.startsWith(MADE) ? [] : [file]));
}

if (import.meta.main) {
  await writeFile(MAN, manual());
  const kept = await handmade();
  for (const { file, text } of await pages()) if (!kept.includes(file)) await writeFile(join(FOLDER, file), text);
  for (const file of kept)
    console.error(`docs/backends/${file} was written by hand and is left alone: rename it to NAME.notes.md`);
  for (const file of await strays())
    console.error(`docs/backends/${file} belongs to no plugin: remove it, or rename it to NAME.notes.md`);
  if (kept.length > 0) process.exitCode = 1;
}
