import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, resolve } from "node:path";
import { BRIEF, TestDirectory } from "../harness.ts";

// The pages of docs/tasks, run from top to bottom as a reader would who copies and pastes: a block whose first line is `# FILE` is written
// to that file, a block `sh` is given to bash, and a block `text` right behind it is what that has to print.

const BINARY = resolve("dist/images");

/** Texts of a page, and what takes their place in a test: an address that only exists on paper, for one of this machine. */
export type Replacements = readonly (readonly [page: string, here: string])[];

export interface World {
  /** What the reader is assumed to have. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Replaced on the way in, and back on the way out. */
  readonly hosts?: Replacements;
  /** Replaced on the way in only. */
  readonly inputs?: Replacements;
  /** Programs of the reader's machine, as shell scripts. */
  readonly programs?: Readonly<Record<string, string>>;
}

interface PageBlock {
  readonly language: string;
  readonly text: string;
  /** The place of the text in the page. */
  readonly from: number;
}

const blocksOf = (page: string): readonly PageBlock[] =>
  [...page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(({ index, 1: language = "", 2: text = "" }) => ({
    language,
    text,
    from: index + 4 + language.length,
  }));

const FILE = /^# ([\w./-]+\.\w+)\n/;

/** What differs from run to run. */
const steady = (text: string): string =>
  text
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<uuid>")
    .replace(/@[a-z0-9]{16}\b/g, "@<id>")
    .replace(/\b\d{8}T\d{6}Z?\b/g, "<time>")
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( UTC|Z)?/g, "<time>")
    .replace(/\bafter \d+s/g, "after <some time>")
    .replace(/\b\d+ ms\b/g, "<some time>")
    .replace(/\b(?:[0-9a-f]{12,}…|[0-9a-f]{32,}\b)/g, "<digest>")
    .trimEnd();

/** Whether a text is as the page has it; `…` in the page is anything on a line, and a line `…` any lines. */
function isAsShown(shown: string, text: string): boolean {
  const escaped = (part: string) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const lines = steady(shown)
    .split("\n")
    .map((line) => (line.trim() === "…" ? "(?:.*\\n)*?" : `${line.split("…").map(escaped).join(".*")}\\n`));
  return new RegExp(`^${lines.join("")}$`).test(`${steady(text)}\n`);
}

/** What was printed, without the beginning that the page leaves out. */
function cutAsBefore(shown: string, said: string): string {
  const [first, second = ""] = shown.split("\n");
  const lines = said.split("\n");
  const from = first === "…" ? lines.findIndex((line) => steady(line) === steady(second)) : -1;
  return from === -1 ? said : ["…", ...lines.slice(from)].join("\n");
}

/** A line that says how it ends, as a command that fails where it ends otherwise. */
function checked(line: string): string {
  const [, command, code] = /^(.*?)\s+# exits with (\d+)$/.exec(line) ?? [];
  if (command === undefined) return line;
  return `{ ${command}; } && code=0 || code=$?; [ $code = ${code} ] || { echo "exit code $code"; exit 99; }`;
}

/** A page on the way through a world. */
export class Reader implements AsyncDisposable {
  readonly directory: TestDirectory;
  readonly #page: string;
  readonly #world: World;
  #isGoingOn = false;

  private constructor(directory: TestDirectory, page: string, world: World) {
    this.directory = directory;
    this.#page = page;
    this.#world = world;
  }

  static async open(name: string, world: World = {}): Promise<Reader> {
    if (!existsSync(BINARY)) throw new Error("dist/images does not exist: bun run build");
    const directory = await TestDirectory.make();
    const programs = { images: `exec '${BINARY}' "$@"`, ...world.programs };
    for (const [program, script] of Object.entries(programs)) {
      await Bun.write(directory.at(".bin", program), `#!/bin/bash\n${script}\n`);
      await chmod(directory.at(".bin", program), 0o755);
    }
    await mkdir(directory.at("work"));
    const reader = new Reader(directory, resolve("docs", "tasks", name), world);
    for (const [path, content] of Object.entries(world.files ?? {})) await reader.#write(path, content);
    return reader;
  }

  /** A path of the directory that the commands run in. */
  at = (...parts: readonly string[]): string => this.directory.at("work", ...parts);

  /** Does what the page says, to its end or as far as the block before the one that begins with `until`. @throws what was printed and is not on the page */
  async read({ from = "", until }: { readonly from?: string; readonly until?: string } = {}): Promise<void> {
    let page = await readFile(this.#page, "utf8");
    const blocks = blocksOf(page);
    const begin = blocks.findIndex(({ text }) => text.startsWith(from));
    const end = until === undefined ? blocks.length : blocks.findIndex(({ text }) => text.startsWith(until));
    if (begin === -1 || end === -1) throw new Error(`${this.#page} has no block that begins with ${from} or ${until}`);
    for (const [i, { language, text }] of blocks.slice(begin, end).entries()) {
      const [, file] = FILE.exec(text) ?? [];
      if (file !== undefined) await this.#write(file, this.#in(text));
      if (language !== "sh") continue;
      const said = this.#out(await this.run(text));
      const next = blocks[begin + i + 1];
      if (next?.language !== "text" || isAsShown(next.text, said)) continue;
      if (process.env["UPDATE_GOLDEN"] !== "1")
        throw new Error(`${this.#page}: it prints otherwise (UPDATE_GOLDEN=1 writes it)\n${text}\n${said}`);
      page = page.replace(next.text, () => `${cutAsBefore(next.text, said).trimEnd()}\n`);
      await writeFile(this.#page, page);
    }
  }

  async #write(path: string, content: string | Uint8Array): Promise<void> {
    const at = path.startsWith("~/") ? this.directory.at("home", path.slice(2)) : this.at(path);
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, content);
  }

  #in(text: string): string {
    const all = [...(this.#world.hosts ?? []), ...(this.#world.inputs ?? [])];
    return all.reduce((done, [page, here]) => done.replaceAll(page, here), text);
  }

  #out(text: string): string {
    const plain = (this.#world.hosts ?? []).reduce((done, [page, here]) => done.replaceAll(here, page), text);
    return plain.replaceAll(this.at(), "/srv").replaceAll(this.directory.at("home"), "/home/ann");
  }

  /** Runs lines of shell in one shell after the other: the environment and the directory go on. @throws where a command fails */
  async run(block: string): Promise<string> {
    const [env, cwd] = [this.directory.at(".env"), this.directory.at(".cwd")];
    const before = this.#isGoingOn ? [`source '${env}'`, `cd "$(cat '${cwd}')"`] : [];
    this.#isGoingOn = true;
    const after = `trap 'status=$?; export -p >"${env}"; pwd >"${cwd}"; exit $status' EXIT`;
    const lines = this.#in(block).split("\n").map(checked);
    const own = {
      HOME: this.directory.at("home"),
      IMAGES_CACHE: this.directory.at("cache"),
      XDG_STATE_HOME: this.directory.at("own"),
    };
    const PATH = [this.directory.at(".bin"), process.env["PATH"] ?? ""].join(delimiter);
    const script = ["set -euo pipefail", "exec 2>&1", after, ...before, ...lines].join("\n");
    const child = Bun.spawn(["bash", "-c", script], {
      cwd: this.at(),
      env: { PATH, ...BRIEF, USER: "ann", LC_ALL: "C.UTF-8", ...own, ...this.#world.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const [code, said] = await Promise.all([child.exited, child.stdout.text()]);
    if (code !== 0) throw new Error(`${this.#page}: exit ${code}\n${block}\n${said}`);
    return said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}
