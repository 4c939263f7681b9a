import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identity } from "../../../src/core/disk/process.ts";
import { address, backendName, imageId, imageName } from "../../../src/core/model/name.ts";
import type { Holder, Recorded } from "../../../src/core/model/state.ts";

export const at = (backend: string, image: string) => address(backendName(backend), imageName(image));
export const signal = new AbortController().signal;

/** A row as an apply leaves it. */
export const row = (backend: string, id: string, want: Recorded["want"] = {}): Recorded => ({
  status: "ready",
  backend: backendName(backend),
  plugin: "local",
  want,
  protect: false,
  onRemove: "delete",
  id: imageId(id),
  have: want,
});

/** A holder that is this process. */
export const holder = (id: string, over: Partial<Holder> = {}): Holder => ({
  ...identity(),
  id,
  operation: "test",
  since: "2026-01-01T00:00:00.000Z",
  ...over,
});

// In memory where there is such a directory: a sync costs nothing there, and no test can see what a power cut would leave.
const BASE = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A directory of its own, gone with its test. */
export async function directory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(BASE, "images-store-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Every file below a directory with its contents, to compare. */
export async function contents(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(path, { recursive: true })).sort()) {
    const file = join(path, name);
    if ((await stat(file)).isFile()) found[name] = await readFile(file, "latin1");
  }
  return found;
}

/** The Failure that a promise ends in, as data. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string; hint: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && "code" in error && "hint" in error)
      return { code: String(error.code), message: error.message, hint: String(error.hint) };
    throw error;
  }
  throw new Error("it did not fail");
}
