import { Failure } from "../failure.ts";
import type { Event, Outcome } from "../model/event.ts";
import { isTable } from "../model/value.ts";
import { count, type Rule, table, text, wrong } from "./shape.ts";

// A journal is one JSON a line. `seq` counts its lines from 1 without a gap; `crc` is the CRC-32 of the line up to it. The first line
// says whose run it is; a line of rows counts whole or not at all.

/** The first line: the run, and the document that it started from. Serial 0: there was none. */
export interface RunBegin {
  readonly run: string;
  /** The version of the state whose rows are in here. */
  readonly version: number;
  readonly lineage: string;
  readonly serial: number;
  readonly operation: string;
  readonly user: string;
  readonly host: string;
}
/** Rows as they are from here on, by address; null: the row is gone. */
type Rows = Readonly<Record<string, unknown>>;
/** The last line of a run that was not killed. `outcome`: as the run itself has reported it. */
interface End {
  readonly serial: number;
  readonly outcome?: Outcome;
}
export type RunEntry =
  | { readonly begin: RunBegin }
  | { readonly put: Rows }
  | { readonly event: Event }
  | { readonly end: End };
type JournalLine = RunEntry & {
  readonly seq: number;
  /** RFC 3339. */
  readonly at: string;
};

/** What a journal says, as far as it was written whole. */
export interface JournalRead {
  /** None: the process was killed before its first line was whole. */
  readonly begin?: RunBegin;
  readonly lines: readonly JournalLine[];
  /** Its length without the line that was being written when the process was killed. */
  readonly bytes: number;
}

export const JOURNAL_HINT =
  "move the journal away to use the state before that run; the images that it created are found by their markers";

/** A line, with its newline. */
export const encode = (seq: number, at: string, said: RunEntry): string => encodeText(seq, at, textOf(said));

/** The JSON of an entry, as its line holds it. */
export const textOf = (said: RunEntry): string => JSON.stringify(said).slice(1, -1);
/** The same of rows whose JSON is there already. */
export const textOfRows = (rows: Iterable<readonly [at: string, json: string]>): string =>
  `"put":{${Array.from(rows, ([at, json]) => `${JSON.stringify(at)}:${json}`).join(",")}}`;

export function encodeText(seq: number, at: string, said: string): string {
  const body = `{"seq":${seq},"at":${JSON.stringify(at)},${said}`;
  return `${body},"crc":"${sum(body)}"}\n`;
}

const sum = (body: string): string => Bun.hash.crc32(body).toString(16).padStart(8, "0");

/**
 * Reads a journal. A last line that is not whole counts as not written.
 * @throws Failure state.journal when anything else is not as it was written; state.* never for what a killed process leaves
 */
export function parseJournal(journal: string, run: string, where: string): JournalRead {
  const whole = journal.slice(0, journal.lastIndexOf("\n") + 1);
  const texts = whole.split("\n").slice(0, -1);
  // A power cut can leave zeros for bytes that were never synced.
  while (texts.at(-1)?.includes("\0") === true) texts.pop();
  const lines = texts.map((line, i) => {
    const found = decode(line);
    if (found?.seq === i + 1 && "begin" in found === (i === 0)) return found;
    throw new Failure("state.journal", `the journal of run ${run} is damaged in line ${i + 1} (${where})`, {
      at: { file: where, line: i + 1, column: 1 },
      hint: JOURNAL_HINT,
    });
  });
  const first = lines[0];
  return {
    ...(first !== undefined && "begin" in first ? { begin: first.begin } : {}),
    lines,
    bytes: texts.reduce((bytes, line) => bytes + Buffer.byteLength(line) + 1, 0),
  };
}

const SEALED = /^(.*),"crc":"([0-9a-f]{8})"\}$/s;

/** One line without its newline; undefined when it is not as it was written. */
export function decode(line: string): JournalLine | undefined {
  const [, body, crc] = SEALED.exec(line) ?? [];
  if (body === undefined || sum(body) !== crc) return undefined;
  try {
    const value: unknown = JSON.parse(`${body}}`);
    return isLine(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const begin = table({
  run: text,
  version: count,
  lineage: text,
  serial: count,
  operation: text,
  user: text,
  host: text,
});
const record: Rule = (value) => (isTable(value) ? undefined : wrong("expected a table"));
const LINES = [
  table({ seq: count, at: text, begin }),
  table({ seq: count, at: text, put: record }),
  // What rows and events hold is the writer's promise, and the checksum says that it is still that.
  table({ seq: count, at: text, event: record }),
  table({ seq: count, at: text, end: record }),
];
const isLine = (value: unknown): value is JournalLine => LINES.some((rule) => rule(value) === undefined);
