import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { statPath } from "../../disk/regular.ts";
import { statOf } from "../../disk/stat.ts";
import { Failure } from "../../failure.ts";
import type { Content, FileSource, PlainSource, SourceSpec, Stat } from "../../model/source.ts";
import { cacheRoot } from "../cache/index.ts";
import { sourceFailure } from "../failure.ts";

// A source that is a directory with `metadata.yaml` and `rootfs`, as `incus image import DIRECTORY` takes it: packed as a tarball, which is
// kept in the cache for as long as nothing in the directory changes.

const PARTS = ["metadata.yaml", "rootfs", "templates"];
/** GNU tar, so that the same tree gives the same bytes on each host: sorted, and without times of access and process ids. */
const TAR = [
  "--sort=name",
  "--format=posix",
  "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
  "--numeric-owner",
  "--xattrs",
  "--force-local",
];

type Env = Readonly<Record<string, string | undefined>>;

/** A source that is no directory, and what the file system says of the file that it is. */
export interface SeenSource<S extends PlainSource> {
  readonly spec: S;
  readonly seen?: Stat;
}

/** The source with the tarball in the place of the directory; anything else as it is. @throws Failure source.* */
export const withTree = async <S extends PlainSource>(spec: S, env: Env, signal: AbortSignal): Promise<S> =>
  (await seenWithTree(spec, env, signal)).spec;

/** The plan has seen a file there, and no directory. */
export const isPlannedFile = (spec: SourceSpec, planned: Content | undefined): spec is FileSource =>
  spec.kind === "file" && planned?.stat !== undefined && planned.where === spec.path;

/** The same, with the one look at the file. @throws Failure source.* */
export async function seenWithTree<S extends PlainSource>(
  spec: S,
  env: Env,
  signal: AbortSignal,
): Promise<SeenSource<S>> {
  if (spec.kind !== "file") return { spec };
  const found = await statOfPath(spec.path);
  if (found?.isFile() === true) return { spec, seen: statOf(found) };
  if (found?.isDirectory() !== true) return { spec };
  return { spec: { ...spec, path: await packed(spec.path, cacheRoot(env), signal) } };
}

/** What the file system says of a path; undefined: nothing, for whatever reason. */
const statOfPath = (path: string) => statPath(path).catch(() => undefined);

async function packed(path: string, cache: string, signal: AbortSignal): Promise<string> {
  const entries = new Set(await readdir(path).catch((thrown: unknown) => Promise.reject(sourceFailure(thrown, path))));
  if (!entries.has("metadata.yaml") || !entries.has("rootfs"))
    throw new Failure("source.missing", `${path} is a directory without metadata.yaml and rootfs`, {
      hint: "name the file with the bytes, or the directory of an unpacked image of Incus",
    });
  if (process.getuid?.() !== 0)
    throw new Failure("source.denied", `${path} is a directory: owners and devices in it can only be read by root`, {
      hint: "run as root, or pack it yourself: tar --numeric-owner -cf image.tar metadata.yaml rootfs",
    });
  const parts = PARTS.filter((name) => entries.has(name));
  const directory = join(cache, "trees", createHash("sha256").update(path).digest("hex").slice(0, 16));
  const [tarball, note] = [join(directory, `${basename(path)}.tar`), join(directory, "tree")];
  const before = await treeOf(path, parts, signal);
  const isKept = (await readFile(note, "utf8").catch(() => "")) === (await noteOf(before, tarball));
  if (isKept) return tarball;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fresh = join(directory, `${randomUUID()}.part`);
  try {
    await tar(path, parts, fresh, signal);
    if ((await treeOf(path, parts, signal)) !== before)
      throw new Failure("source.changed", `${path} was modified while it was packed`, { hint: "try again" });
    await rename(fresh, tarball);
    await writeFile(note, (await noteOf(before, tarball)) ?? "", { mode: 0o600 });
  } finally {
    await rm(fresh, { force: true });
  }
  return tarball;
}

/** What the tarball was made from, and that it is still the one that was made. */
async function noteOf(tree: string, tarball: string): Promise<string | undefined> {
  const made = await stat(tarball, { bigint: true }).catch(() => undefined);
  return made === undefined ? undefined : `${tree} ${made.size} ${made.mtimeNs} ${made.ino}`;
}

/** A digest of all that the file system tells of a tree without reading its files; the time of an inode too, which no program sets back. */
async function treeOf(root: string, parts: readonly string[], signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const waiting = parts.toReversed().map((name) => join(root, name));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    signal.throwIfAborted();
    try {
      const found = await lstat(path, { bigint: true });
      const { mode, uid, gid, size, mtimeNs, ctimeNs, ino, rdev } = found;
      const target = found.isSymbolicLink() ? await readlink(path) : "";
      hash.update(JSON.stringify([path, target, ...[mode, uid, gid, size, mtimeNs, ctimeNs, ino, rdev].map(String)]));
      if (!found.isDirectory()) continue;
      for (const name of (await readdir(path)).sort().reverse()) waiting.push(join(path, name));
    } catch (thrown) {
      throw sourceFailure(thrown, path);
    }
  }
  return hash.digest("hex");
}

async function tar(path: string, parts: readonly string[], to: string, signal: AbortSignal): Promise<void> {
  const { TAR_OPTIONS: _, ...rest } = process.env;
  const child = spawn("tar", ["-C", path, ...TAR, "-cf", to, ...parts], {
    env: { ...rest, LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
    signal,
  });
  let said = "";
  child.stderr.on("data", (piece: Buffer) => {
    said = `${said}${piece.toString()}`.slice(-2000);
  });
  const end = await new Promise<number | string>((resolve) => {
    child.on("error", (error) => resolve(error.message)).on("close", (code) => resolve(code ?? "it was ended"));
  });
  signal.throwIfAborted();
  if (end === 0) return;
  const why = said.trim().split("\n")[0] || (typeof end === "string" ? end : `tar ended with ${end}`);
  throw new Failure("source.io", `${path} cannot be packed: ${why}`, { hint: "GNU tar is needed for a directory" });
}
