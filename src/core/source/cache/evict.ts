import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isAbandoned } from "../../disk/lease.ts";
import { errno } from "../../disk/reason.ts";
import { type Digest, digest, hexOf } from "../../model/digest.ts";
import { sourceFailure } from "../failure.ts";
import { Cache } from "./cache.ts";
import { parseKept, parsePointer, readJson } from "./record.ts";

/** One blob of the cache, as `images cache list` shows it. */
interface CacheEntry {
  readonly digest: Digest;
  readonly size: number;
  /** Where it came from, without secrets. */
  readonly from: string;
  readonly filename: string;
  /** RFC 3339. */
  readonly added: string;
  readonly used: string;
  /** A process works with it just now. */
  readonly inUse: boolean;
}

interface CacheLimits {
  /** Bytes that may stay; those that were not used for longest go first. */
  readonly maxBytes?: number;
  /** Seconds: what was not used for longer goes. */
  readonly maxAge?: number;
}

interface Collected {
  readonly removed: readonly CacheEntry[];
  readonly kept: readonly CacheEntry[];
  /** Bytes that were freed, partial files included. */
  readonly bytes: number;
}

/** Partial files that nobody went on with for so long are not worth their room. */
const STALE = 7 * 24 * 3600;

/** All blobs, the one that was used last first. @throws Failure source.denied, source.io */
export async function cacheList(root: string): Promise<readonly CacheEntry[]> {
  const cache = await Cache.open(root);
  const entries: CacheEntry[] = [];
  for (const name of await namesIn(cache.directory.blobs)) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const entry = await entryOf(cache, digest("sha256", name));
    if (entry !== undefined) entries.push(entry);
  }
  return entries.sort((a, b) => (a.used < b.used ? 1 : -1));
}

/** Takes away what is too much or too old, and what dead processes have left; never what is in use. */
export async function cacheGc(root: string, { maxBytes, maxAge }: CacheLimits, now = new Date()): Promise<Collected> {
  const cache = await Cache.open(root);
  try {
    let bytes = await sweep(cache, (maxAge ?? STALE) * 1000, now);
    const removed: CacheEntry[] = [];
    const kept: CacheEntry[] = [];
    let room = maxBytes ?? Number.POSITIVE_INFINITY;
    for (const entry of await cacheList(root)) {
      const isOld = maxAge !== undefined && now.getTime() - Date.parse(entry.used) > maxAge * 1000;
      const mayStay = !isOld && entry.size <= room;
      if (mayStay || entry.inUse || !(await evict(cache, entry.digest))) {
        kept.push(entry);
        room -= entry.size;
      } else {
        removed.push(entry);
        bytes += entry.size;
      }
    }
    await sweepPointers(cache);
    return { removed, kept, bytes };
  } catch (thrown) {
    throw sourceFailure(thrown, root);
  }
}

/** Takes away as much as it takes to free so many bytes, if there is so much that nobody uses. */
export async function makeRoom(root: string, bytes: number): Promise<void> {
  const total = (await cacheList(root)).reduce((sum, { size }) => sum + size, 0);
  await cacheGc(root, { maxBytes: Math.max(0, total - bytes) });
}

/** Reads every blob; one that is not what its name says is removed and reported. Rejects with the signal's reason. */
export async function cacheVerify(
  root: string,
  signal: AbortSignal,
  progress: (entry: CacheEntry, isGood: boolean) => void = () => {},
): Promise<{ readonly good: readonly CacheEntry[]; readonly bad: readonly CacheEntry[] }> {
  const cache = await Cache.open(root);
  const good: CacheEntry[] = [];
  const bad: CacheEntry[] = [];
  for (const entry of await cacheList(root)) {
    signal.throwIfAborted();
    const isGood = await cache.isWhole(entry.digest, signal);
    if (!isGood) await cache.drop(entry.digest);
    (isGood ? good : bad).push(entry);
    progress(entry, isGood);
  }
  return { good, bad };
}

async function entryOf(cache: Cache, of: Digest): Promise<CacheEntry | undefined> {
  try {
    const { size, mtime } = await stat(cache.directory.blob(of));
    const kept = await readJson(cache.directory.record(of), parseKept);
    const used = kept === undefined ? mtime : (await stat(cache.directory.record(of))).mtime;
    return {
      digest: of,
      size,
      from: kept?.from ?? "unknown",
      filename: kept?.filename ?? "unknown",
      added: kept?.added ?? mtime.toISOString(),
      used: used.toISOString(),
      inUse: await isUsed(cache, of),
    };
  } catch (thrown) {
    if (errno(thrown) === "ENOENT") return undefined;
    throw sourceFailure(thrown, cache.directory.root);
  }
}

async function isUsed(cache: Cache, of: Digest): Promise<boolean> {
  for (const path of await cache.usesOf(of)) {
    if (!(await isAbandoned(path))) return true;
    await rm(path, { force: true });
  }
  return false;
}

/** Takes a blob away, unless a process works with it. @throws Failure source.io */
export async function evictUnused(cache: Cache, of: Digest): Promise<void> {
  try {
    if (await isUsed(cache, of)) return;
    await evict(cache, of);
    await sweepPointers(cache);
  } catch (thrown) {
    throw sourceFailure(thrown, cache.directory.root);
  }
}

/** Moved aside first: whoever takes it into use meanwhile is seen by the second look, and gets it back. */
async function evict(cache: Cache, of: Digest): Promise<boolean> {
  const { directory } = cache;
  const aside = join(directory.blobs, `.${hexOf(of)}.${randomUUID()}`);
  await rename(directory.blob(of), aside);
  if (await isUsed(cache, of)) {
    await rename(aside, directory.blob(of));
    return false;
  }
  await rm(directory.record(of), { force: true });
  await rm(aside, { force: true });
  return true;
}

/** What killed processes have left. Answers the bytes. */
async function sweep(cache: Cache, age: number, now: Date): Promise<number> {
  const { directory } = cache;
  let bytes = 0;
  const old = async (path: string, atLeast: number): Promise<void> => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || now.getTime() - found.mtimeMs < atLeast) return;
    bytes += found.size;
    await rm(path, { force: true });
  };
  for (const name of await namesIn(directory.partials)) {
    const lock = join(directory.locks, name.replace(/\.json$/, ""));
    const isHeld = (await stat(lock).catch(() => undefined)) !== undefined && !(await isAbandoned(lock));
    if (!isHeld) await old(join(directory.partials, name), age);
  }
  for (const name of await namesIn(directory.uses)) {
    const path = join(directory.uses, name);
    if (await isAbandoned(path)) await rm(path, { force: true });
  }
  for (const name of await namesIn(directory.blobs))
    if (name.startsWith(".")) await old(join(directory.blobs, name), HOUR);
  for (const name of await namesIn(directory.scratch)) await old(join(directory.scratch, name), HOUR * 24);
  return bytes;
}

const HOUR = 3600_000;

/** Pointers to blobs that are gone. */
async function sweepPointers(cache: Cache): Promise<void> {
  const { directory } = cache;
  for (const name of await namesIn(directory.pointers)) {
    const path = join(directory.pointers, name);
    const pointer = await readJson(path, parsePointer);
    if (pointer !== undefined && (await stat(directory.blob(pointer.digest)).catch(() => undefined)) === undefined)
      await rm(path, { force: true });
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    if (errno(thrown) === "ENOENT") return [];
    throw sourceFailure(thrown, directory);
  }
}
