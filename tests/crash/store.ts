import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { listed, TestDirectory } from "../harness.ts";

const BINARY = resolve("dist/images");

/** The declarations that a killed run goes between: images come, change, are replaced and go. */
const SCENES: readonly (readonly [file: string, bytes: string])[] = [
  [
    '[image.a]\nsource = "./a.img"\n[image.b]\nsource = "./b.img"\ntags = ["x"]\n[image.c]\nsource = "./a.img"\n',
    "one",
  ],
  ['[image.a]\nsource = "./a.img"\naliases = ["first"]\n[image.b]\nsource = "./b.img"\n', "two"],
  [
    '[image.a]\nsource = "./a.img"\nreplace = "delete-first"\n[image.d]\nsource = "./b.img"\naliases = ["first"]\n',
    "three",
  ],
];

/** Where the state is: what `[settings]` says of it, and the variables that its credentials are in. */
export interface Elsewhere {
  readonly lines: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A store, a state and the real binary, to be killed again and again. */
export class Ground implements AsyncDisposable {
  readonly folder: TestDirectory;
  #scene = 0;

  readonly #elsewhere: Elsewhere | undefined;

  private constructor(folder: TestDirectory, elsewhere: Elsewhere | undefined) {
    this.folder = folder;
    this.#elsewhere = elsewhere;
  }

  /** Without `elsewhere` the state is a file. */
  static async make(elsewhere?: Elsewhere): Promise<Ground> {
    if (!existsSync(BINARY)) throw new Error("dist/images is not there: bun run build");
    return new Ground(await TestDirectory.make(), elsewhere);
  }

  /** The next declaration, with other bytes. */
  async turn(): Promise<void> {
    const [images, bytes] = SCENES[this.#scene++ % SCENES.length] ?? ["", ""];
    const salt = `${bytes} ${this.#scene}\n`;
    await this.folder.write("a.img", salt.repeat(400));
    await this.folder.write("b.img", `b ${salt}`.repeat(400));
    await this.folder.write(
      "images.toml",
      `${this.#elsewhere === undefined ? "" : `[settings]\nname = "images"\n${this.#elsewhere.lines}\n`}[backend.store]\nplugin = "local"\npath = "./store"\ngrace = "0s"\n${images}`,
    );
  }

  /** Runs apply under `before` (a command that kills it), or kills it after some milliseconds. True: it came to its end. */
  async killed({ before = [], after }: { before?: readonly string[]; after?: number }): Promise<boolean> {
    const child = Bun.spawn([...before, BINARY, "apply", "--yes"], {
      ...this.#surroundings(),
      stdout: "ignore",
      stderr: "ignore",
    });
    const timer = after === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), after);
    const code = await child.exited;
    clearTimeout(timer);
    return code === 0;
  }

  /** Everything that must hold once apply has run to its end. @throws what does not */
  async recovers(): Promise<void> {
    await this.#images("apply", "--yes");
    await this.#images("plan", "--detailed-exitcode");
    const state = JSON.parse(await this.#images("state", "pull"));
    const rows: [string, { status: string; id: string }][] = Object.entries(state.images);
    const records = await this.#records();
    const declared = [...(await readFile(this.folder.at("images.toml"), "utf8")).matchAll(/\[image\.(\w+)\]/g)].map(
      ([, name]) => `store/${name}`,
    );
    same("addresses in the state", rows.map(([address]) => address).sort(), declared.sort());
    same(
      "rows that are not ready",
      rows.filter(([, { status }]) => status !== "ready"),
      [],
    );
    same(
      "images in the store and ids in the state",
      records.map(({ id }) => id).sort(),
      rows.map(([, { id }]) => id).sort(),
    );
    const used = new Set(records.map(({ disk }) => disk.sha256));
    same("blobs", (await listed(this.folder.at("store", "blobs"))).sort(), [...used].sort());
    same("half written files", await listed(this.folder.at("store", "tmp")), []);
    const sums = (await readFile(this.folder.at("store", "SHA256SUMS"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => line.split("  ")[0]);
    same("sums", sums.sort(), records.map(({ disk }) => disk.sha256).sort());
    const left = (await readdir(this.folder.path)).filter((name) => name.endsWith(".lock") || name.includes(".tmp"));
    same("locks and temporary files beside the state", left, []);
  }

  async #records(): Promise<{ id: string; disk: { sha256: string } }[]> {
    const names = await listed(this.folder.at("store", "images"));
    return await Promise.all(
      names.map(async (name) => JSON.parse(await readFile(this.folder.at("store", "images", name), "utf8"))),
    );
  }

  async #images(...args: readonly string[]): Promise<string> {
    const child = Bun.spawn([BINARY, ...args], { ...this.#surroundings(), stdout: "pipe", stderr: "pipe" });
    const [code, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if (code !== 0) throw new Error(`images ${args.join(" ")} ended with ${code}\n${stderr}\n${stdout}`);
    return stdout;
  }

  #surroundings() {
    const { PATH = "" } = process.env;
    return {
      cwd: this.folder.path,
      env: { PATH, HOME: this.folder.path, IMAGES_CACHE: this.folder.at("cache"), ...this.#elsewhere?.env },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

function same(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a}, and not ${b}`);
}
