import { gunzipSync, gzipSync } from "node:zlib";
import type { Holder } from "../../model/state.ts";
import { isTable } from "../../model/value.ts";
import { encode } from "../journal.ts";
import { KEPT_RUNS, KEPT_VERSIONS, type ListedRun } from "../storage.ts";
import { timeOf, versionId } from "../versions.ts";

// The protocol keeps one document. Former ones and the last runs are therefore in the document itself, as its last key, and go with it.

/** A former document: when it was replaced and which one it was, and its text, packed. */
interface KeptVersion {
  readonly id: string;
  readonly gz: string;
}

interface KeptRun {
  readonly run: string;
  readonly operation: string;
  readonly user: string;
  readonly host: string;
  /** RFC 3339. */
  readonly began: string;
  readonly wrote: string;
  readonly serial: number;
}

export interface Archive {
  readonly versions: readonly KeptVersion[];
  readonly runs: readonly KeptRun[];
}

const KEY = ',"archive":';
/** Characters of former documents that are kept in any case; beyond that, as many as the document itself has. */
const LEAST = 64 << 10;

const NONE: Archive = { versions: [], runs: [] };

/** A document as the server has it: the text that was written, and what is kept with it. What is no such document is all text. */
export function unpack(full: string): { readonly text: string; readonly archive: Archive } {
  const cut = full.lastIndexOf(KEY);
  const value = cut < 0 ? undefined : parsed(full.slice(cut + KEY.length, full.lastIndexOf("}")));
  if (isArchive(value)) return { text: `${full.slice(0, cut)}}\n`, archive: value };
  // Some servers lay JSON out in their own way.
  const whole = /"archive"/.test(full) ? parsed(full) : undefined;
  if (!isTable(whole) || !isArchive(whole["archive"])) return { text: full, archive: NONE };
  const { archive, ...document } = whole;
  return { text: `${JSON.stringify(document, undefined, 2)}\n`, archive };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The document for the server; one that is no table goes as it is. */
export function pack(text: string, archive: Archive): string {
  const end = text.lastIndexOf("}");
  const isBare = archive.versions.length === 0 && archive.runs.length === 0;
  if (end < 0 || isBare || text.slice(end) !== "}\n") return text;
  return `${text.slice(0, end)}${KEY}${JSON.stringify(archive)}}\n`;
}

/** With the document that a run is about to replace, once a run. `size`: characters of the new one. */
export function withVersion({ versions, runs }: Archive, former: string, tag: string, size: number): Archive {
  const last = versions.at(-1)?.id;
  const at = new Date(Math.max(Date.now(), last === undefined ? 0 : Date.parse(timeOf(last)) + 1));
  const all = [...versions, { id: versionId(at, tag), gz: gzipSync(former).toString("base64") }].slice(-KEPT_VERSIONS);
  const most = Math.max(LEAST, size);
  let room = all.reduce((sum, { gz }) => sum + gz.length, 0);
  while (room > most && all.length > 1) room -= all.shift()?.gz.length ?? 0;
  return { runs, versions: all };
}

/** With the run that writes now. */
export function withRun({ versions, runs }: Archive, me: Holder, serial: number): Archive {
  const { id: run, operation, user, host, since: began } = me;
  const now = { run, operation, user, host, began, wrote: new Date().toISOString(), serial };
  return { versions, runs: [...runs.filter((one) => one.run !== run), now].slice(-KEPT_RUNS) };
}

/** The lines of a run, as its journal would have them; how it ended is not known. `isOpen`: it has not. */
export function linesOf(
  { run, operation, user, host, began, wrote, serial }: KeptRun,
  isOpen: boolean,
): readonly string[] {
  const begin = { run, version: 1, lineage: "", serial: 0, operation, user, host };
  const first = encode(1, began, { begin });
  return isOpen ? [first] : [first, encode(2, wrote, { end: { serial } })];
}

export const listed = (kept: KeptRun, isOpen: boolean): ListedRun => {
  const lines = linesOf(kept, isOpen).map((line) => line.trimEnd());
  return { run: kept.run, open: isOpen, first: lines[0] ?? "", last: lines.at(-1) ?? "" };
};

/** The text of a former document; undefined when it is not there, or damaged. */
export function versionIn({ versions }: Archive, id: string): string | undefined {
  const found = versions.find((one) => one.id === id);
  try {
    return found && gunzipSync(Buffer.from(found.gz, "base64")).toString();
  } catch {
    return undefined;
  }
}

const hasTexts = (value: unknown, keys: readonly string[]): boolean =>
  isTable(value) && keys.every((key) => typeof value[key] === "string");

function isArchive(value: unknown): value is Archive {
  if (!isTable(value) || !Array.isArray(value["versions"]) || !Array.isArray(value["runs"])) return false;
  const isRun = (one: unknown) =>
    hasTexts(one, ["run", "operation", "user", "host", "began", "wrote"]) &&
    isTable(one) &&
    typeof one["serial"] === "number";
  return value["versions"].every((one) => hasTexts(one, ["id", "gz"])) && value["runs"].every(isRun);
}
