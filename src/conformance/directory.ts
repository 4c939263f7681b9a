import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a run of the program said. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory of a test's own, gone afterwards. */
export class TestDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<TestDirectory> {
    const directory = new TestDirectory(await mkdtemp(join(tmpdir(), "images-test-")));
    for (const [name, content] of Object.entries(files)) await directory.write(name, content);
    return directory;
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
