import { type Plan, type Step, summary } from "../../core/model/plan.ts";
import { costLines } from "./cost.ts";
import { duration, plural } from "./format.ts";
import { inOrder } from "./legend.ts";
import { endSentence, isSettled, NO_CHANGES, planSentence } from "./phrases.ts";
import { renderPlan } from "./plan.ts";
import type { RunReport, StepResult } from "./run-report.ts";
import { detailOf, faceOf, sourceOf } from "./step.ts";
import { none } from "./style.ts";
import { printable, truncate } from "./text.ts";

/** Rows of the table; all of them are in the fold below it. */
const MOST = 100;
const LONGEST_CELL = 200;

/**
 * Text as a code span, where nothing of it is Markdown, HTML or a mention: the fence is longer than any run of backticks in it. In a
 * table a bar has to be escaped even there.
 */
export function code(text: string): string {
  const safe = truncate(printable(text), LONGEST_CELL).replaceAll("\\|", "\\ |").replaceAll("|", "\\|");
  if (safe.trim() === "") return "";
  const fence = "`".repeat(longestRun(safe) + 1);
  return fence.length === 1 ? `${fence}${safe}${fence}` : `${fence} ${safe} ${fence}`;
}

const longestRun = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));

/** A fenced block that its text cannot end. */
export function block(text: string, language: string): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

interface MarkdownOptions {
  /** Characters. What does not fit is left out of the fold, and said to be. */
  readonly longest: number;
  /** `> [!WARNING]`, as GitHub draws it. */
  readonly hasAlerts: boolean;
}

/** A plan, or what came of it, for people who review a change: a sentence, a table, and the whole plan in a fold. */
export function markdown(plan: Plan, run: RunReport | undefined, { longest, hasAlerts }: MarkdownOptions): string {
  const { destroy } = summary(plan);
  const warning = `**${plural(destroy, "object")} ${destroy === 1 ? "is" : "are"} deleted or replaced.**`;
  const parts = [
    `### ${headline(plan, run)}`,
    ...(destroy > 0 && run === undefined ? [hasAlerts ? `> [!WARNING]\n> ${warning}` : warning] : []),
    ...stepTable(plan, run),
    ...notes(plan),
    ...costLines(plan).map((line) => `This plan costs: ${code(line.replace(/^This plan: /, ""))}`),
  ];
  const head = parts.join("\n\n");
  return `${head}\n\n${fold(plan, Math.max(0, longest - head.length - 300))}\n`;
}

function headline(plan: Plan, run: RunReport | undefined): string {
  if (run !== undefined) return endSentence(run.command ?? "apply", run.outcome, run.counts);
  return isSettled(plan) ? NO_CHANGES : planSentence(plan);
}

function stepTable(plan: Plan, run: RunReport | undefined): string[] {
  const steps = inOrder(plan);
  if (steps.length === 0) return [];
  const rows = steps.slice(0, MOST).map((step) => {
    const { symbol, word } = faceOf(step);
    const detail =
      detailOf(step) || ("making" in step ? sourceOf(step.making) : `moved from ${step.previous ?? step.address}`);
    const cells = [`${code(symbol)} ${word}`, code(step.address), code(detail)];
    return `| ${[...cells, ...(run === undefined ? [] : [faredText(run.steps.get(step.address))])].join(" | ")} |`;
  });
  const head = ["action", "image", "detail", ...(run === undefined ? [] : ["result"])];
  const more = steps.length > MOST ? [`${steps.length - MOST} more are in the plan below.`] : [];
  return [[`| ${head.join(" | ")} |`, `|${" --- |".repeat(head.length)}`, ...rows].join("\n"), ...more];
}

function faredText(fared: StepResult | undefined): string {
  if (fared === undefined) return "not done";
  switch (fared.result) {
    case "done":
      return `${fared.same === true ? "verified, the same bytes," : "done"} in ${duration(fared.ms)}`;
    case "failed":
      return `**failed**: ${code(fared.failure.message)}`;
    case "skipped":
      return `skipped: ${code(fared.because)}`;
    default:
      return fared satisfies never;
  }
}

function notes(plan: Plan): string[] {
  const blocked = plan.steps.filter((step): step is Extract<Step, { action: "block" }> => step.action === "block");
  const lines = [
    ...plan.outages.map(({ backend, message }) => `- unavailable: ${code(backend)}: ${code(message)}`),
    ...plan.drift.map(({ address, kind }) => `- changed outside of the file: ${code(address)} (${kind})`),
    ...blocked.flatMap(({ address, hint }) => (hint === undefined ? [] : [`- ${code(address)}: hint: ${code(hint)}`])),
    ...plan.warnings.map((text) => `- warning: ${code(text)}`),
  ];
  const shown = lines.slice(0, MOST);
  return lines.length === 0
    ? []
    : [[...shown, ...(lines.length > MOST ? [`- … ${lines.length - MOST} more`] : [])].join("\n")];
}

/** What a highlighter of diffs colours: green, red, and for all that changes or needs a look the third one. */
const COLOURS: Readonly<Record<string, string>> = { "+": "+", "-": "-", "~": "!" };

/** The whole plan; the markers stand at the beginning of the line, where a highlighter looks for them. */
function fold(plan: Plan, room: number): string {
  const lines = renderPlan(plan, { style: none }).trimEnd().split("\n");
  const marked = lines.map((line) =>
    line
      .replace(/^( {4,})([-+~]) /, (_, space: string, marker: string) => `${COLOURS[marker] ?? marker} ${space}`)
      .replace(/^ {2}(\S{1,2}) +(?=\S)/, (face, symbol: string) => {
        const marker = COLOURS[symbol] ?? "!";
        return `${marker} ${marker === symbol ? " ".repeat(symbol.length) : symbol}${face.slice(2 + symbol.length)}`;
      }),
  );
  const fitting: string[] = [];
  let length = 0;
  for (const line of marked) {
    length += line.length + 1;
    if (length > room) break;
    fitting.push(line);
  }
  const left = marked.length - fitting.length;
  const rest = left > 0 ? [`… ${plural(left, "line")} left out: see the log`] : [];
  return `<details><summary>The whole plan</summary>\n\n${block([...fitting, ...rest].join("\n"), "diff")}\n\n</details>`;
}
