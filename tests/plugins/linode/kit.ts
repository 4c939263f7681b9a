import { type LinodeEmulator, type LinodeOptions, startLinode } from "../../emulators/linode/start.ts";
import { type ProgramResult, run, TestDirectory } from "../../harness.ts";

export const TOKEN = "sentinel-token-3c9e41";

/** An emulated account, and a directory with an images.toml that is about it. */
export class Scene implements AsyncDisposable {
  readonly emulator: LinodeEmulator;
  readonly directory: TestDirectory;

  private constructor(emulator: LinodeEmulator, directory: TestDirectory) {
    this.emulator = emulator;
    this.directory = directory;
  }

  static async open(options: LinodeOptions = {}): Promise<Scene> {
    return new Scene(await startLinode({ token: TOKEN, ...options }), await TestDirectory.make());
  }

  get control(): LinodeEmulator["control"] {
    return this.emulator.control;
  }

  /** `[backend.lin]` with these settings, and the images as they are given. */
  async declare(images: string, settings = "event_poll_ms = 5"): Promise<void> {
    const access = `url = ${JSON.stringify(this.emulator.url)}\ntoken = "env:LINODE_TOKEN"`;
    await this.directory.write("images.toml", `[backend.lin]\nplugin = "linode"\n${access}\n${settings}\n\n${images}`);
  }

  get env(): Readonly<Record<string, string>> {
    return { LINODE_TOKEN: TOKEN };
  }

  run(...args: readonly string[]): Promise<ProgramResult> {
    return run(this.directory, args, { env: this.env });
  }

  /** @throws what the program said, when it failed */
  async ok(...args: readonly string[]): Promise<ProgramResult> {
    const said = await this.run(...args);
    if (said.code !== 0) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
    return said;
  }

  apply(...args: readonly string[]): Promise<ProgramResult> {
    return this.ok("apply", "--yes", ...args);
  }

  /** @throws the plan, where something is left to do */
  async settled(): Promise<void> {
    await this.ok("plan", "--detailed-exitcode");
  }

  /** What the API was asked since the last call: "POST /images/upload 200". */
  asked(): readonly string[] {
    const all = this.emulator.log.entries.map(({ server, method, path, status }) =>
      server === "uploads" ? `${method} bytes ${status}` : `${method} ${path.replace(/^\/v4(?:beta)?/, "")} ${status}`,
    );
    this.emulator.log.clear();
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.emulator[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

export const upload = (more = "", file = "disk.img.gz"): string =>
  `[image.small]\nbackend = "lin"\nfile_path = ${JSON.stringify(`./${file}`)}\nregion = "us-ord"\n${more}`;
