import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { AWS, type Server } from "../core/store/servers.ts";
import { named, TestDirectory } from "../harness.ts";
import { bucketNamed, type Hands, hands } from "../plugins/s3/kit.ts";

const BINARY = resolve("dist/images");
const MIB = 1 << 20;

/** The declarations that a killed run goes between: images come, change, are replaced and go; one of them is sent in parts. */
const SCENES: readonly string[] = [
  '[image.a]\nsource = "./a.img"\n[image.b]\nsource = "./b.img"\ntags = ["x"]\n[image.c]\nsource = "./a.img"\n',
  '[image.a]\nsource = "./a.img"\naliases = ["first"]\n[image.b]\nsource = "./b.img"\nvisibility = "private"\n',
  '[image.a]\nsource = "./a.img"\nreplace = "delete-first"\n[image.d]\nsource = "./b.img"\naliases = ["first"]\ncompression = "gz"\n',
];

/** A store in a bucket, a state and the real binary, to be killed again and again. */
export class BucketGround implements AsyncDisposable {
  readonly #folder: TestDirectory;
  readonly #server: Server;
  readonly #hands: Hands;
  #scene = 0;

  private constructor(folder: TestDirectory, server: Server, own: Hands) {
    this.#folder = folder;
    this.#server = server;
    this.#hands = own;
  }

  static async make(server: Server): Promise<BucketGround> {
    if (!existsSync(BINARY)) throw new Error("dist/images is not there: bun run build");
    await bucketNamed(server.url, "ground");
    return new BucketGround(await TestDirectory.make(), server, hands(server.url, "ground"));
  }

  /** The next declaration, with other bytes: those of `b` are the same in their first part, for an upload that goes on. */
  async turn(): Promise<void> {
    const images = SCENES[this.#scene++ % SCENES.length] ?? "";
    await this.#folder.write("a.img", `${this.#scene}\n`.repeat(400));
    const same = Buffer.alloc(8 * MIB, 7);
    await Bun.write(this.#folder.at("b.img"), Buffer.concat([same, randomBytes(9 * MIB)]));
    await this.#folder.write(
      "images.toml",
      named(
        `[backend.store]\nplugin = "s3"\npath = "s3://ground/mirror"\nendpoint = "${this.#server.url}"\ngrace = "0s"\nresume = "0s"\n${images}`,
      ),
    );
  }

  /** Runs apply, and kills it after some milliseconds. True: it came to its end. */
  async killed(after: number): Promise<boolean> {
    const child = Bun.spawn([BINARY, "apply", "--yes"], {
      ...this.#surroundings(),
      stdout: "ignore",
      stderr: "ignore",
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), after);
    const code = await child.exited;
    clearTimeout(timer);
    return code === 0;
  }

  /** Everything that must hold once apply has run to its end. @throws what does not */
  async recovers(): Promise<void> {
    await this.#images("apply", "--yes");
    await this.#images("plan", "--detailed-exitcode");
    await this.#images("verify");
    const state = JSON.parse(await this.#images("state", "pull"));
    const rows: [string, { status: string; id: string }][] = Object.entries(state.images);
    const keys = (await this.#hands.keys("mirror/")).map((key) => key.slice("mirror/".length));
    const under = (folder: string) => keys.filter((key) => key.startsWith(folder)).sort();
    const records: { id: string; name: string; disk: { sha256: string }; attributes: { visibility?: string } }[] =
      await Promise.all(under("images/").map(async (key) => JSON.parse(await this.#text(key))));
    const toml = await readFile(this.#folder.at("images.toml"), "utf8");
    const declared = [...toml.matchAll(/\[image\.(\w+)\]/g)].map(([, name]) => `store/${name}`);
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
    const used = new Set(records.map(({ disk }) => `blobs/${disk.sha256}`));
    same("blobs", under("blobs/"), [...used].sort());
    const open = records.filter(({ attributes }) => attributes.visibility !== "private");
    const sums = (await this.#text("SHA256SUMS"))
      .trim()
      .split("\n")
      .map((line) => line.split("  "));
    same("sums", sums.map(([sha256]) => sha256).sort(), open.map(({ disk }) => disk.sha256).sort());
    same("named files", under("files/"), sums.map(([, file]) => file).sort());
    const { index } = JSON.parse(await this.#text("streams/v1/index.json"));
    same("streams", under("streams/"), [index.images.path, "streams/v1/images.json", "streams/v1/index.json"].sort());
    same("the store's own notes", under("wrote/"), ["wrote/catalog.json", "wrote/working.json"]);
    same("writers", JSON.parse(await this.#text("wrote/working.json")).writers, []);
    same("half sent bytes", [under("tmp/"), await this.#hands.uploads()], [[], []]);
  }

  async #text(key: string): Promise<string> {
    return await this.#hands.text(`mirror/${key}`);
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
    const { path } = this.#folder;
    return { cwd: path, env: { PATH, HOME: path, IMAGES_CACHE: this.#folder.at("cache"), ...AWS } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hands[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

function same(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a}, and not ${b}`);
}
