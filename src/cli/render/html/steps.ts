import { type Markup, markup } from "../../../core/html.ts";
import type { Address } from "../../../core/model/name.ts";
import type { Step } from "../../../core/model/plan.ts";
import { duration } from "../format.ts";
import { stepLines } from "../plan.ts";
import type { StepResult } from "../run-report.ts";
import { detailOf, faceOf } from "../step.ts";
import { none } from "../style.ts";

/** What an address is called in the page, to be linked to. */
export const anchorOf = (address: Address): string => `step-${encodeURIComponent(address)}`;

/** One step: what is done as the summary, all of it inside. */
export function stepDetails(step: Step, fared: StepResult | undefined, isRun: boolean, isOpen: boolean): Markup {
  const { symbol, word, role } = faceOf(step);
  const lines = stepLines([step], { style: none });
  const outcome = isRun ? outcomeOf(fared, step) : undefined;
  return markup`<details class="step" id="${anchorOf(step.address)}"${isOpen ? markup` open` : undefined}><summary><span class="word ${role}">${symbol} ${word}</span> <code>${step.address}</code> ${detailOf(step)}${outcome}</summary>${failureOf(fared)}${diff(lines)}</details>
`;
}

function outcomeOf(fared: StepResult | undefined, step: Step): Markup {
  if (fared === undefined) return markup` <b>${step.action === "block" ? "" : "not done"}</b>`;
  switch (fared.result) {
    case "done":
      return markup` <b class="add">${fared.same === true ? "verified, the same bytes, in" : "done in"} ${duration(fared.ms)}</b>`;
    case "failed":
      return markup` <b class="error">failed after ${duration(fared.ms)}</b>`;
    case "skipped":
      return markup` <b class="forget">skipped: ${fared.because}</b>`;
    default:
      return fared satisfies never;
  }
}

function failureOf(fared: StepResult | undefined): Markup | undefined {
  if (fared?.result !== "failed") return undefined;
  const { code, message, hint, where } = fared.failure;
  return markup`<div class="notice"><p>${message} <code>${code}</code></p>${where === undefined ? undefined : markup`<p><code>${where}</code></p>`}${hint === undefined ? undefined : markup`<p>Hint: ${hint}</p>`}</div>`;
}

const ROLES: Readonly<Record<string, string>> = { "+": "add", "-": "remove", "~": "change" };

/** Lines of a diff, each coloured by its marker. */
export function diff(lines: readonly string[]): Markup {
  const shown = lines.map((line, i) => {
    const role = ROLES[/^ {2,}([-+~]) /.exec(line)?.[1] ?? ""];
    const end = i === lines.length - 1 ? "" : "\n";
    return role === undefined ? markup`${line}${end}` : markup`<span class="${role}">${line}${end}</span>`;
  });
  return markup`<pre>${shown}</pre>`;
}
