import { randomUUID } from "node:crypto";
import { mkdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Holder } from "../model/state.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import { claim, readHolder, release, show } from "./lock.ts";
import { identity, life, probe } from "./process.ts";
import { diskFailure, errno } from "./reason.ts";

/** Milliseconds between two signs of life of a holder. */
const BEAT = 15_000;
/** A holder whose process cannot be seen from here (another host or container) is gone when it gave no sign for so long. */
const SILENCE = 10 * BEAT;

/** A file that says that this process works on something; it is removed at the end. */
export interface DirectoryLease extends AsyncDisposable {
  readonly path: string;
}

/** What this process calls itself in its lock files; every lease has an id of its own. */
const holder = (operation: string): Holder => ({
  id: randomUUID(),
  operation,
  ...identity(),
  since: new Date().toISOString(),
});

/**
 * Waits until the lock is held. The lock of a process that is gone is taken over. `waiting` is told once who holds it.
 * Rejects with the signal's reason.
 */
export async function lock(
  path: string,
  operation: string,
  options: {
    readonly signal: AbortSignal;
    readonly waiting?: ((who: string) => void) | undefined;
    readonly clock?: Clock | undefined;
  },
): Promise<DirectoryLease> {
  const { signal, waiting, clock = systemClock } = options;
  const me = holder(operation);
  let isReported = false;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    for (;;) {
      signal.throwIfAborted();
      const other = await claim(path, me);
      if (other === undefined) return beating(path, async () => void (await release(path, me.id, me)));
      if (await isSilent(path, other)) {
        await release(path, other.id, me);
        continue;
      }
      if (!isReported) waiting?.(show(other));
      isReported = true;
      await clock.sleep(50 + Math.random() * 100, signal);
    }
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    throw diskFailure(thrown, path);
  }
}

/** Writes a lease without contention; `path` is unique to this process. */
export async function createLease(path: string, operation: string): Promise<DirectoryLease> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, `${JSON.stringify(holder(operation))}\n`, { flag: "wx", mode: 0o600 });
  return beating(path, () => rm(path, { force: true }));
}

/** Is the holder of this lease certainly, or as good as certainly, gone? False for a file that is no lease. */
export async function isAbandoned(path: string): Promise<boolean> {
  const other = await readHolder(path).catch(() => undefined);
  if (other === undefined) return await hasBeenSilent(path);
  return life(other, identity(), probe) === "dead" || (await isSilent(path, other));
}

async function isSilent(path: string, other: Holder): Promise<boolean> {
  return life(other, identity(), probe) === "elsewhere" && (await hasBeenSilent(path));
}

async function hasBeenSilent(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > SILENCE;
  } catch (error) {
    if (errno(error) === "ENOENT") return false;
    throw error;
  }
}

function beating(path: string, end: () => Promise<void>): DirectoryLease {
  const timer = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => undefined);
  }, BEAT);
  timer.unref();
  return {
    path,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await end();
    },
  };
}
