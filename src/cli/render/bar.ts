import { bytes, duration, percent, rate, remaining } from "./format.ts";
import { COUNTS_BYTES, type StepInProgress } from "./in-progress.ts";
import { rateAt, secondsLeft } from "./meter.ts";
import type { View } from "./style.ts";
import { cells, pad, padLeft, printable, truncate } from "./text.ts";

/** A part of a row; those of lower rank give way first where the row is too narrow. */
interface Part {
  readonly rank: number;
  readonly text: string;
}

const GAP = 2;
const BAR = { narrowest: 6, widest: 30 } as const;

/** One running step on one line: address, phase, bar, share, bytes, rate, time to go, as many of them as fit. */
export function rowOf(doing: StepInProgress, now: number, width: number, view: View): string {
  const { address, began, moving } = doing;
  const columns = view.columns ?? 80;
  const name: Part = { rank: 0, text: pad(truncate(address, width), width) };
  const elapsed: Part = { rank: 1, text: `[${duration(now - began)} elapsed]` };
  if (moving === undefined) return join([name, { rank: 2, text: pad(doing.action, 8) }, elapsed], columns);
  const { phase, attempt, done, total, meter, what } = moving;
  const speed = COUNTS_BYTES.has(phase) ? rateAt(meter, now) : undefined;
  const left = secondsLeft(meter, done, total, now);
  const isBytes = COUNTS_BYTES.has(phase) && (done > 0 || total !== undefined);
  const parts: Part[] = [
    name,
    { rank: 2, text: pad(phase, 8) },
    ...(what === undefined ? [] : [{ rank: 3, text: `for ${printable(what)}` }]),
    ...(total === undefined ? [elapsed] : [{ rank: 1, text: padLeft(`${percent(done, total)} %`, 5) }]),
    ...(isBytes ? [{ rank: 4, text: amount(done, total) }] : []),
    ...(speed === undefined ? [] : [{ rank: 5, text: padLeft(rate(speed), 10) }]),
    ...(left === undefined ? [] : [{ rank: 3, text: padLeft(`ETA ${remaining(left)}`, 9) }]),
    ...(attempt > 1 ? [{ rank: 6, text: `attempt ${attempt}` }] : []),
  ];
  return join(parts, columns, total === undefined ? undefined : done / Math.max(1, total), view);
}

const amount = (done: number, total: number | undefined): string =>
  total === undefined ? padLeft(bytes(done), 10) : padLeft(`${bytes(done)}/${bytes(total)}`, 17);

/** What there is to say of the run as a whole. */
interface Total {
  readonly steps: number | undefined;
  readonly done: number;
  readonly failed: number;
  /** Running steps that have no row of their own. */
  readonly hidden: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly rate: number;
  readonly elapsed: number;
}

export function totalRow(total: Total, view: View): string {
  const { steps, done, failed, hidden, totalBytes, elapsed } = total;
  const left = total.rate >= 1 && totalBytes > total.bytes ? (totalBytes - total.bytes) / total.rate : undefined;
  const uploaded = bytes(total.bytes) + (totalBytes < total.bytes ? "" : `/${bytes(totalBytes)}`);
  const parts: Part[] = [
    { rank: 0, text: `${steps === undefined ? done : `${done} of ${steps}`} done` },
    ...(failed > 0 ? [{ rank: 1, text: view.style.error(`${failed} failed`) }] : []),
    ...(hidden > 0 ? [{ rank: 2, text: `${hidden} more running` }] : []),
    ...(total.bytes > 0 || totalBytes > 0 ? [{ rank: 4, text: uploaded }] : []),
    ...(total.rate >= 1 ? [{ rank: 6, text: rate(total.rate) }] : []),
    ...(left === undefined ? [] : [{ rank: 5, text: `ETA ${remaining(left)}` }]),
    { rank: 3, text: `[${duration(elapsed)} elapsed]` },
  ];
  return join(parts, view.columns ?? 80);
}

export const readingRow = (done: number, started: number, columns: number): string =>
  truncate(`Refreshing state... ${done} of ${started} read`, columns - 1);

/** Parts side by side, never in the last column, where a terminal may wrap; a bar behind the second takes what is left. */
function join(parts: readonly Part[], columns: number, share?: number, view?: View): string {
  const room = columns - 1;
  let used = -GAP;
  const chosen = new Set<Part>();
  for (const part of [...parts].sort((a, b) => a.rank - b.rank)) {
    const width = cells(part.text) + GAP;
    if (used + width > room && chosen.size > 0) continue;
    chosen.add(part);
    used += width;
  }
  const texts = parts.filter((part) => chosen.has(part)).map(({ text }) => text);
  const free = Math.min(BAR.widest, room - used - GAP - 2);
  if (share !== undefined && view !== undefined && free >= BAR.narrowest) texts.splice(2, 0, drawn(share, free, view));
  return truncate(texts.join(" ".repeat(GAP)), room);
}

function drawn(share: number, width: number, { style }: View): string {
  const full = Math.min(width, Math.max(0, Math.floor(share * width)));
  const tip = full < width && full > 0 ? ">" : "";
  const body = "=".repeat(Math.max(0, full - tip.length));
  return `[${style.add(body + tip)}${" ".repeat(width - body.length - tip.length)}]`;
}
