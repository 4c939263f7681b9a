import { plural } from "./format.ts";
import type { RunReport } from "./run-report.ts";
import type { View } from "./style.ts";
import { printable, wrap } from "./text.ts";

/** The failures of a run once more, for its end: with hundreds of images they have scrolled away. "" for one image or none failed. */
export function failuresAgain(report: RunReport | undefined, { style, columns }: View): string {
  if (report === undefined || report.steps.size < 2) return "";
  const failed = [...report.steps].flatMap(([address, fared]) =>
    fared.result === "failed" && fared.failure.code !== "run.interrupted" ? [{ address, failure: fared.failure }] : [],
  );
  if (failed.length === 0) return "";
  const lines = failed.flatMap(({ address, failure: { message, code, hint } }) => [
    ...wrap(
      `  ${style.error("error:")} `,
      `${printable(address)}: ${printable(message)} [${printable(code)}]`,
      columns,
      4,
    ),
    ...(hint === undefined ? [] : wrap("    hint: ", printable(hint), columns, 6)),
  ]);
  return `\n${plural(failed.length, "image", "images")} failed:\n${lines.join("\n")}\n`;
}
