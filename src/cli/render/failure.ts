import { asFailure, Failure, type Problem } from "../../core/failure.ts";
import type { FailureData } from "../../core/model/event.ts";
import { type FilePosition, showPosition } from "../../core/model/position.ts";
import { plural } from "./format.ts";
import type { View } from "./style.ts";
import { printable, printableLines, wrap } from "./text.ts";

interface FailureView extends View {
  /** The lines of the file around a place, as far as the file can still be read. */
  readonly frames?: ((at: FilePosition) => string | undefined) | undefined;
}

/** Causes that are reported; a chain may be longer, or bite its tail. */
const DEEPEST = 8;

/** Anything thrown, as text for stderr. What is no Failure is a bug: it shows its stack and asks to be reported. */
export function renderFailure(thrown: unknown, view: FailureView): string {
  const failure = asFailure(thrown);
  const lines = failure.code === "run.bug" ? bugLines(failure, view) : failureLines(failure, view);
  return `${lines.join("\n")}\n`;
}

function failureLines(failure: Failure, view: FailureView): string[] {
  const { problems } = failure;
  const isWarning = problems.length > 0 && problems.every(({ severity }) => severity === "warning");
  return [
    ...(isWarning ? [] : [...headline("error", failure.message, failure.code, view), ...circumstances(failure, view)]),
    ...problems.flatMap((problem) => ["", ...problemLines(problem, view)]),
    ...(problems.length > 1 ? ["", countOf(problems)] : []),
    ...(failure.hint === undefined ? [] : ["", ...hintLines(failure.hint, "", view)]),
  ];
}

/** `error: message [code]`, its further lines indented, so that none of them can pass for one of ours. */
function headline(kind: "error" | "warning", message: string, code: string, { style, columns }: View): string[] {
  const [first = "", ...rest] = printableLines(message);
  const lead = `${style[kind](`${kind}:`)} `;
  return [
    ...wrap(lead, `${first} ${style.dim(`[${printable(code)}]`)}`, columns, 2),
    ...rest.flatMap((line) => wrap("    ", line, columns)),
  ];
}

function circumstances(failure: Failure, view: FailureView): string[] {
  const { address, at, request, cause } = failure;
  return [
    ...(address === undefined ? [] : wrap("  address: ", printable(address), view.columns, 4)),
    ...(at === undefined ? [] : placeLines(at, view)),
    ...(request === undefined ? [] : wrap("  request: ", requestText(request), view.columns, 4)),
    ...causesOf(cause, failure.message).flatMap((text) => wrap("  caused by: ", text, view.columns, 4)),
  ];
}

function placeLines(at: FilePosition, { frames, columns }: FailureView): string[] {
  const frame = frames?.(at);
  const lines = frame === undefined ? [] : frame.split("\n").map((line) => `    ${printable(line)}`.trimEnd());
  return [...wrap("  at ", printable(showPosition(at)), columns, 4), ...lines.filter((line) => line !== "")];
}

function problemLines(problem: Problem, view: FailureView): string[] {
  return [
    ...headline(problem.severity ?? "error", problem.message, problem.code, view),
    ...(problem.at === undefined ? [] : placeLines(problem.at, view)),
    ...(problem.hint === undefined ? [] : hintLines(problem.hint, "  ", view)),
  ];
}

function hintLines(hint: string, indent: string, { style, columns }: View): string[] {
  const [first = "", ...rest] = printableLines(hint);
  const lead = `${indent}${style.hint("hint:")} `;
  return [...wrap(lead, first, columns), ...rest.flatMap((line) => wrap(`${indent}      `, line, columns))];
}

/** `2 errors, 1 warning`. */
function countOf(problems: readonly Problem[]): string {
  const warnings = problems.filter(({ severity }) => severity === "warning").length;
  const errors = problems.length - warnings;
  const parts = [
    ...(errors > 0 ? [plural(errors, "error")] : []),
    ...(warnings > 0 ? [plural(warnings, "warning")] : []),
  ];
  return parts.join(", ");
}

/** `PUT https://host/path: 503, request id req-1`. What could carry a secret in the URL is left out here as well. */
export function requestText({ method, url, status, id }: NonNullable<Failure["request"]>): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const where =
    parsed === undefined ? (url.split(/[?#]/)[0] ?? "") : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  const facts = [...(status === undefined ? [] : [String(status)]), ...(id === undefined ? [] : [`request id ${id}`])];
  return printable(`${method} ${where}${facts.length > 0 ? `: ${facts.join(", ")}` : ""}`);
}

/** What lies behind a failure, outermost first; a cause that its parent has quoted already is passed over. */
export function causesOf(cause: unknown, shown: string): string[] {
  const found: string[] = [];
  const seen = new Set<unknown>();
  let said = shown;
  for (let one = cause; one !== undefined && one !== null && !seen.has(one) && found.length < DEEPEST; ) {
    seen.add(one);
    const text = one instanceof Error ? one.message : String(one);
    const request = one instanceof Failure && one.request !== undefined ? ` (${requestText(one.request)})` : "";
    if (text !== "" && !said.includes(text)) found.push(printable(text) + request);
    said = text;
    one = one instanceof Error ? one.cause : undefined;
  }
  return found;
}

function bugLines(failure: Failure, view: View): string[] {
  const { cause } = failure;
  const stack = cause instanceof Error ? (cause.stack ?? "") : "";
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return [
    ...headline("error", `unexpected: ${failure.message}`, failure.code, view),
    ...frames.map((line) => printable(line)),
    ...(cause instanceof Error ? causesOf(cause.cause, failure.message).map((text) => `  caused by: ${text}`) : []),
    "",
    ...hintLines("this is a bug in images: report it with the lines above and what `images version` says", "", view),
  ];
}

/** A failure of one address within a run, for a log: the message, and its hint on a line of its own. */
export function stepFailureLines(
  at: string,
  { code, message, hint, where }: FailureData,
  { style, columns }: View,
): string[] {
  const [first = "", ...rest] = printableLines(message);
  const place = where === undefined ? "" : ` (${printable(where)})`;
  return [
    ...wrap(`${at}: ${style.error("error:")} `, `${first}${place} ${style.dim(`[${printable(code)}]`)}`, columns, 4),
    ...rest.flatMap((line) => wrap("    ", line, columns)),
    ...(hint === undefined ? [] : wrap(`${at}: ${style.hint("hint:")} `, printable(hint), columns, 4)),
  ];
}
