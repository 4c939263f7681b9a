import { randomBytes } from "node:crypto";
import { identity } from "../disk/process.ts";
import type { Event } from "../model/event.ts";
import type { Address } from "../model/name.ts";
import type { Holder, Recorded, State } from "../model/state.ts";
import type { Changes } from "./changes.ts";
import { showState } from "./document.ts";
import { acquireLock } from "./lock.ts";
import { replay } from "./replay.ts";
import type { Storage } from "./storage.ts";
import { Writer } from "./writer.ts";

interface StoreOptions {
  readonly storage: Storage;
  /** What the state is opened for, as a holder of the lock is shown: "apply". */
  readonly operation: string;
  /** False: no lock is taken and nothing is written; every change is refused. */
  readonly write: boolean;
  readonly signal: AbortSignal;
  /** Seconds to wait for a lock that another user holds; none: do not wait. */
  readonly lockTimeout?: number;
  readonly now?: () => Date;
  /** What a person should know and nothing stops for. */
  readonly onNote?: (text: string) => void;
}

/**
 * An open state. It holds no secrets: callers leave sensitive values out of rows. Disposing writes the document where something
 * changed, ends the run's journal and gives the lock back; it fails when the document cannot be written, and then the journal stays
 * and the next opening reads it.
 */
export interface Store extends AsyncDisposable {
  /** As of now, with everything that was put. Its serial is one more than the document's as soon as something differs. */
  readonly state: State;
  /** The id of this run, of its journal, and of its lock. Sorts by time. */
  readonly run: string;
  /** The row of one address; costs nothing, where `state` is made again after each change. */
  recorded(address: Address): Recorded | undefined;
  /** Sets a row, or takes it away. It survives a power cut once this resolves; the cost does not depend on the size of the state. */
  put(address: Address, recorded: Recorded | undefined): Promise<void>;
  /** The same of several rows: all of them, or none. */
  putAll(changes: Changes): Promise<void>;
  /** Gives a row another address. @throws Failure state.address when there is none, or the other one has a row */
  rename(from: Address, to: Address): Promise<void>;
  /** Adds an event to the run's journal, in order, some time soon. Progress is left out. Without `write` nothing is kept. */
  record(event: Event): void;
}

/**
 * Opens a state: reads it, brings it to this version, adds what killed runs had no time to write.
 * @throws Failure state.locked, state.broken, state.journal, state.newer, and state.* where the storage fails; nothing has been
 * written then
 */
export async function openStore(opening: StoreOptions): Promise<Store> {
  const { storage, signal, onNote, now = () => new Date() } = opening;
  const holder = holderOf(opening.operation, now());
  const run = holder.id;
  if (!opening.write) {
    const { state, notes } = replay(await storage.read(signal), storage, crypto.randomUUID());
    for (const note of notes) onNote?.(note);
    return new Reader(run, state);
  }
  const lease = await acquireLock(storage, holder, { timeout: opening.lockTimeout, signal, onNote });
  try {
    const snapshot = await storage.read(signal);
    const { state, changed, open, notes } = replay(snapshot, storage, crypto.randomUUID());
    for (const note of notes) onNote?.(note);
    const tag = changed ? await lease.write(showState(state), snapshot.document?.tag) : snapshot.document?.tag;
    for (const { run: dead, bytes } of open) await lease.journal?.finish(dead, bytes);
    return new Writer(lease, holder, { state, tag }, { now, onNote });
  } catch (error) {
    // What went wrong first is what is reported; a lock that stays is taken over when this process has gone.
    await Promise.resolve(lease[Symbol.asyncDispose]()).catch(() => {});
    throw error;
  }
}

/** This process as a run that begins now. */
export const holderOf = (operation: string, at: Date): Holder => ({
  ...identity(),
  id: runId(at),
  operation,
  since: at.toISOString(),
});

let last = { stamp: "", chosen: 0n };

/** `20260301T101500.123Z-3f9a1c20b7`. Of two that one process makes within a millisecond, the later one sorts behind the earlier one. */
function runId(at: Date): string {
  const stamp = at.toISOString().replace(/[-:]/g, "");
  const chosen = stamp === last.stamp ? last.chosen + 1n : BigInt(`0x${randomBytes(5).toString("hex")}`) >> 1n;
  last = { stamp, chosen };
  return `${stamp}-${chosen.toString(16).padStart(10, "0")}`;
}

/** A state that was opened to be read. */
class Reader implements Store {
  readonly run: string;
  readonly state: State;
  constructor(run: string, state: State) {
    this.run = run;
    this.state = state;
  }
  recorded(address: Address): Recorded | undefined {
    return Object.hasOwn(this.state.images, address) ? this.state.images[address] : undefined;
  }
  async put(): Promise<void> {
    throw new Error("this state was opened read-only");
  }
  putAll = this.put;
  rename = this.put;
  record(): void {}
  async [Symbol.asyncDispose](): Promise<void> {}
}
