import { Failure } from "../failure.ts";
import type { Holder, State } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import { parseState, showState } from "./document.ts";
import { acquireLock, type LockOptions } from "./lock.ts";
import { replay } from "./replay.ts";
import type { StateLock, Storage, StoredSnapshot } from "./storage.ts";

// At every moment one place has the state. The new place first gets it as "arriving", which no run accepts; then the old one is
// replaced by a note of where it went; then the new one becomes the state. A move that was interrupted is finished by the same command.

/** A place as it was found. */
interface Found {
  readonly lease: StateLock;
  readonly snapshot: StoredSnapshot;
}

/** Moves a state, with the past runs that the new place can keep. @throws Failure state.* */
export async function migrate(
  from: Storage,
  to: Storage,
  me: Holder,
  lockOptions: LockOptions,
): Promise<{ readonly state: State; readonly runs: number }> {
  if (from.where === to.where) throw new Failure("state.migrate", `the state is already in ${to.where}`);
  await using stack = new AsyncDisposableStack();
  const place = async (storage: Storage): Promise<Found> => {
    const lease = stack.use(await acquireLock(storage, me, lockOptions));
    return { lease, snapshot: await storage.read(lockOptions.signal) };
  };
  const [source, target] = [await place(from), await place(to)];
  const arrived = arriving(target.snapshot, from);
  if (movedTo(source.snapshot) === to.where && arrived !== undefined) {
    // Everything but the last step had been done.
    const state = { ...arrived, serial: arrived.serial + 1 };
    await target.lease.write(showState(state), target.snapshot.document?.tag);
    return { state, runs: 0 };
  }
  const { state, changed, open } = replay(source.snapshot, from, me.id);
  const before = source.snapshot.document;
  if (before === undefined && !changed)
    throw new Failure("state.migrate", `there is no state in ${from.where} to move`, {
      hint: `nothing was applied yet: set state = ${JSON.stringify(to.where)} in [settings]`,
    });
  if (arrived === undefined && !isFree(target.snapshot, state.lineage)) throw taken(to);
  const settled = changed ? await source.lease.write(showState(state), before?.tag) : before?.tag;
  for (const { run, bytes } of open) await source.lease.journal?.finish(run, bytes);
  const note = (facts: Readonly<Record<string, unknown>>) => `${JSON.stringify(facts)}\n`;
  const { lineage, serial } = state;
  const came = note({ arriving: from.where, version: state.version, lineage, serial, state });
  const tag = await target.lease.write(came, target.snapshot.document?.tag);
  const runs = await copyRuns(from, target.lease, lockOptions.signal);
  // GitLab takes each serial once.
  const moved = { ...state, serial: serial + 1 };
  await source.lease.write(note({ moved: to.where, version: state.version, lineage, serial: serial + 1 }), settled);
  await target.lease.write(showState(moved), tag);
  return { state: moved, runs };
}

async function copyRuns(from: Storage, { journal }: StateLock, signal: AbortSignal): Promise<number> {
  if (journal === undefined) return 0;
  let copied = 0;
  for (const { run, open } of await from.runs(signal)) {
    const text = open ? undefined : await from.readRun(run, signal);
    if (text === undefined || text === "") continue;
    await journal.append(run, text, true);
    await journal.finish(run);
    copied++;
  }
  return copied;
}

function noteIn({ document }: StoredSnapshot): Readonly<Record<string, unknown>> | undefined {
  // What was read as a state is no note.
  if (document?.text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(document.text);
    return isTable(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const movedTo = (snapshot: StoredSnapshot): unknown => noteIn(snapshot)?.["moved"];

/** The state that a former try brought here from that place. */
function arriving(snapshot: StoredSnapshot, from: Storage): State | undefined {
  const value = noteIn(snapshot);
  if (value?.["arriving"] !== from.where) return undefined;
  return parseState(JSON.stringify(value["state"]), from);
}

/** Nothing is there, or the note that this very state was there once. */
function isFree(snapshot: StoredSnapshot, lineage: string): boolean {
  if (snapshot.document === undefined) return snapshot.open.length === 0;
  const value = noteIn(snapshot);
  return typeof value?.["moved"] === "string" && value["lineage"] === lineage;
}

const taken = (to: Storage): Failure =>
  new Failure("state.migrate", `there is already a state in ${to.where}`, {
    hint: "choose a location without one; two states are never merged",
  });
