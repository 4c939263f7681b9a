import { type Diagnostic, type DiagnosticSources, diagnostics, headOf } from "./diagnostic.ts";
import { printable, quietJson } from "./text.ts";

/** The version of terraform's stream that this one keeps to. */
const UI_VERSION = "1.2";

export type DiagnosticLevel = "info" | "warn" | "error";
export type EnvelopeFields = Readonly<Record<string, unknown>>;

/** One line of the stream, `at` in milliseconds since 1970. Nothing in it can act on a terminal. */
export function jsonLine(
  level: DiagnosticLevel,
  message: string,
  at: number,
  type: string,
  fields: EnvelopeFields,
): string {
  const line = {
    "@level": level,
    "@message": printable(message),
    "@module": "images.ui",
    "@timestamp": new Date(at).toISOString().replace(/Z$/, "000Z"),
    type,
    ...fields,
  };
  return `${quietJson(JSON.stringify(line))}\n`;
}

/** The first line of every stream, also of one that only tells a failure. */
export const versionLine = (version: string, at: number): string =>
  jsonLine("info", `Images ${version}`, at, "version", { images: version, ui: UI_VERSION });

export const diagnosticLine = (diagnostic: Diagnostic, at: number): string =>
  jsonLine(diagnostic.severity === "error" ? "error" : "warn", headOf(diagnostic), at, "diagnostic", { diagnostic });

/** A whole stream that only tells a failure. */
export const failureInJson = (thrown: unknown, version: string, at: number, sources?: DiagnosticSources): string =>
  [versionLine(version, at), ...diagnostics(thrown, sources).map((one) => diagnosticLine(one, at))].join("");
