import { Failure } from "../failure.ts";
import { type Address, parseAddress } from "../model/name.ts";
import { type Recorded, STATE_VERSION, type State } from "../model/state.ts";
import { type Changes, isSameRow, rowsOf, withChanges } from "./changes.ts";
import { newer, parseState, upgrade } from "./document.ts";
import { JOURNAL_HINT, type JournalRead, parseJournal, type RunBegin } from "./journal.ts";
import { isState, stateFault } from "./rows.ts";
import type { Document, Storage, StoredSnapshot } from "./storage.ts";

/** A state as it is known to be: the document, and what runs did that had no time to write it. */
interface Replayed {
  /** Its serial is the document's, or one more where the journals say more than the document. */
  readonly state: State;
  readonly changed: boolean;
  /** The runs that have not ended, and how long their journals are without a torn end. */
  readonly open: readonly { readonly run: string; readonly bytes: number }[];
  /** What a person should know. */
  readonly notes: readonly string[];
}

type At = Pick<Storage, "where" | "backup">;

/** @param lineage the one that a state gets that is not there yet */
export function replay(snapshot: StoredSnapshot, at: At, lineage: string): Replayed {
  const journals = snapshot.open
    .map(({ run, text }) => ({ run, read: parseJournal(text, run, `${at.where}, run ${run}`) }))
    .sort((a, b) => (a.read.begin?.serial ?? 0) - (b.read.begin?.serial ?? 0) || (a.run < b.run ? -1 : 1));
  const document = snapshot.document === undefined ? undefined : stateIn(snapshot.document, at);
  const notes: string[] = [];
  let base = document;
  const puts = new Map<Address, Recorded | undefined>();
  for (const { run, read } of journals) {
    // Killed before its first line was whole: it has said nothing.
    if (read.begin === undefined) continue;
    const own = putsOf(read, read.begin, run, at);
    if (own.size === 0) continue;
    const refused = strange(read.begin, base);
    if (refused !== undefined) {
      notes.push(`the journal of run ${run} is ignored: ${refused}`);
      continue;
    }
    if (base === undefined && read.begin.serial > 0)
      notes.push(`the state is gone; ${own.size} rows of it are known from the journal of run ${run}`);
    base ??= { version: STATE_VERSION, lineage: read.begin.lineage, serial: read.begin.serial, images: {} };
    base = { ...base, serial: Math.max(base.serial, read.begin.serial) };
    for (const [key, row] of own) puts.set(key, row);
  }
  base ??= { version: STATE_VERSION, lineage, serial: 0, images: {} };
  const changed = [...puts].some(([key, row]) => !isSameRow(document?.images[key], row));
  return {
    state: changed ? { ...base, serial: base.serial + 1, images: withChanges(base.images, puts) } : (document ?? base),
    changed,
    open: journals.map(({ run, read: { bytes } }) => ({ run, bytes })),
    notes,
  };
}

const stateIn = (document: Document, at: At): State =>
  document.text === undefined ? document.state : parseState(document.text, at);

/**
 * Why a journal is none of this document's. A run raises the serial at most by one, at its very end, and the next run reads the
 * journal before it starts; so a document that is further on was put there by hand. One that is less far on was brought back from a
 * backup: the rows of the journal are newer, and each means itself.
 */
function strange(begin: RunBegin, document: State | undefined): string | undefined {
  if (document === undefined) return undefined;
  if (begin.lineage !== document.lineage) return "it belongs to another state";
  return document.serial > begin.serial + 1 ? "the state has changed since" : undefined;
}

/** The last word of a journal on each address, in the form of this version. */
function putsOf(read: JournalRead, begin: RunBegin, run: string, at: At): Changes {
  const rows = new Map(read.lines.flatMap((line) => ("put" in line ? Object.entries(line.put) : [])));
  const { version, lineage, serial } = begin;
  if (version > STATE_VERSION) throw newer(`the journal of run ${run}`, version, at.where);
  // As a document of its own, so that the same upgrades and the same checks hold.
  const images = Object.fromEntries([...rows].filter(([, row]) => row !== null));
  const state = upgrade({ version, lineage, serial, images }, at);
  const gone = [...rows.keys()].filter((key) => rows.get(key) === null).map(parseAddress);
  if (isState(state) && !gone.includes(undefined))
    return new Map([
      ...rowsOf(state.images),
      ...gone.flatMap((key): [Address, undefined][] => (key === undefined ? [] : [[key, undefined]])),
    ]);
  const fault = stateFault(state);
  const row = fault?.path[1] ?? "a row";
  throw new Failure(
    "state.journal",
    `the journal of run ${run} is broken: ${row}: ${fault?.message ?? "no address"} (${at.where})`,
    {
      hint: JOURNAL_HINT,
    },
  );
}
