import { readdir } from "node:fs/promises";
import { PassThrough, Writable } from "node:stream";
import { host } from "../src/cli/host.ts";
import { program } from "../src/cli/main.ts";
import type { ProgramResult, TestDirectory } from "../src/conformance/directory.ts";

export { named, type ProgramResult, TestDirectory } from "../src/conformance/directory.ts";

/** For a program that a test starts for a moment: it would end before its optimizing compilers pay. */
export const BRIEF = { BUN_JSC_useDFGJIT: "0" };

export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly hard?: AbortSignal;
  readonly now?: () => Date;
}

/** What is in a directory of a local store, besides the empty page that stands in for a listing. */
export const listed = async (path: string): Promise<string[]> =>
  (await readdir(path)).filter((name) => name !== "index.html");

/** Runs the program in this process, in a directory, without a terminal. */
export async function run(
  directory: TestDirectory,
  args: readonly string[],
  surroundings: Surroundings = {},
): Promise<ProgramResult> {
  host();
  const [stdout, stderr] = [new Kept(), new Kept()];
  const never = new AbortController().signal;
  const { env = {}, signal = never, hard = never, now = () => new Date() } = surroundings;
  const code = await program().run([...args], {
    stdin: new PassThrough().end(),
    stdout,
    stderr,
    env: { IMAGES_CACHE: directory.at("cache"), XDG_STATE_HOME: directory.at("scratch"), HOME: directory.path, ...env },
    colorDepth: 1,
    cwd: directory.path,
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
