import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { isZero, readUpTo, writeAll } from "./segment.ts";

const failed = (directory: string, cause: unknown): Failure =>
  new Failure("source.scratch", `the temporary file in ${JSON.stringify(directory)} cannot be written`, {
    hint: "free space there, or choose another directory for temporary files",
    cause,
  });

/**
 * A sparse temporary file. Its name is removed as soon as it is open where the system allows that, so that nothing is left of
 * it even after a kill; else when it is disposed of.
 */
export class Scratch implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #directory: string;
  readonly #path: string;
  /** Bytes up to the end of what was written. */
  #size = 0;

  private constructor(file: FileHandle, directory: string, path: string) {
    this.#file = file;
    this.#directory = directory;
    this.#path = path;
  }

  /** Fails with `source.scratch`. */
  static async make(directory: string): Promise<Scratch> {
    const path = join(directory, `.images-scratch-${randomUUID()}`);
    try {
      const file = await open(path, "wx+", 0o600);
      await rm(path, { force: true }).catch(() => undefined);
      return new Scratch(file, directory, path);
    } catch (cause) {
      throw failed(directory, cause);
    }
  }

  /** Fails with `source.scratch`, on a full disk for example. */
  async write(bytes: Uint8Array, offset: number): Promise<void> {
    const end = offset + bytes.length;
    try {
      if (offset < this.#size || !isZero(bytes)) await writeAll(this.#file, bytes, offset);
      else await this.#file.truncate(end);
      this.#size = Math.max(this.#size, end);
    } catch (cause) {
      throw failed(this.#directory, cause);
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return await readUpTo(this.#file, offset, length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }
}
