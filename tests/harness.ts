import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { host } from "../src/cli/host.ts";
import { program } from "../src/cli/main.ts";

/** What a run of the program said. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of a test's own, gone afterwards. */
export class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<Folder> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), "images-test-")));
    for (const [name, content] of Object.entries(files)) await folder.write(name, content);
    return folder;
  }

  at(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** An images.toml without a name gets one, at its end: lines stay where they are. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    await writeFile(this.at(name), name === "images.toml" && typeof content === "string" ? named(content) : content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

export const named = (text: string): string =>
  /^\[backend\./m.test(text) && !/^\[settings\]/m.test(text) ? `${text}\n[settings]\nname = "images"\n` : text;

export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly hard?: AbortSignal;
  readonly now?: () => Date;
}

/** Runs the program in this process, in a folder, without a terminal. */
export async function run(folder: Folder, args: readonly string[], surroundings: Surroundings = {}): Promise<Said> {
  host();
  const [stdout, stderr] = [new Kept(), new Kept()];
  const never = new AbortController().signal;
  const { env = {}, signal = never, hard = never, now = () => new Date() } = surroundings;
  const code = await program().run([...args], {
    stdin: new PassThrough().end(),
    stdout,
    stderr,
    env: { IMAGES_CACHE: folder.at("cache"), XDG_STATE_HOME: folder.at("scratch"), HOME: folder.path, ...env },
    colorDepth: 1,
    cwd: folder.path,
    signal,
    hard,
    now,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Kept extends Writable {
  readonly #pieces: string[] = [];

  override _write(piece: Buffer, _: string, done: () => void): void {
    this.#pieces.push(piece.toString());
    done();
  }

  get text(): string {
    return this.#pieces.join("");
  }
}
