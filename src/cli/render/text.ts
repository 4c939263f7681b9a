import { hexForm, UNSAFE } from "../../core/html.ts";

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u001b": "\\e" };

/** Text that may come from a server, on one line: whatever a terminal could act on is shown instead (`\e`, `\n`, `\u202e`). */
export const printable = (text: string): string => text.replace(UNSAFE, escaped);

/** The same with `\uXXXX` and `\u{X}` forms only, as strings in quotes have them. */
export const quotedForm = (text: string): string => text.replace(UNSAFE, hexForm);

/** JSON that says the same to a parser, with everything that a terminal could act on written as an escape. */
export const quietJson = (json: string): string =>
  json.replace(UNSAFE, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );

/** The same for text of several lines: each is printable, the ends of lines stay. */
export const printableLines = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => printable(line.replaceAll("\t", "  ")).trimEnd())
    .filter((line, i, all) => line !== "" || (i > 0 && i < all.length - 1));

const escaped = (found: string): string => NAMED[found] ?? hexForm(found);

/** Columns that a text takes on a terminal; colours take none. */
export const cells = (text: string): number => Bun.stringWidth(text);

/** At most `columns` cells, with an ellipsis where something was cut off. */
export function truncate(text: string, columns: number): string {
  if (cells(text) <= columns) return text;
  const at = fitting(text, columns, ELLIPSIS);
  return at === 0 ? "" : Bun.sliceAnsi(text, 0, at, ELLIPSIS);
}

const ELLIPSIS = { ellipsis: "…" };

/** Where to cut a text for so much room; 0: nowhere. Of some musical signs Bun.sliceAnsi counts fewer cells than Bun.stringWidth does. */
function fitting(text: string, room: number, options?: typeof ELLIPSIS): number {
  for (let at = room; at > 0; at -= 1) {
    const piece = Bun.sliceAnsi(text, 0, at, options);
    if (piece !== "" && cells(piece) <= room) return at;
  }
  return 0;
}

export const pad = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - cells(text)));
export const padLeft = (text: string, columns: number): string => " ".repeat(Math.max(0, columns - cells(text))) + text;

/**
 * `lead` and `text` on lines of at most `columns` cells; those after the first are indented to where `text` began, or to `hang`.
 * Without columns (a file, a pipe) nothing is wrapped.
 */
export function wrap(lead: string, text: string, columns: number | undefined, hang = cells(lead)): string[] {
  if (columns === undefined || cells(lead) + cells(text) <= columns) return [(lead + text).trimEnd()];
  const indent = " ".repeat(Math.min(hang, Math.floor(columns / 3)));
  const lines: string[] = [];
  let line = lead;
  let isFresh = true;
  const turn = () => {
    lines.push(line.trimEnd());
    line = indent;
    isFresh = true;
  };
  for (const word of text.split(" ")) {
    const width = cells(word);
    if (!isFresh && cells(line) + 1 + width > columns) turn();
    if (!isFresh) line += " ";
    let rest = word;
    if (isFresh && cells(line) + width > columns && cells(line) > Math.max(indent.length, columns / 2)) turn();
    for (let room = columns - cells(line); cells(rest) > room && room > 0; room = columns - cells(line)) {
      const at = fitting(rest, room);
      if (at === 0) break;
      line += Bun.sliceAnsi(rest, 0, at);
      rest = Bun.sliceAnsi(rest, at);
      turn();
    }
    line += rest;
    isFresh = false;
  }
  if (line.trim() !== "") lines.push(line.trimEnd());
  return lines;
}

/** Columns of a table are not made narrower than this. */
const NARROWEST = 8;

/**
 * Rows in columns as wide as their widest cell, two spaces apart. Where that is more than `columns`, those at the right give way first,
 * the first one never; what does not fit even then is cut off.
 */
export function table(rows: readonly (readonly string[])[], columns?: number): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cells(cell));
    });
  }
  let over = columns === undefined ? 0 : widths.reduce((sum, width) => sum + width + 2, -2) - columns;
  for (let i = widths.length - 1; i > 0 && over > 0; i--) {
    const width = widths[i] ?? 0;
    widths[i] = Math.max(Math.min(width, NARROWEST), width - over);
    over -= width - (widths[i] ?? 0);
  }
  return rows.map((row) => {
    const line = row.map((cell, i) => pad(truncate(cell, widths[i] ?? 0), widths[i] ?? 0)).join("  ");
    return columns === undefined ? line.trimEnd() : truncate(line.trimEnd(), columns);
  });
}
