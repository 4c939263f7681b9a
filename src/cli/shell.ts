import { mkdir } from "node:fs/promises";
import type { BaseContext } from "clipanion";

/** What a command has of the world. Tests give one of their own. */
export interface Shell extends BaseContext {
  readonly cwd: string;
  /** Aborted at the first Ctrl-C: what is being made is taken back, what is being changed is finished. */
  readonly signal: AbortSignal;
  /** Aborted at the second Ctrl-C: everything stops now. */
  readonly hard: AbortSignal;
  now(): Date;
  /** What is said at the first Ctrl-C from here on, of a command that has nothing in flight. */
  stopsWith?(text: string): void;
}

/** Makes a directory that only its owner may look into. */
export async function privateDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}
