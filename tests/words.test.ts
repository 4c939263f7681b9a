import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { manual } from "../scripts/man.ts";
import { unwantedIn } from "./words.ts";

// What people read: words that must not come back, and lines that fit a terminal.

const OWN = ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

/** Every page by its path, without its fenced blocks: lines stay where they are. */
async function pages(): Promise<readonly (readonly [path: string, text: string])[]> {
  const docs = (await readdir("docs", { recursive: true })).filter((name) => name.endsWith(".md"));
  const paths = [...OWN, ...docs.map((name) => join("docs", name))];
  const blank = (block: string) => block.replace(/[^\n]/g, "");
  return await Promise.all(
    paths.map(async (path) => [path, (await readFile(path, "utf8")).replace(/^```.*?^```$/gms, blank)] as const),
  );
}

test("the docs have none of the words that must not come back", async () => {
  const all = await pages();
  expect(all.length).toBeGreaterThan(40);
  expect(all.flatMap(([path, text]) => unwantedIn(path, text))).toEqual([]);
});

test("lines of the docs have at most 100 columns, but for tables, links and generated pages", async () => {
  const long = (await pages())
    .filter(([path]) => !/^docs\/backends\/\w+\.md$/.test(path))
    .flatMap(([path, text]) =>
      text
        .split("\n")
        .flatMap((line, i) => (line.length > 100 && !/^\||\]\(|^<!--/.test(line) ? [`${path}:${i + 1}`] : [])),
    );
  expect(long).toEqual([]);
});

test("the help and the manual have none of them", () => {
  const text = manual().replace(/\\f[BIR]|\\&|\\/g, "");
  expect(text.length).toBeGreaterThan(10_000);
  expect(unwantedIn("the manual", text)).toEqual([]);
});

const LITERAL = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;

/** The sentences among the literals of a file: messages, hints, the reference of attributes, notes. */
const sentences = (text: string): string =>
  text
    .split("\n")
    .map((line) => {
      if (/^\s*(?:\/\/|\*|\/\*)/.test(line)) return "";
      const prose = (line.match(LITERAL) ?? []).map((one) => one.replace(/\$\{[^}]*\}/g, "X"));
      return prose.filter((one) => /[a-z]{2,} [a-zX]/.test(one)).join(" ");
    })
    .join("\n");

/** What a comment must not leave to the reader to guess. Names in backticks are code. */
const RIDDLE = /\b(?:(?:some|any|no)body|whoever|anew|what is there|takes away|(?:is|are) given up|of the past)\b/i;
const riddlesIn = (file: string, line: string): readonly string[] => {
  const isComment = /^\s*(?:\/\/|\*|\/\*)/.test(line);
  return isComment && RIDDLE.test(line.replace(/`[^`]*`/g, "")) ? [`${file}: ${line.trim()}`] : [];
};

test("messages, hints and the reference have none of them", async () => {
  const files = [...new Bun.Glob("src/**/*.ts").scanSync(".")];
  const texts = await Promise.all(files.map(async (file) => [file, await readFile(file, "utf8")] as const));
  const said = texts.map(([file, text]) => [file, sentences(text)] as const);
  expect(said.join("\n").length).toBeGreaterThan(100_000);
  expect(said.flatMap(([file, text]) => unwantedIn(file, text))).toEqual([]);
});

test("comments and docstrings of src have subjects: the user, a reader, another run", async () => {
  const files = [...new Bun.Glob("src/**/*.ts").scanSync(".")];
  const found = await Promise.all(
    files.map(async (file) => (await readFile(file, "utf8")).split("\n").flatMap((line) => riddlesIn(file, line))),
  );
  expect(files.length).toBeGreaterThan(400);
  expect(found.flat()).toEqual([]);
  expect(riddlesIn("a file", "/** Nobody gets it. */")).toHaveLength(1);
});

test("each word of the table is seen where it stands", () => {
  for (const text of [
    "the folder of the file",
    "it is told by the server",
    "2 mistakes",
    "an image of ours",
    "the mark of an image",
    "uploaded anew",
    "taken away",
    "let go of it",
    "images.toml is right",
    "somebody changed it",
    "what is there",
    "stands in the state",
    "runs of the past",
    "3 is no number",
  ])
    expect(unwantedIn("text", text), text).toHaveLength(1);
});
