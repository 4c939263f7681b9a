import { shortDigest } from "../../core/model/digest.ts";
import type { JournalEntry } from "../../core/model/event.ts";
import type { Address } from "../../core/model/name.ts";
import type { Content } from "../../core/model/source.ts";
import type { Recorded, State } from "../../core/model/state.ts";
import type { Run } from "../../core/store/runs.ts";
import { bytes, duration } from "./format.ts";
import { endLine, logLines } from "./log.ts";
import { shortened } from "./step.ts";
import { none, type View } from "./style.ts";
import { cells, pad, printable, table, wrap } from "./text.ts";
import { inline, key } from "./values.ts";

/** What the state knows, a line an address; empty text where it knows nothing is said in words. */
export function renderState(state: State, { style, columns }: View): string {
  const rows = Object.entries(state.images).sort(([a], [b]) => (a < b ? -1 : 1));
  if (rows.length === 0) return "The state has no images.\n";
  const head = ["ADDRESS", "STATUS", "ID", "PLUGIN", "MADE FROM"];
  const lines = table(
    [
      head,
      ...rows.map(([at, row]) => [at, row.status, row.id ?? "", row.plugin, row.content?.where ?? ""].map(printable)),
    ],
    columns,
  );
  return `${lines.map((line, i) => (i === 0 ? style.strong(line) : line)).join("\n")}\n`;
}

const statusOf = (row: Recorded): string => (row.status === "ready" ? "ready" : `${row.status} (unfinished)`);

/** All that the state knows of one address. Sensitive values are not in it. */
export function renderRecorded(address: Address, row: Recorded, view: View): string {
  const { content, plugin, protect, onRemove, retained = [] } = row;
  const digests = "digests" in row ? Object.values(row.digests ?? {}) : [];
  const facts: readonly (readonly [string, string])[] = [
    ["status", statusOf(row)],
    ...(row.id === undefined ? [] : [["id", inline(row.id)] as const]),
    ...("next" in row && row.next !== undefined ? [["next", inline(row.next)] as const] : []),
    ["plugin", inline(plugin)],
    ["protect", String(protect)],
    ["on_remove", inline(onRemove)],
    ...(content === undefined ? [] : [["made_from", contentText(content)] as const]),
    ...digests.map((digest): readonly [string, string] => ["digest", printable(digest)]),
    ...retained.map(({ id, replaced, status }): readonly [string, string] => [
      "retained",
      printable(`${id}, replaced ${replaced}, ${status}`),
    ]),
  ];
  const values = "have" in row ? row.have : row.want;
  const shown = Object.entries(values).map(([name, value]): readonly [string, string] => [key(name), inline(value)]);
  return `${[
    view.style.strong(printable(address)),
    ...aligned(facts, view),
    ...(shown.length === 0
      ? []
      : ["", view.style.strong("have" in row ? "attributes" : "wanted"), ...aligned(shown, view)]),
  ].join("\n")}\n`;
}

function aligned(rows: readonly (readonly [string, string])[], { columns }: View): string[] {
  const width = Math.min(24, Math.max(...rows.map(([name]) => cells(name))));
  return rows.flatMap(([name, text]) => wrap(`  ${pad(name, width)} = `, text, columns));
}

function contentText({ where, digest, size, resolved, validators }: Content): string {
  const facts = [
    ...(size === undefined ? [] : [bytes(size)]),
    ...(digest === undefined ? [] : [shortDigest(digest)]),
    ...(resolved === undefined ? [] : [shortened(printable(resolved))]),
    ...(validators?.etag === undefined ? [] : [`etag ${printable(validators.etag)}`]),
  ];
  return `${printable(where)}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`;
}

/** The past runs, newest first. */
export function renderRuns(runs: readonly Run[], { style, columns }: View): string {
  if (runs.length === 0) return "The run history is empty.\n";
  const rows = runs.map(({ id, started, operation, status, user, host }) => [
    id,
    started.replace(/\.\d+Z$/, "Z"),
    operation,
    status,
    `${user}@${host}`,
  ]);
  const lines = table(
    [["RUN", "STARTED", "COMMAND", "STATUS", "BY"], ...rows.map((row) => row.map(printable))],
    columns,
  );
  return `${lines.map((line, i) => (i === 0 ? style.strong(line) : line)).join("\n")}\n`;
}

/** What a run said, as its log had it, with the time from its beginning before each line. */
export function renderRun(entries: readonly JournalEntry[], { columns }: View): string {
  const began = Date.parse(entries[0]?.at ?? "");
  let command: Parameters<typeof endLine>[1];
  const lines = entries.flatMap(({ at, event }) => {
    if (event.type === "run.started") command = event.command;
    const end = event.type === "run.done" ? endLine(event, command, { style: none }) : undefined;
    const eventLines = end === undefined ? logLines(event, { style: none }) : [end.trim()];
    const since = Date.parse(at) - began;
    const lead = pad(Number.isNaN(since) ? "" : duration(since), 8);
    return eventLines.flatMap((line) => wrap(lead, printable(line), columns));
  });
  const [first] = entries;
  const head =
    first?.event.type === "run.started" ? [`${first.event.command} ${first.event.run}, ${first.event.at}`] : [];
  return `${[...head.map(printable), ...lines].join("\n")}\n`;
}
