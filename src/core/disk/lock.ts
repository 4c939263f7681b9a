import { link, readFile, rename, rm, unlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import type { Holder } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import { identity, isDead, probe } from "./process.ts";
import { diskFailure, errno, noLinks } from "./reason.ts";
import { createFile } from "./write.ts";

// A lock is a file that says who holds it. It appears whole (link), and it goes away or changes hands only by the hand of its holder or
// of the one process that has locked the right to do that: `LOCK.ID`, a lock of the same kind, where ID is the holder that it is
// taken from. Ids are never used twice, so a late claim finds another holder and leaves the lock alone.

/**
 * Tries to make the lock ours. Answers who holds it, or undefined: we do. The lock of a dead process of this host is taken over.
 * @throws Failure disk.lock when the file does not say who holds it; disk.* when it cannot be written
 */
export async function claim(path: string, me: Holder): Promise<Holder | undefined> {
  const own = `${path}.${me.id}.new`;
  try {
    for (let turn = 0; ; turn++) {
      const found = await placed(own, path, me);
      if (found === undefined) return undefined;
      if (!isDead(found, identity(), probe)) return found;
      const right = `${path}.${found.id}`;
      const other = await claim(right, me);
      if (other === undefined) {
        try {
          if ((await readHolder(path))?.id !== found.id) continue;
          await ready(own, me);
          if (await replaced(own, path)) return undefined;
          continue;
        } finally {
          await giveBack(right);
        }
      }
      // Another process is taking it over; soon it is the holder.
      if (turn > 100) return other;
      await sleep(5 + Math.random() * 20);
    }
  } catch (error) {
    throw diskFailure(error, path);
  } finally {
    await rm(own, { force: true }).catch(() => {});
  }
}

/** Removes the lock that `id` holds; false when `id` does not hold it. `me`: who does this. */
export async function release(path: string, id: string, me: Holder): Promise<boolean> {
  try {
    if ((await readHolder(path))?.id !== id) return false;
    const right = `${path}.${id}`;
    if (id !== me.id || !(await linked(path, right))) await claimRight(path, right, me);
    try {
      if ((await readHolder(path))?.id !== id) return false;
      await unlink(path);
      return true;
    } finally {
      await giveBack(right);
    }
  } catch (error) {
    throw diskFailure(error, path);
  }
}

/** It may be gone: the next holder of the lock removes what it takes for a leftover of its predecessor (tidy). */
const giveBack = (right: string): Promise<void> => rm(right, { force: true });

/** Gives our own lock the name of the right to remove it as well: a full disk has room for that. */
async function linked(path: string, right: string): Promise<boolean> {
  try {
    await link(path, right);
    return true;
  } catch (error) {
    if (errno(error) === "EEXIST" || errno(error) === "ENOENT") return false;
    throw error;
  }
}

async function claimRight(path: string, right: string, me: Holder): Promise<void> {
  for (let turn = 0; ; turn++) {
    const other = await claim(right, me);
    if (other === undefined) return;
    if (turn > 100)
      throw new Failure("disk.locked", `${path} is being taken over by ${show(other)}`, {
        hint: `try again; if that process no longer exists, remove ${right}`,
      });
    await sleep(5 + Math.random() * 20);
  }
}

/** Who holds the lock; undefined if it is free. @throws Failure disk.lock when the file does not say it */
export async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return undefined;
    throw diskFailure(error, path);
  }
  const holder = parseHolder(text);
  if (holder !== undefined) return holder;
  throw new Failure("disk.lock", `${path} exists, but does not name the holder of the lock`, {
    hint: `if no other run is active, remove ${path}`,
  });
}

export function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const TEXTS = ["id", "operation", "user", "host", "since"] as const;
const KEYS: readonly string[] = [...TEXTS, "pid", "started"];
/** Has `value` all that a lock file says of its holder, and nothing beside it? */
export const isHolder = (value: unknown): value is Holder =>
  isTable(value) &&
  Object.keys(value).every((key) => KEYS.includes(key)) &&
  TEXTS.every((key) => typeof value[key] === "string") &&
  Number.isSafeInteger(value["pid"]) &&
  Number(value["pid"]) >= 0 &&
  (value["started"] === undefined || typeof value["started"] === "string");

/** `alice@build-1, process 4711, for apply, since 2026-03-01T10:00:00Z`; without what a server does not tell. */
export const show = ({ user, host, pid, operation, since }: Holder): string =>
  [
    host === "" ? user : `${user}@${host}`,
    pid === 0 ? "" : `process ${pid}`,
    operation === "" ? "" : `for ${operation}`,
    since === "" ? "" : `since ${since}`,
  ]
    .filter((part) => part !== "")
    .join(", ");

/** Puts our lock where none is; answers who holds the one that is. */
async function placed(own: string, path: string, me: Holder): Promise<Holder | undefined> {
  for (;;) {
    // First a look: those who wait write nothing.
    const found = await readHolder(path);
    if (found !== undefined) return found;
    await ready(own, me);
    try {
      await link(own, path);
      return undefined;
    } catch (error) {
      // EEXIST: another was quicker. ENOENT: the file was removed meanwhile and is written again.
      if (errno(error) !== "EEXIST" && errno(error) !== "ENOENT") throw unlinkable(error, path);
    }
  }
}

/** Puts our lock in the place of the one that is there; false when our file was tidied away. */
async function replaced(own: string, path: string): Promise<boolean> {
  try {
    await rename(own, path);
    return true;
  } catch (error) {
    if (errno(error) === "ENOENT") return false;
    throw error;
  }
}

async function ready(own: string, me: Holder): Promise<void> {
  await createFile(own, `${JSON.stringify(me)}\n`).catch((error: unknown) => {
    if (errno(error) !== "EEXIST") throw error;
  });
}

function unlinkable(error: unknown, path: string): unknown {
  if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(errno(error) ?? "")) return error;
  return noLinks(path, error);
}
