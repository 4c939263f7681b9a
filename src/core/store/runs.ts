import type { JournalEntry, Outcome } from "../model/event.ts";
import { decode, parseJournal } from "./journal.ts";
import type { Storage } from "./storage.ts";

/** A run that the journals remember. */
export interface Run {
  readonly id: string;
  readonly operation: string;
  readonly user: string;
  readonly host: string;
  /** RFC 3339. */
  readonly started: string;
  /** `ended`: without telling how. `running`: it holds the lock. `killed`: it had no time to end. */
  readonly status: Outcome | "ended" | "running" | "killed";
}

/** The past runs, newest first. A journal that cannot be read is left out. */
export async function runs(storage: Storage, signal: AbortSignal): Promise<readonly Run[]> {
  const holder = await storage.holder(signal).catch(() => undefined);
  const listed = await storage.runs(signal);
  return listed.toReversed().flatMap(({ run, open, first, last }): Run[] => {
    const head = decode(first);
    if (head === undefined || !("begin" in head)) return [];
    const { operation, user, host } = head.begin;
    const tail = decode(last);
    const status =
      tail !== undefined && "end" in tail
        ? (tail.end.outcome ?? "ended")
        : open && holder?.id === run
          ? "running"
          : "killed";
    return [{ id: run, operation, user, host, started: head.at, status }];
  });
}

/** What a run said, in order; undefined when the storage does not remember it. @throws Failure state.journal */
export async function readRun(
  storage: Storage,
  run: string,
  signal: AbortSignal,
): Promise<readonly JournalEntry[] | undefined> {
  const text = await storage.readRun(run, signal);
  if (text === undefined) return undefined;
  return parseJournal(text, run, `${storage.where}, run ${run}`).lines.flatMap((line) =>
    "event" in line ? [{ seq: line.seq, at: line.at, event: line.event }] : [],
  );
}
