import { type Markup, markup } from "../../../core/html.ts";
import { type Address, backendOf, imageOf } from "../../../core/model/name.ts";
import { isPending, type Plan, type Step } from "../../../core/model/plan.ts";
import type { RunReport, StepResult } from "../run-report.ts";
import { faceOf } from "../step.ts";
import type { AgeOf } from "./ages.ts";
import { anchorOf } from "./steps.ts";

/** Images down, backends across: what is done at each address, how that went, and the age of the image that is there. */
export function matrixTable(plan: Plan, run: RunReport | undefined, ageOf: AgeOf): Markup | undefined {
  const steps = new Map(plan.steps.map((step): [Address, Step] => [step.address, step]));
  const missing = new Set(plan.outages.flatMap(({ addresses }) => addresses));
  const addresses = [...steps.keys(), ...missing];
  if (addresses.length === 0) return undefined;
  const backends = [...new Set(addresses.map(backendOf))].sort();
  const rows = new Map<string, Map<string, Address>>();
  for (const address of addresses) {
    const row = rows.get(imageOf(address)) ?? new Map<string, Address>();
    rows.set(imageOf(address), row.set(backendOf(address), address));
  }
  const cell = (address: Address | undefined): Markup => {
    if (address === undefined) return markup`<td class="same">–</td>`;
    const step = steps.get(address);
    if (step === undefined) return markup`<td class="blocked">not reached</td>`;
    return markup`<td>${stateOf(step, run)}${ageNote(ageOf(address)?.text)}</td>`;
  };
  const body = [...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([image, row]) => markup`<tr><th scope="row">${image}</th>${backends.map((one) => cell(row.get(one)))}</tr>
`,
    );
  return markup`<h2 id="matrix">Images and backends</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="matrix"><table><thead><tr><th scope="col">Image</th>${backends.map((one) => markup`<th scope="col">${one}</th>`)}</tr></thead><tbody>
${body}</tbody></table></div>`;
}

function stateOf(step: Step, run: RunReport | undefined): Markup {
  if (!isPending(step)) return markup`<span class="same">unchanged</span>`;
  const { symbol, word, role } = faceOf(step);
  const result = run === undefined ? "" : resultOf(run.steps.get(step.address), step);
  return markup`<a class="${role}" href="#${encodeURIComponent(anchorOf(step.address))}">${symbol} ${word}</a>${result}`;
}

function resultOf(fared: StepResult | undefined, step: Step): string {
  if (fared !== undefined) return fared.result === "done" ? ", done" : `, ${fared.result}`;
  return step.action === "block" ? "" : ", not done";
}

const ageNote = (text: string | undefined): Markup | undefined =>
  text === undefined ? undefined : markup` <span class="soft">${text}</span>`;
