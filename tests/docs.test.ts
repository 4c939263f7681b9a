import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { FOLDER, pages, strays } from "../scripts/docs.ts";
import { output, shownIn, steady, TOUR } from "../scripts/output.ts";
import { PICTURE, picture } from "../scripts/picture.ts";
import { commandsOf } from "../src/cli/commands.ts";
import { host } from "../src/cli/host.ts";
import { program } from "../src/cli/main.ts";
import { findPlugin } from "../src/cli/plugins.ts";
import { readConfig } from "../src/core/config/load.ts";
import { run, TestDirectory } from "./harness.ts";

const ROOT = resolve(import.meta.dir, "..");
const FILES = [
  join(ROOT, "README.md"),
  join(ROOT, "CHANGELOG.md"),
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(ROOT, "docs", name)),
];

/** A fenced block of a page. */
interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

function blocksOf(path: string): Block[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(({ index, 1: language = "", 2: body = "" }) => ({
    page: relative(ROOT, path),
    line: text.slice(0, index).split("\n").length,
    language,
    text: body,
  }));
}

const blocks = FILES.flatMap(blocksOf);
const titled = (language: string, first: string): Block[] =>
  blocks.filter((block) => block.language === language && block.text.startsWith(first));
const at = ({ page, line }: Block): string => `${page}:${line}`;

/** The arguments of one line, as a shell would give them; redirections, pipes and comments are cut off. */
const wordsOf = (line: string): string[] =>
  [...(line.split(/\s(?:[|#]|\d?>)/)[0] ?? "").matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ""),
  );

/** Every line of the docs that calls the program. */
const calls = blocks
  .filter(({ language }) => ["", "sh", "yaml"].includes(language))
  .flatMap((block) =>
    block.text.split("\n").flatMap((line) => {
      const [, call] = /^\s*(?:- )?images (.*)$/.exec(line) ?? [];
      return call === undefined ? [] : [{ where: at(block), words: wordsOf(call) }];
    }),
  );

const commands = await commandsOf();
const cli = await program().load();
/** @throws where no command of the program takes these arguments */
const never = new AbortController().signal;
const parsed = (words: readonly string[]) =>
  cli.process([...words], { cwd: ROOT, signal: never, hard: never, now: () => new Date() });

describe("pages of the backends", () => {
  test("are what the schemas say now", async () => {
    const wanted = await pages();
    const found = wanted.map(({ file }) => ({
      file,
      text: existsSync(join(FOLDER, file)) ? readFileSync(join(FOLDER, file), "utf8") : "",
    }));
    expect(found, "`bun run docs` writes them anew").toEqual([...wanted]);
  }, 300_000);

  test("are of plugins that there are", async () => expect(await strays()).toEqual([]));
});

describe("whole files of the docs are right:", () => {
  for (const block of titled("toml", "# images.toml\n"))
    test(at(block), async () => {
      host();
      await using directory = await TestDirectory.make({ "images.toml": block.text });
      await mkdir(directory.at("plugins"));
      await cp(join(ROOT, "docs", "examples", "webdav.ts"), directory.at("plugins", "webdav.ts"));
      const names = [...block.text.matchAll(/env[:.]([A-Z][A-Z0-9_]*)/g)].map(([, name = ""]) => name);
      const read = await readConfig({
        file: directory.at("images.toml"),
        vars: {},
        varFiles: [],
        env: {
          HOME: directory.path,
          ...Object.fromEntries(
            names.map((name) => [name, name.endsWith("_URL") ? "https://example.org" : "something"]),
          ),
        },
        lookup: (plugin, at) => findPlugin(plugin, at, { note: () => undefined }),
        signal: new AbortController().signal,
      });
      expect(read.warnings).toEqual([]);
    });
});

/** The file that init wrote, with an image of this directory in the place of the one that it would download. */
async function withoutNetwork(directory: TestDirectory): Promise<void> {
  await directory.write("debian.img", "bytes of an image");
  const text = readFileSync(directory.at("images.toml"), "utf8");
  await directory.write("images.toml", text.replace(/^source = .*$/m, 'source = "./debian.img"'));
}

describe("commands of the docs do what the text says:", () => {
  const inEmpty = titled("sh", "# in an empty directory\n").map((block) => ({ block, isQuickstart: false }));
  const inQuickstart = titled("sh", "# in a copy of the quickstart\n").map((block) => ({ block, isQuickstart: true }));
  for (const { block, isQuickstart } of [...inEmpty, ...inQuickstart])
    test(at(block), async () => {
      await using directory = await TestDirectory.make();
      if (isQuickstart)
        for (const name of ["images.toml", "examples"])
          await cp(join(ROOT, name), directory.at(name), { recursive: true });
      for (const line of block.text.split("\n").filter((one) => one.startsWith("images "))) {
        const said = await run(directory, wordsOf(line.slice("images ".length)));
        const [, code = "0"] = /# exits with (\d+)$/.exec(line) ?? [];
        expect(said.code, `${line}\n${said.stderr}\n${said.stdout}`).toBe(Number(code));
        if (line.startsWith("images init")) await withoutNetwork(directory);
      }
    }, 300_000);
});

test("every command of the docs is one that the program takes", () => {
  expect(calls.length).toBeGreaterThan(10);
  for (const { where, words } of calls) expect(() => parsed(words), `${where}: ${words.join(" ")}`).not.toThrow();
}, 300_000);

test("every command has an example, and the program takes it", () => {
  for (const command of commands.filter(({ usage }) => usage !== undefined)) {
    const examples = command.usage?.examples ?? [];
    const name = command.paths?.[0]?.join(" ") ?? "";
    expect(examples, name).not.toEqual([]);
    for (const [, line] of examples) {
      const found = parsed(wordsOf(line.replace("$0 ", "")));
      expect(found instanceof command, line).toBe(true);
    }
  }
}, 300_000);

test("every link leads to a file that is there", () => {
  const broken = FILES.flatMap((path) =>
    [
      ...readFileSync(path, "utf8")
        .replace(/^```.*?^```$/gms, "")
        .matchAll(/\]\(([^)\s]+)\)/g),
    ]
      .map(([, target = ""]) => target)
      .filter((target) => !/^(?:https?:|#)/.test(target))
      .filter((target) => !existsSync(resolve(dirname(path), target.replace(/#.*$/, ""))))
      .map((target) => `${relative(ROOT, path)}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test("docs/tour.md shows what the program prints", async () => {
  expect(steady(shownIn(readFileSync(TOUR, "utf8"))), "`bun run docs` writes it anew").toBe(steady(await output()));
}, 300_000);

/** The rows of a picture, wherever they stand. A bar of bytes that were quicker than the screen is not drawn: it may be there or not. */
const rows = (svg: string): readonly string[] =>
  svg
    .split("\n")
    .filter((row) => row.includes("<text ") && !/\] +\d+ %/.test(row))
    .map((row) => row.replace(/ y="[^"]*"/, ""));

test("the picture of the README shows what the binary prints", async () => {
  const shown = rows(readFileSync(PICTURE, "utf8"));
  expect(shown.length).toBeGreaterThan(20);
  expect(shown, "`bun run build && bun run docs` makes it anew").toEqual([...rows(await picture())]);
}, 300_000);

test("every dependency is explained, at its version", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const text = readFileSync(join(ROOT, "docs", "dependencies.md"), "utf8");
  const missing = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([name, version]) => !text.split("\n").some((row) => row.includes(`[${name}]`) && row.includes(`${version}`)),
  );
  expect(missing).toEqual([]);
});
