import type { FilePosition } from "../model/position.ts";
import type { Lines } from "./lines.ts";
import type { TextNode } from "./node.ts";

/** What a variable or an escaped `${` looks like in a string. */
export const MARK = /\$?\$\{[^}"'\\\n]*\}?/g;

/** A string that is written as `written`, which begins at `start`, with the places of its variables where they are as they are written. */
export function textNode(
  value: string,
  at: FilePosition,
  written: () => string,
  start: number,
  lines: Lines,
): TextNode {
  if (!value.includes("${")) return { kind: "text", at, value };
  const found = [...written().matchAll(MARK)];
  if (found.length !== value.match(MARK)?.length) return { kind: "text", at, value };
  const marks = found.map((one) => lines.place(start + one.index, start + one.index + one[0].length));
  return { kind: "text", at, value, marks };
}
