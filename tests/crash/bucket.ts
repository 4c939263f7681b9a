import { randomBytes } from "node:crypto";
import { AWS, type Server } from "../core/store/servers.ts";
import { named, TestDirectory } from "../harness.ts";
import { bucketNamed, type Hands, hands } from "../plugins/s3/kit.ts";
import { Ground, same, sameIds } from "./ground.ts";

const MIB = 1 << 20;

/** The declarations that a killed run goes between: images come, change, are replaced and go; one of them is sent in parts. */
const SCENES: readonly string[] = [
  '[image.a]\nsource = "./a.img"\n[image.b]\nsource = "./b.img"\ntags = ["x"]\n[image.c]\nsource = "./a.img"\n',
  '[image.a]\nsource = "./a.img"\naliases = ["first"]\n[image.b]\nsource = "./b.img"\nvisibility = "private"\n',
  '[image.a]\nsource = "./a.img"\nreplace = "delete-first"\n[image.d]\nsource = "./b.img"\naliases = ["first"]\ncompression = "gz"\n',
];

/** A store in a bucket. */
export class BucketGround extends Ground {
  readonly #server: Server;
  readonly #hands: Hands;
  #scene = 0;

  private constructor(directory: TestDirectory, server: Server, own: Hands) {
    super(directory, AWS);
    this.#server = server;
    this.#hands = own;
  }

  static async make(server: Server): Promise<BucketGround> {
    await bucketNamed(server.url, "ground");
    return new BucketGround(await TestDirectory.make(), server, hands(server.url, "ground"));
  }

  /** The bytes of `b`, three parts, are the same in the first, for an upload that goes on. */
  override async turn(): Promise<void> {
    const images = SCENES[this.#scene++ % SCENES.length] ?? "";
    await this.directory.write("a.img", `${this.#scene}\n`.repeat(400));
    const first = Buffer.alloc(6 * MIB, 7);
    await Bun.write(this.directory.at("b.img"), Buffer.concat([first, randomBytes(5 * MIB)]));
    await this.directory.write(
      "images.toml",
      named(
        `[backend.store]\nplugin = "s3"\npath = "s3://ground/mirror"\nendpoint = "${this.#server.url}"\ngrace = "0s"\nresume = "0s"\n${images}`,
      ),
    );
  }

  override async recovers(): Promise<void> {
    const rows = await this.recovered();
    await this.images("verify");
    const keys = (await this.#hands.keys("mirror/")).map((key) => key.slice("mirror/".length));
    const under = (directory: string) => keys.filter((key) => key.startsWith(directory)).sort();
    const records: { id: string; name: string; disk: { sha256: string }; attributes: { visibility?: string } }[] =
      await Promise.all(under("images/").map(async (key) => JSON.parse(await this.#text(key))));
    sameIds(records, rows);
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

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#hands[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }
}
