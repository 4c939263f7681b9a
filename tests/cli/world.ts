import { readFile } from "node:fs/promises";
import { listed, type ProgramResult, run, type Surroundings, TestDirectory } from "../harness.ts";

const STORE = '[backend.store]\nplugin = "local"\npath = "./store"\ngrace = "0s"\n';

/** A directory with a store, to run the program in. */
export class World implements AsyncDisposable {
  readonly directory: TestDirectory;

  private constructor(directory: TestDirectory) {
    this.directory = directory;
  }

  /** `images`: the blocks of images.toml behind the store's. Sources are there as a.img and b.img. */
  static async make(images: string, before = ""): Promise<World> {
    const world = new World(
      await TestDirectory.make({ "a.img": "bytes of a\n".repeat(100), "b.img": "bytes of b\n".repeat(100) }),
    );
    await world.declare(images, before);
    return world;
  }

  async declare(images: string, before = ""): Promise<void> {
    await this.directory.write("images.toml", `${before}${STORE}${images}`);
  }

  run(args: readonly string[], surroundings: Surroundings = {}): Promise<ProgramResult> {
    return run(this.directory, args, surroundings);
  }

  /** @throws what was said, unless the exit code is this */
  async ends(code: number, ...args: readonly string[]): Promise<ProgramResult> {
    const said = await this.run(args);
    if (said.code !== code)
      throw new Error(`images ${args.join(" ")}: ${said.code}, not ${code}\n${said.stderr}\n${said.stdout}`);
    return said;
  }

  async ids(): Promise<readonly string[]> {
    return (await listed(this.directory.at("store", "images"))).sort();
  }

  async record(name: string): Promise<Record<string, unknown> & { id: string; attributes: Record<string, unknown> }> {
    const file = (await this.ids()).find((one) => one.startsWith(`${name}@`)) ?? "";
    return JSON.parse(await readFile(this.directory.at("store", "images", file), "utf8"));
  }

  async state(): Promise<{ serial: number; lineage: string; images: Record<string, { status: string; id: string }> }> {
    return JSON.parse(await readFile(this.directory.at("images.state.json"), "utf8"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}
