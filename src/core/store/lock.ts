import { setTimeout as sleep } from "node:timers/promises";
import { show } from "../disk/lock.ts";
import { identity, life, probe } from "../disk/process.ts";
import { Failure } from "../failure.ts";
import type { Holder } from "../model/state.ts";
import type { StateLock, Storage } from "./storage.ts";

export interface LockOptions {
  /** Seconds to wait for a lock that another user holds; none: do not wait. */
  readonly timeout?: number | undefined;
  readonly signal: AbortSignal;
  /** Called once for every holder that is waited for. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/** Takes the lock, waiting for it if need be. @throws Failure state.locked; the signal's reason */
export async function acquireLock(
  storage: Storage,
  me: Holder,
  { timeout = 0, signal, onNote }: LockOptions,
): Promise<StateLock> {
  const start = performance.now();
  let reported: string | undefined;
  for (let pause = 50; ; pause = Math.min(pause * 1.5, storage.pause ?? 500)) {
    signal.throwIfAborted();
    const answer = await storage.lock(me, signal);
    if ("lease" in answer) return answer.lease;
    const left = start + timeout * 1000 - performance.now();
    if (left <= 0) throw locked(storage, answer.holder, timeout);
    if (reported !== answer.holder.id) onNote?.(`waiting for the lock of the state, held by ${show(answer.holder)}`);
    reported = answer.holder.id;
    await sleep(Math.min(left, pause * (0.5 + Math.random())), undefined, { signal }).catch(() =>
      signal.throwIfAborted(),
    );
  }
}

function locked(storage: Storage, holder: Holder, timeout: number): Failure {
  const waited = timeout > 0 ? ` after ${timeout} s` : "";
  return new Failure("state.locked", `the state is still locked${waited} by ${show(holder)} (${storage.where})`, {
    retry: true,
    hint: `wait for it, or pass --lock-timeout; if that run no longer exists: images unlock ${holder.id}`,
  });
}

/**
 * Removes the lock that `id` holds, for a person who knows that its holder is gone.
 * @throws Failure state.unlock when nothing is locked, another one holds it, or its holder is alive on this host and not `force`
 */
export async function forceUnlock(
  storage: Storage,
  id: string,
  { force = false, signal }: { readonly force?: boolean; readonly signal: AbortSignal },
): Promise<Holder> {
  const holder = await storage.holder(signal);
  if (holder === undefined) throw new Failure("state.unlock", `${storage.where} is not locked`);
  if (holder.id !== id)
    throw new Failure(
      "state.unlock",
      `${id} does not hold the lock of ${storage.where}: it is held by ${show(holder)}`,
      {
        hint: `if that run no longer exists: images unlock ${holder.id}`,
      },
    );
  if (!force && life(holder, identity(), probe) === "alive")
    throw new Failure("state.unlock", `the run that holds the lock is still active: ${show(holder)}`, {
      hint: `end process ${holder.pid} first; --force releases the lock anyway, and that run fails at its next step`,
    });
  if (!(await storage.unlock(id, signal)))
    throw new Failure("state.unlock", `${id} has just released the lock of ${storage.where}`);
  return holder;
}
