import { type Markup, markup } from "../../../core/html.ts";
import type { Phase } from "../../../core/model/image.ts";
import { bytes } from "../format.ts";
import type { RunReport } from "../run-report.ts";
import type { TimedPhase, TimedStep } from "../timeline.ts";

const WIDTH = 1000;
/** Where the bar of a phase is within its row: those that go on at the same time are above each other. */
const LANES: Readonly<Record<Phase, number>> = {
  download: 0,
  verify: 0,
  convert: 1,
  upload: 2,
  import: 2,
  wait: 2,
  delete: 2,
};
const BYTES: ReadonlySet<Phase> = new Set(["download", "verify", "convert", "upload"]);

/** When each address was worked on, and in which phases. */
export function timelineTable({ timeline: all, ms }: RunReport): Markup | undefined {
  const timeline = all.filter(({ action }) => action !== "block");
  if (timeline.length === 0) return undefined;
  const whole = Math.max(1, ms, ...timeline.map(({ to }) => to));
  const used = [...new Set(timeline.flatMap(({ phases }) => phases.map(({ phase }) => phase)))];
  return markup`<h2 id="timeline">Timeline</h2>
<p>${time(whole)} in all. Phases of one image that go on at the same time are drawn above each other.</p>
<ul class="key" aria-label="Phases">${used.map((phase) => markup`<li><i class="${phase}"></i>${phase}</li>`)}</ul>
<div class="scroll" tabindex="0" role="region" aria-labelledby="timeline"><table><thead><tr><th scope="col">Image</th><th scope="col" class="wide">0 to ${time(whole)}</th><th scope="col" class="number">Time</th><th scope="col">Phases</th></tr></thead><tbody>
${timeline.map((step) => row(step, whole))}</tbody></table></div>`;
}

function row({ address, action, from, to, phases }: TimedStep, whole: number): Markup {
  const at = (ms: number) => Math.round((ms / whole) * WIDTH);
  const length = (a: number, b: number) => Math.max(2, at(b) - at(a));
  const bars = phases.map(
    (one) =>
      markup`<rect class="${one.phase}" x="${at(one.from)}" y="${2 + 7 * LANES[one.phase]}" width="${length(one.from, one.to)}" height="6"><title>${phaseText(one)}</title></rect>`,
  );
  const summary = phases.length === 0 ? action : totals(phases).join(", ");
  return markup`<tr><th scope="row"><code>${address}</code></th><td><svg viewBox="0 0 ${WIDTH} 24" preserveAspectRatio="none" aria-hidden="true"><rect class="lane" x="${at(from)}" y="0" width="${length(from, to)}" height="24"/>${bars}</svg></td><td class="number">${time(to - from)}</td><td class="text">${summary}</td></tr>
`;
}

const phaseText = ({ phase, from, to, done }: TimedPhase): string =>
  `${phase} ${time(to - from)}${BYTES.has(phase) && done > 0 ? ` (${bytes(done)})` : ""}`;

/** A phase each, however often it began again: the time that it took, and the most bytes. */
function totals(phases: readonly TimedPhase[]): readonly string[] {
  return [...Map.groupBy(phases, ({ phase }) => phase)].map(([phase, all]) => {
    const to = all.reduce((sum, one) => sum + one.to - one.from, 0);
    return phaseText({ phase, from: 0, to, done: Math.max(...all.map(({ done }) => done)) });
  });
}

/** Tenths of a second where they say something. */
function time(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;
  const all = Math.round(ms / 1000);
  return all < 60 ? `${all} s` : `${Math.floor(all / 60)} min ${all % 60} s`;
}
