import type { OneBucket } from "../../emulators/outscale/buckets.ts";
import { type OutscaleEmulator, type OutscaleOptions, startOutscale } from "../../emulators/outscale/start.ts";
import { type ProgramResult, run, TestDirectory } from "../../harness.ts";

/** 20 characters and 40, as some clients want them. */
export const KEY = {
  accessKey: "AKIASENTINEL1EXAMPLE",
  secretKey: "sentinelSecret9b2e7K7MDENGbPxRfiCYEXAMPL",
} as const;

/** An emulated account, with a bucket or without one, and a directory with an images.toml that is about it. */
export class Scene implements AsyncDisposable {
  readonly emulator: OutscaleEmulator;
  readonly bucket: OneBucket | undefined;
  readonly directory: TestDirectory;

  private constructor(emulator: OutscaleEmulator, bucket: OneBucket | undefined, directory: TestDirectory) {
    this.emulator = emulator;
    this.bucket = bucket;
    this.directory = directory;
  }

  static async open(bucket?: OneBucket, options: OutscaleOptions = {}): Promise<Scene> {
    const store = bucket === undefined ? {} : { store: bucket.store };
    return new Scene(await startOutscale({ ...KEY, ...store, ...options }), bucket, await TestDirectory.make());
  }

  get control(): OutscaleEmulator["control"] {
    return this.emulator.control;
  }

  /** `[backend.osc]` with these settings besides those that lead to the emulator, and the images as they are given. */
  async declare(images: string, settings = ""): Promise<void> {
    const store =
      this.bucket === undefined
        ? ""
        : `bucket = "${this.bucket.name}"\nbucket_endpoint = "${this.bucket.store.endpoint}"\n`;
    const access = `endpoint = "${this.emulator.url}/api/v1"\naccess_key = "${KEY.accessKey}"\nsecret_key = "env:OSC_SECRET"\n`;
    // The emulator lets more through than Outscale, but for the tests that are about it.
    const rate = settings.includes("rate_limit") ? "" : "rate_limit = 1000\n";
    await this.directory.write(
      "images.toml",
      `[backend.osc]\nplugin = "outscale"\n${access}${store}${rate}${settings}\n${images}`,
    );
  }

  readonly env: Readonly<Record<string, string>> = { OSC_SECRET: KEY.secretKey };

  run(...args: readonly string[]): Promise<ProgramResult> {
    return run(this.directory, args, { env: this.env });
  }

  /** @throws what the program said, when it failed */
  async ok(...args: readonly string[]): Promise<ProgramResult> {
    const said = await this.run(...args);
    if (said.code !== 0) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
    return said;
  }

  /** What a run says that fails, on one line. @throws when it does not fail */
  async refused(...args: readonly string[]): Promise<string> {
    const said = await this.run(...args);
    if (said.code !== 1) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
    return said.stderr.replace(/\s+/g, " ");
  }

  apply(...args: readonly string[]): Promise<ProgramResult> {
    return this.ok("apply", "--yes", ...args);
  }

  /** @throws the plan, where something is left to do */
  async settled(): Promise<void> {
    await this.ok("plan", "--detailed-exitcode");
  }

  /** The images of the account. */
  own(): ReturnType<OutscaleEmulator["control"]["images"]> {
    return this.control.images().filter(({ AccountId }) => AccountId === this.emulator.accounts[0].id);
  }

  /** What was made on the way to images and that none of them uses. */
  async left(): Promise<readonly string[]> {
    return [...this.control.orphans(), ...((await this.bucket?.left()) ?? [])];
  }

  /** The actions since the last call, with their status: "CreateImage 200". `changing`: without those that only read. */
  asked(changing = false): readonly string[] {
    const all = this.emulator.log.entries.map(({ operation, status }) => `${operation} ${status}`);
    this.emulator.log.clear();
    return all.filter((one) => !changing || !one.startsWith("Read"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
    await this.emulator[Symbol.asyncDispose]();
  }
}

export const ofVm = (play: Scene, more = "", name = "small"): string =>
  `[image.${name}]\nbackend = "osc"\nvm_id = "${play.control.seeded.vm}"\n${more}\n`;

export const ofBytes = (more = "", file = "disk.raw", name = "small"): string =>
  `[image.${name}]\nbackend = "osc"\nsource = "./${file}"\n${more}\n`;
