import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { BRIEF, run, type TestDirectory } from "../harness.ts";

const BINARY = resolve("dist/images");

/** How a run is to die: under a command that kills it, or after some milliseconds. */
export interface Death {
  readonly before?: readonly string[];
  readonly after?: number;
}

/** A row of a state, as `state pull` prints it. */
export interface Row {
  readonly status: string;
  readonly id: string;
}

/**
 * A directory and the real binary, to be killed again and again. What must hold afterwards is asked of the program in this process:
 * the same code as the binary's, without the time that it takes to start.
 */
export abstract class Ground implements AsyncDisposable {
  readonly directory: TestDirectory;
  readonly #env: Readonly<Record<string, string>>;

  protected constructor(directory: TestDirectory, env: Readonly<Record<string, string>>) {
    if (!existsSync(BINARY)) throw new Error("dist/images is not there: bun run build");
    this.directory = directory;
    this.#env = { HOME: directory.path, IMAGES_CACHE: directory.at("cache"), ...env };
  }

  /** The next declaration, with other bytes. */
  abstract turn(): Promise<void>;

  /** Everything that must hold once apply has run to its end. @throws what does not */
  abstract recovers(): Promise<void>;

  /** Runs apply, which is killed. True: it came to its end before that. @throws when it failed by itself */
  async killed({ before = [], after }: Death): Promise<boolean> {
    const { PATH = "" } = process.env;
    const child = Bun.spawn([...before, BINARY, "apply", "--yes"], {
      cwd: this.directory.path,
      env: { PATH, ...BRIEF, ...this.#env },
      stdout: "ignore",
      stderr: "pipe",
    });
    const said = new Response(child.stderr).text();
    const timer = after === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), after);
    const code = await child.exited;
    clearTimeout(timer);
    if (code !== 0 && child.signalCode !== "SIGKILL") throw new Error(`apply ended with ${code}\n${await said}`);
    return code === 0;
  }

  /**
   * Kills apply at random instants, so many times, and recovers after each. `longest`: milliseconds that a run takes about; the
   * instants follow the speed of the machine, so that about half of them hit.
   */
  async killedAtRandom(times: number, longest: number): Promise<void> {
    await this.turn();
    for (let i = 0, kills = 0, span = longest; kills < times; i++) {
      if (i >= times * 10) throw new Error(`${kills} of ${i} runs were killed`);
      const ended = await this.killed({ after: Math.random() * span });
      span *= ended ? 0.9 : 1.05;
      if (!ended) kills++;
      await this.recovers();
      await this.turn();
    }
  }

  /** What the program prints. @throws when it ends with another code than 0 */
  protected async images(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(this.directory, args, { env: this.#env });
    if (code !== 0) throw new Error(`images ${args.join(" ")} ended with ${code}\n${stderr}\n${stdout}`);
    return stdout;
  }

  /** The next apply succeeds, and leaves nothing to do: the rows of the state, which are those of the declared images. */
  protected async recovered(): Promise<readonly Row[]> {
    await this.images("apply", "--yes");
    await this.images("plan", "--detailed-exitcode");
    const state: { images: Record<string, Row> } = JSON.parse(await this.images("state", "pull"));
    const toml = await readFile(this.directory.at("images.toml"), "utf8");
    const declared = [...toml.matchAll(/\[image\.(\w+)\]/g)].map(([, name]) => `store/${name}`);
    same("addresses in the state", Object.keys(state.images).sort(), declared.sort());
    const rows = Object.values(state.images);
    same(
      "rows that are not ready",
      rows.filter(({ status }) => status !== "ready"),
      [],
    );
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}

/** @throws what differs */
export function same(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a}, and not ${b}`);
}

/** The ids of images are those of the rows. */
export const sameIds = (records: readonly { readonly id: string }[], rows: readonly Row[]): void =>
  same("images in the store and ids in the state", records.map(({ id }) => id).sort(), rows.map(({ id }) => id).sort());
