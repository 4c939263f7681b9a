import { join } from "node:path";
import { AWS, type Server } from "../../core/store/servers.ts";
import { type ProgramResult, run, TestDirectory } from "../../harness.ts";
import { bucketNamed, type Front, front, type Hands, hands } from "./kit.ts";

/** A store in a bucket of its own, and a directory to run the program in. */
export class BucketWorld implements AsyncDisposable {
  readonly directory: TestDirectory;
  readonly front: Front;
  readonly hands: Hands;
  readonly bucket: string;
  readonly #more: string;

  private constructor(directory: TestDirectory, bucket: string, way: Front, own: Hands, more: string) {
    this.directory = directory;
    this.bucket = bucket;
    this.front = way;
    this.hands = own;
    this.#more = more;
  }

  /** `more`: lines of the settings of the backend. */
  static async make(
    server: Pick<Server, "url">,
    images: string,
    more = 'grace = "0s"\nresume = "0s"\n',
  ): Promise<BucketWorld> {
    const bucket = `world-${crypto.randomUUID().slice(0, 8)}`;
    await bucketNamed(server.url, bucket);
    return await BucketWorld.beside(server, bucket, images, more);
  }

  /** Another checkout that works in the same bucket. */
  static async beside(server: Pick<Server, "url">, bucket: string, images: string, more: string, name = "world") {
    const directory = await TestDirectory.make({
      "a.img": "bytes of a\n".repeat(100),
      "b.img": "bytes of b\n".repeat(100),
    });
    const world = new BucketWorld(directory, bucket, await front(server.url), hands(server.url, bucket), more);
    await world.declare(images, name);
    return world;
  }

  async declare(images: string, name = "world"): Promise<void> {
    const settings = `path = "s3://${this.bucket}/mirror"\nendpoint = "${this.front.url}"\n${this.#more}`;
    await this.directory.write(
      "images.toml",
      `[settings]\nname = "${name}"\n[backend.store]\nplugin = "s3"\n${settings}${images}`,
    );
  }

  get env(): Readonly<Record<string, string>> {
    return { ...AWS, AWS_EC2_METADATA_DISABLED: "true" };
  }

  run(...args: readonly string[]): Promise<ProgramResult> {
    return run(this.directory, args, { env: this.env });
  }

  /** @throws what was said, unless the exit code is this */
  async ends(code: number, ...args: readonly string[]): Promise<ProgramResult> {
    const said = await this.run(...args);
    if (said.code !== code)
      throw new Error(`images ${args.join(" ")}: ${said.code}, not ${code}\n${said.stderr}\n${said.stdout}`);
    return said;
  }

  /** Keys below the prefix of the store. */
  async keys(under = ""): Promise<string[]> {
    return (await this.hands.keys(`mirror/${under}`)).map((key) => key.slice("mirror/".length)).sort();
  }

  async put(key: string, text = "somebody's\n"): Promise<void> {
    await this.hands.put(`mirror/${key}`, text);
  }

  async text(key: string): Promise<string> {
    return await this.hands.text(`mirror/${key}`);
  }

  /** The names in the simplestreams index, as a client finds them. */
  async products(): Promise<string[]> {
    const { index } = JSON.parse(await this.text("streams/v1/index.json"));
    return Object.keys(JSON.parse(await this.text(index.images.path)).products).sort();
  }

  /** The names of the files in SHA256SUMS. */
  async sums(): Promise<string[]> {
    const lines = (await this.text("SHA256SUMS")).split("\n").filter((line) => line !== "");
    return lines.map((line) => line.split("  files/")[1] ?? "").sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hands[Symbol.asyncDispose]();
    await this.front[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** Lets anybody read what is served, and nothing else: the policy of docs/backends/s3.md. */
export async function anonymously({ hands: own, bucket }: Pick<BucketWorld, "hands" | "bucket">): Promise<void> {
  const page = await Bun.file(join(import.meta.dir, "../../../docs/backends/s3.md")).text();
  const policy = /```json\n(.*?)```/s.exec(page)?.[1] ?? "";
  const body = policy.replaceAll("team-images", bucket);
  const answer = await own.send("PUT", "", { query: { policy: "" }, body });
  if (answer.status >= 300) throw new Error(answer.text);
}
