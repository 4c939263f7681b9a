import type { FilePosition } from "../model/position.ts";
import { Lines } from "./lines.ts";
import type { FramePosition } from "./problems.ts";
import { HIDDEN } from "./redact.ts";

/**
 * The line of a place with one before and after it, and carets under its span:
 *
 *     3 | [image.debian]
 *     4 | souce = "x"
 *       | ^^^^^
 *     5 | tags = []
 *
 * Tabs become spaces, control characters are shown as such, wide characters count as wide, and a line longer than `width` is cut around
 * the span. Secrets that are written out are not shown: those that the place names, and the values of keys that sound like one.
 */
export function frame(source: string, at: FilePosition & FramePosition, width = 100): string {
  const text = source.replace(/^\ufeff/, "");
  const rows = text.split("\n");
  if (at.line > rows.length) return "";
  const hidden = hiddenSpans(text, at.hide ?? [], at.file);
  const first = Math.max(1, at.line - 1);
  const last = Math.min(rows.length - (rows.at(-1) === "" && at.line < rows.length ? 1 : 0), at.line + 1);
  const digits = String(last).length;
  const gutter = (label: string) => ` ${label.padStart(digits)} | `;
  const room = Math.max(20, width - gutter("").length);
  let offset = rows.slice(0, first - 1).reduce((sum, row) => sum + row.length + 1, 0);
  const shown: string[] = [];
  for (let line = first; line <= last; line++) {
    const row = (rows[line - 1] ?? "").replace(/\r$/, "");
    const cells = cellsOf(row, offset, hidden);
    offset += (rows[line - 1]?.length ?? 0) + 1;
    if (line !== at.line) {
      shown.push(`${gutter(String(line))}${cut(cells, 0, room).text}`.trimEnd());
      continue;
    }
    const start = Math.min(at.column - 1, cells.length);
    const { text: marked, skipped } = cut(cells, start, room);
    const before = Math.max(0, size(cells.slice(0, start)) - skipped);
    const span = Math.max(1, size(cells.slice(start, start + (at.width ?? 1))));
    const carets = "^".repeat(Math.max(1, Math.min(span, room - before)));
    shown.push(`${gutter(String(line))}${marked}`.trimEnd(), `${gutter("")}${" ".repeat(before)}${carets}`);
  }
  return shown.join("\n");
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** What is shown for each character of a line. Of a hidden stretch the first one shows that something is there. */
function cellsOf(row: string, offset: number, hidden: readonly Span[]): string[] {
  const cells: string[] = [];
  let at = offset;
  let column = 0;
  let within: Span | undefined;
  for (const character of row) {
    const here = at;
    const span = hidden.find(({ start, end }) => here >= start && here < end);
    let cell = visible(character, column);
    if (span !== undefined) cell = span === within ? "" : HIDDEN;
    within = span;
    cells.push(cell);
    column += Bun.stringWidth(cell);
    at += character.length;
  }
  return cells;
}

const TAB = 4;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

function visible(character: string, column: number): string {
  if (character === "\t") return " ".repeat(TAB - (column % TAB));
  if (!CONTROL.test(character)) return character;
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

const size = (cells: readonly string[]): number => Bun.stringWidth(cells.join(""));

/** As much of a line as there is room for, such that the character at `start` is seen; and the columns that were left out before it. */
function cut(
  cells: readonly string[],
  start: number,
  room: number,
): { readonly text: string; readonly skipped: number } {
  if (size(cells) <= room) return { text: cells.join(""), skipped: 0 };
  let from = 0;
  if (size(cells.slice(0, start)) > room / 2) {
    from = start;
    while (from > 0 && size(cells.slice(from, start)) < room / 3) from--;
  }
  const lead = from === 0 ? "" : "…";
  let to = from;
  let used = lead.length;
  while (to < cells.length && used + Bun.stringWidth(cells[to] ?? "") < room)
    used += Bun.stringWidth(cells[to++] ?? "");
  return {
    text: lead + cells.slice(from, to).join("") + (to < cells.length ? "…" : ""),
    skipped: size(cells.slice(0, from)) - lead.length,
  };
}

/** Keys whose values are most likely secrets, in a text that may not be valid. References and variables are shown. */
const SECRET =
  /(?:pass(?:word|wd|phrase)?|token|secret|credential|private|api_?key|access_?key)[\w."'-]*[ \t]*[=:][ \t]*(?=["'])(?!["']+(?:env:|file:|cmd:|\$\{))/gi;

function hiddenSpans(text: string, named: readonly FilePosition[], file: string): Span[] {
  const starts = [...text.matchAll(SECRET)].map(({ index, 0: { length } }) => index + length);
  const lines = new Lines(text, file);
  const own = named.map((place) => {
    const start = lines.start(place);
    return { start, end: endOf(text, start) ?? lines.start({ ...place, column: place.column + (place.width ?? 1) }) };
  });
  return [...own, ...starts.map((start) => ({ start, end: endOf(text, start) ?? start }))];
}

/** The end of the string that starts there, of its line where it is not closed; undefined when none starts there. */
function endOf(text: string, start: number): number | undefined {
  const quote = text[start];
  if (quote !== '"' && quote !== "'") return undefined;
  const long = text.startsWith(quote.repeat(3), start);
  const close = long ? quote.repeat(3) : quote;
  let at = start + close.length;
  while (at < text.length && !text.startsWith(close, at)) {
    if (!long && text[at] === "\n") return at;
    at += quote === '"' && text[at] === "\\" ? 2 : 1;
  }
  return Math.min(at + close.length, text.length);
}
