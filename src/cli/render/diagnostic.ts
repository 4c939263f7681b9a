import { asFailure, type Code, type Failure, type Problem } from "../../core/failure.ts";
import type { FailureData } from "../../core/model/event.ts";
import { type FilePosition, showPosition } from "../../core/model/position.ts";
import { causesOf, requestText } from "./failure.ts";

interface Position {
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** From 0, in bytes of UTF-8 from the beginning of the file; 0 where the file cannot be read. */
  readonly byte: number;
}

/** A failure in terraform's form of a diagnostic, with our code and the hint as fields of their own besides. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly summary: string;
  readonly detail: string;
  readonly address?: string;
  readonly range?: { readonly filename: string; readonly start: Position; readonly end: Position };
  readonly snippet?: {
    readonly context: string | null;
    readonly code: string;
    readonly start_line: number;
    readonly highlight_start_offset: number;
    readonly highlight_end_offset: number;
    readonly values: readonly never[];
  };
  readonly code: Code;
  readonly hint?: string;
}

/** The text of a file that a place is in; undefined where it cannot be read. */
export type DiagnosticSources = (file: string) => string | undefined;

/** Everything that a failure tells, one diagnostic a problem; the failure itself first. */
export function diagnostics(thrown: unknown, sources?: DiagnosticSources): readonly Diagnostic[] {
  const failure = asFailure(thrown);
  const problems = failure.problems.map((problem) => ofProblem(problem, sources));
  const onlyWarnings = problems.length > 0 && problems.every(({ severity }) => severity === "warning");
  return onlyWarnings ? problems : [ofFailure(failure, sources), ...problems];
}

/** The problems alone, where a failure tells some: for what counts them. */
export function eachProblem(thrown: unknown, sources?: DiagnosticSources): readonly Diagnostic[] {
  const { problems } = asFailure(thrown);
  return problems.length === 0 ? diagnostics(thrown, sources) : problems.map((one) => ofProblem(one, sources));
}

function ofFailure(failure: Failure, sources: DiagnosticSources | undefined): Diagnostic {
  const { message, code, hint, address, at, request, cause } = failure;
  const detail = [
    ...(request === undefined ? [] : [`Request: ${requestText(request)}`]),
    ...causesOf(cause, message).map((text) => `Caused by: ${text}`),
    ...(hint === undefined ? [] : [`Hint: ${hint}`]),
  ];
  return {
    severity: "error",
    summary: message,
    detail: detail.join("\n"),
    ...(address === undefined ? {} : { address }),
    ...whereabouts(at, code, sources),
    code,
    ...(hint === undefined ? {} : { hint }),
  };
}

function ofProblem(
  { severity = "error", message, code, hint, at }: Problem,
  sources: DiagnosticSources | undefined,
): Diagnostic {
  return {
    severity,
    summary: message,
    detail: hint === undefined ? "" : `Hint: ${hint}`,
    ...whereabouts(at, code, sources),
    code,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** A failure that an event tells; `address` in the form that the stream uses. */
export function diagnosticOf({ code, message, hint, where }: FailureData, address: string | undefined): Diagnostic {
  const detail = [
    ...(where === undefined ? [] : [`Request: ${where}`]),
    ...(hint === undefined ? [] : [`Hint: ${hint}`]),
  ];
  return {
    severity: "error",
    summary: message,
    detail: detail.join("\n"),
    ...(address === undefined ? {} : { address }),
    code,
    ...(hint === undefined ? {} : { hint }),
  };
}

function whereabouts(
  at: FilePosition | undefined,
  code: Code,
  sources: DiagnosticSources | undefined,
): Pick<Diagnostic, "range" | "snippet"> {
  if (at === undefined) return {};
  const lines = sources?.(at.file)?.split("\n");
  const text = lines?.[at.line - 1]?.replace(/\r$/, "");
  const [start, end] = [at.column - 1, at.column - 1 + (at.width ?? 1)];
  const before = lines === undefined ? 0 : size(`${lines.slice(0, at.line - 1).join("\n")}${at.line > 1 ? "\n" : ""}`);
  const byte = (column: number) => (text === undefined ? 0 : before + size(characters(text, column)));
  const range = {
    filename: at.file,
    start: { line: at.line, column: start + 1, byte: byte(start) },
    end: { line: at.line, column: end + 1, byte: byte(end) },
  };
  if (text === undefined || code === "config.secret" || mayHoldSecret(text, at)) return { range };
  return {
    range,
    snippet: {
      context: headerAbove(lines ?? [], at.line),
      code: text,
      start_line: at.line,
      highlight_start_offset: size(characters(text, start)),
      highlight_end_offset: size(characters(text, end)),
      values: [],
    },
  };
}

/** A secret that was written out where a reference is due: such a line is not quoted. */
const mayHoldSecret = (text: string, at: FilePosition): boolean =>
  /(?:pass|token|secret|credential|private|key)[\w."'-]*\s*[=:]\s*["'](?!env:|file:|cmd:|\$\{)/i.test(text) ||
  ("hide" in at && Array.isArray(at.hide) && at.hide.length > 0);

const size = (text: string): number => new TextEncoder().encode(text).length;
const characters = (text: string, count: number): string => [...text].slice(0, count).join("");

/** The table that a line is in: `[image.debian]`. */
function headerAbove(lines: readonly string[], line: number): string | null {
  const found = lines.slice(0, line - 1).findLast((text) => /^\s*\[/.test(text));
  return found === undefined ? null : found.trim();
}

/** What `images validate --json` prints. */
export function validation(problems: readonly Diagnostic[]): object {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  return {
    format_version: "1.0",
    valid: errors === 0,
    error_count: errors,
    warning_count: problems.length - errors,
    diagnostics: problems,
  };
}

/** One line for people: the severity, the summary, and where. */
export const headOf = ({ severity, summary, range }: Diagnostic): string => {
  const place = range === undefined ? "" : ` (${showPosition({ file: range.filename, ...range.start })})`;
  return `${severity === "error" ? "Error" : "Warning"}: ${summary}${place}`;
};
