import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clear } from "./files.ts";
import type { Contender, Program } from "./types.ts";

// What most rows have in common: ours applies or plans an images.toml, the peer is a line of a shell.

export const STORE = '[settings]\nname = "race"\n[backend.store]\nplugin = "local"\npath = "./store"\n';

/** Nothing of an earlier run, and nothing of the person's. */
const own = (directory: string) => ({
  IMAGES_CACHE: join(directory, "cache"),
  XDG_CACHE_HOME: join(directory, "cache"),
  XDG_STATE_HOME: join(directory, "scratch"),
});

interface Applied {
  readonly toml: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How the directory is emptied. */
  readonly empty?: typeof clear;
  /** Runs after the directory was emptied. */
  readonly before?: () => Promise<void>;
  readonly after?: () => Promise<void>;
}

/** `images apply` of everything, each time from nothing. */
export async function applied(
  { argv }: Program,
  directory: string,
  { toml, env = {}, empty = clear, before, after }: Applied,
): Promise<Contender> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "images.toml"), toml);
  return {
    run: { argv: [...argv, "apply", "--yes"], cwd: directory, env: { ...own(directory), ...env } },
    before: async () => {
      await empty(directory, ["images.toml"]);
      await before?.();
    },
    ...(after === undefined ? {} : { after }),
  };
}

/** `images plan` that finds nothing to do: exit 2 would say that there is. */
export const planned = (
  { argv }: Program,
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Contender => ({
  run: { argv: [...argv, "plan", "--detailed-exitcode"], cwd: directory, env: { ...own(directory), ...env } },
});

/** A line of bash in a directory that is emptied each time. */
export async function shell(
  script: string,
  directory: string,
  { env = {}, empty = clear }: Pick<Applied, "env" | "empty"> = {},
): Promise<Contender> {
  await mkdir(directory, { recursive: true });
  return {
    run: { argv: ["bash", "-o", "pipefail", "-ec", script], cwd: directory, env },
    before: () => empty(directory),
  };
}
