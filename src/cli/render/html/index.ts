import { type Markup, markup, page } from "../../../core/html.ts";
import { isPending, type Plan, type Step, summary } from "../../../core/model/plan.ts";
import type { State } from "../../../core/model/state.ts";
import { plural } from "../format.ts";
import { endSentence, isSettled, NO_CHANGES, NOTHING_TO_DESTROY, planSentence } from "../phrases.ts";
import { driftLines } from "../plan.ts";
import type { RunReport } from "../run-report.ts";
import { none } from "../style.ts";
import { agesOf, ageTable } from "./ages.ts";
import { bytesTable } from "./bytes.ts";
import { matrixTable } from "./matrix.ts";
import script from "./report.browser.js" with { type: "text" };
import style from "./report.css" with { type: "text" };
import { diff, stepDetails } from "./steps.ts";
import { timelineTable } from "./timeline.ts";

/** What a page shows besides the plan. */
export interface Known {
  readonly state: State | undefined;
  readonly redact: (text: string) => string;
}

/** A plan, or with `run` what came of it, as one page that makes no request. `state` knows the ages of images that do not change. */
export function html(plan: Plan, run: RunReport | undefined, { state, redact }: Partial<Known> = {}): string {
  const ageOf = agesOf(plan, state, run !== undefined);
  const name = `images ${run?.command ?? (plan.mode === "destroy" ? "plan --destroy" : "plan")}`;
  const body = markup`<main>
<h1>${name}</h1>
<p>${headline(plan, run)}</p>
<p class="soft">Plan of <time datetime="${plan.made}">${plan.made.replace("T", " ").replace(/\.\d+Z$/, " UTC")}</time></p>
${chips(plan, run)}
${notices(plan)}
${matrixTable(plan, run, ageOf)}
${changes(plan, run)}
${drift(plan)}
${bytesTable(plan)}
${run === undefined ? undefined : timelineTable(run)}
${ageTable(plan, ageOf)}
</main>`;
  const title = `${name}: ${headline(plan, run)}`;
  return page({ title, style, script, body, ...(redact === undefined ? {} : { redact }) });
}

function headline(plan: Plan, run: RunReport | undefined): string {
  if (run !== undefined && run.command !== "plan") return endSentence(run.command ?? "apply", run.outcome, run.counts);
  if (!isSettled(plan)) return planSentence(plan);
  return plan.mode === "destroy" ? NOTHING_TO_DESTROY : NO_CHANGES;
}

function chips(plan: Plan, run: RunReport | undefined): Markup {
  const { add, change, destroy, import: imports, forget, blocked, verify } = summary(plan);
  const kept = plan.steps.filter((step) => !isPending(step)).length;
  const { failed = 0, stopped = 0, skipped = 0 } = run?.counts ?? {};
  const all: readonly (readonly [count: number, word: string, role: string])[] = [
    [blocked, "blocked", "blocked"],
    [failed, "failed", "blocked"],
    [stopped, "stopped", "blocked"],
    [skipped, "skipped", "forget"],
    [destroy, "to destroy", "remove"],
    [add, "to add", "add"],
    [change, "to change", "change"],
    [imports, "to import", "take"],
    [verify, "to verify", "take"],
    [forget, "to forget", "forget"],
    [plan.drift.length, "changed outside", "change"],
    [plan.outages.length, plan.outages.length === 1 ? "backend not reached" : "backends not reached", "blocked"],
    [kept, "unchanged", "same"],
  ];
  const shown = all.filter(([count]) => count > 0);
  if (shown.length === 0) return markup``;
  return markup`<ul class="chips" aria-label="Summary">${shown.map(
    ([count, word, role]) => markup`<li class="${role}"><b>${count}</b> ${word}</li>`,
  )}</ul>`;
}

function notices({ outages, warnings }: Plan): readonly Markup[] {
  return [
    ...outages.map(
      ({ backend, code, message, hint, addresses }) =>
        markup`<div class="notice"><p><b>${backend}</b> not reached: ${message} <code>${code}</code></p>${hinted(hint)}${
          addresses.length === 0
            ? undefined
            : markup`<p class="soft">${plural(addresses.length, "address", "addresses")} not planned: ${addresses.join(", ")}</p>`
        }</div>`,
    ),
    ...warnings.map((text) => markup`<p class="notice warning">Warning: ${text}</p>`),
  ];
}

const hinted = (hint: string | undefined): Markup | undefined =>
  hint === undefined ? undefined : markup`<p>Hint: ${hint}</p>`;

/** Blocked first, then what deletes, then the rest in the order of the plan. */
const rank = (step: Step): number => (step.action === "block" ? 0 : (step.deletes ?? []).length > 0 ? 1 : 2);

function changes(plan: Plan, run: RunReport | undefined): Markup {
  const steps = plan.steps.filter(isPending).toSorted((a, b) => rank(a) - rank(b));
  const kept = plan.steps.filter((step) => !isPending(step));
  const rest =
    kept.length === 0
      ? undefined
      : markup`<details><summary>${kept.length} unchanged</summary><pre>${kept.map(({ address }) => address).join("\n")}</pre></details>`;
  if (steps.length === 0) return markup`<h2>Changes</h2><p>None.</p>${rest}`;
  return markup`<h2>Changes</h2>
<div class="tools" hidden><button type="button" data-open="yes">Expand all</button><button type="button" data-open="no">Collapse all</button></div>
${steps.map((step) => stepDetails(step, run?.steps.get(step.address), run !== undefined, rank(step) < 2))}${rest}`;
}

function drift(plan: Plan): Markup | undefined {
  if (plan.drift.length === 0) return undefined;
  return markup`<h2>Changed outside of images.toml</h2>
${plan.drift.map((one) => markup`<details class="step"><summary><span class="word change">${one.kind}</span> <code>${one.address}</code></summary>${diff(driftLines(one, { style: none }))}</details>`)}`;
}
