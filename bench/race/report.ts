import { judge, type Line, type Measured, type Ratio, ratio, summed } from "./contest.ts";
import type { Cost, PartialOptions } from "./types.ts";

/** A row as it is kept: what was measured, on what, and when; or why it was not. */
export interface Kept {
  readonly name: string;
  readonly title: string;
  readonly at: string;
  /** Of the program, as git describes it. */
  readonly commit: string;
  readonly mib: number;
  readonly rounds: number;
  /** The load of the machine just before, over one minute. */
  readonly load: number;
  readonly bytes?: number;
  readonly measured?: Measured;
  readonly failed?: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: string;
  readonly kernel: string;
  readonly bun: string;
  /** Kinds of the file systems that were measured on. */
  readonly disk: string;
  readonly fast: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface Report {
  readonly version: 1;
  readonly machine: Machine;
  readonly rows: readonly Kept[];
}

/** The report with these rows in place of the older ones of the same names, in the order of `names`. */
export function merged(report: Report | undefined, machine: Machine, row: Kept, names: readonly string[]): Report {
  const others = (report?.rows ?? []).filter(({ name }) => name !== row.name);
  const rows = [...others, row].toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  const versions = { ...report?.machine.versions, ...machine.versions };
  return { version: 1, machine: { ...machine, versions }, rows };
}

const HEAD = ["row", "peer", "ours", "peer's", "ratio (rounds)", "CPU ratio", "peak ours / peer's", "goal", "met"];
const BEFORE = ["before", "ours / before"];

/** The one table, in Markdown. */
export function table(rows: readonly Kept[]): string {
  const hasBefore = rows.some(({ measured }) => (measured?.before.length ?? 0) > 0);
  const head = hasBefore ? [...HEAD, ...BEFORE] : HEAD;
  const lines = rows.flatMap((row) => cellsOf(row).map((cells) => (hasBefore ? cells : cells.slice(0, HEAD.length))));
  return [head, head.map((_, i) => (i < 2 ? "---" : "---:")), ...lines].map(joined).join("\n");
}

const joined = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

function cellsOf(row: Kept): readonly string[][] {
  const label = `${row.name}: ${row.title}`;
  const { measured, bytes } = row;
  if (measured === undefined)
    return [[label, `not measured: ${row.failed ?? ""}`, ...Array.from({ length: 9 }, () => "")]];
  return measured.lines.map((line, i) => cells(i === 0 ? label : "", line, measured, bytes));
}

function cells(label: string, line: Line, { ours, before }: Measured, bytes: number | undefined): string[] {
  const [own, other, old] = [summed(ours), summed(line.theirs), summed(before)];
  const wall = ratio(ours, line.theirs, ({ ms }) => ms);
  const cpu = ratio(ours, line.theirs, (cost) => cost.cpu);
  const verdict = judge(line.goal, ours, line.theirs);
  const gained = ratio(ours, before, ({ ms }) => ms);
  return [
    label,
    line.failed === undefined ? line.peer : `${line.peer} (not measured: ${line.failed})`,
    own === undefined ? "-" : time(own, bytes),
    other === undefined ? "-" : time(other, bytes),
    wall === undefined ? "-" : spread(wall),
    cpu === undefined ? "-" : cpu.of.toFixed(2),
    own === undefined && other === undefined ? "-" : `${mb(own)} / ${mb(other)}`,
    wanted(line.goal),
    verdict === undefined ? "-" : verdict.met ? "yes" : `no (${verdict.missed.join(", ")})`,
    old === undefined ? "-" : `${time(old, bytes)}, ${mb(old)}`,
    gained === undefined ? "-" : spread(gained),
  ];
}

const spread = ({ of, least, most }: Ratio): string => `${of.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;

function time({ ms }: Cost, bytes: number | undefined): string {
  const shown = ms < 100 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
  return bytes === undefined ? shown : `${shown} (${(bytes / 2 ** 20 / (ms / 1000)).toFixed(0)} MiB/s)`;
}

const mb = (cost: Cost | undefined): string => (cost?.peak === undefined ? "-" : `${(cost.peak / 1e6).toFixed(0)} MB`);

function wanted({ ratio: wall, cpu, ms, peak }: PartialOptions): string {
  const words = [
    wall === undefined ? "" : `<= ${wall.toFixed(2)}`,
    cpu === undefined ? "" : `CPU <= ${cpu.toFixed(2)}`,
    ms === undefined ? "" : `<= ${ms < 1000 ? `${ms} ms` : `${ms / 1000} s`}`,
    peak === undefined ? "" : `<= ${peak} MB`,
  ];
  return words.filter((word) => word !== "").join(", ") || "-";
}

/** The whole page that is kept beside the figures. */
export function page({ machine, rows }: Report): string {
  const { cpu, cores, memory, kernel, bun, disk, fast, versions } = machine;
  const loads = rows.map(({ load }) => load);
  const [from, to] = [Math.min(...loads), Math.max(...loads)];
  const commits = [...new Set(rows.map(({ commit }) => commit))];
  const rounds = [...new Set(rows.map((row) => row.rounds))].toSorted((a, b) => a - b);
  const facts = [
    `${cores} cores of ${cpu}, ${memory} of memory, Linux ${kernel}; disk ${disk}, memory ${fast}`,
    `images ${commits.join(", ")}; Bun ${bun}`,
    `peers: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
    `rounds: ${rounds.join(", ")}; load before a row: ${from.toFixed(1)} to ${to.toFixed(1)}`,
  ];
  const dates = rows.map(({ at }) => at.slice(0, 16).replace("T", " ")).toSorted();
  return `# Race, ${dates[0] ?? ""} to ${dates.at(-1) ?? ""} UTC

${facts.map((fact) => `- ${fact}`).join("\n")}

Whole processes, in turn, medians; ratio: of the medians of the wall times, ours to the peer's (the
least and the greatest of one round). MB: the largest process. See [how it is measured](../README.md).

${table(rows)}
`;
}
