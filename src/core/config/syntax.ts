import { Failure } from "../failure.ts";
import type { Lines } from "./lines.ts";
import { type Item, type ScannedHeader, scan, Unscannable } from "./scan.ts";

/**
 * What the `toml` package threw, as a Failure with its place. Neither the message nor the hint quotes a value. A grammar error has its
 * position in `location`: its `line` is overwritten by the engine's own.
 */
export function syntaxFailure(thrown: unknown, text: string, lines: Lines): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const offset = grammarOffset(error);
  if (offset !== undefined) {
    const { message, hint } = unexpected(text, offset);
    return new Failure("config.syntax", message, { hint, at: lines.place(offset, offset + 1) });
  }
  const line = numberIn(error, "line") ?? 1;
  const start = lines.offset(line, numberIn(error, "column") ?? 1);
  const end = start + (/^(?:\[[^\n]*?\]+|[^\s=,\]}]+)/.exec(text.slice(start, start + 500))?.[0].length ?? 1);
  return new Failure("config.syntax", ...ruleBroken(error.message, text, lines, lines.place(start, end)));
}

type Facts = ConstructorParameters<typeof Failure>[2];

/** The rules that the grammar does not hold: keys that are defined twice, numbers and dates out of range. */
function ruleBroken(message: string, text: string, lines: Lines, at: ReturnType<Lines["place"]>): [string, Facts] {
  const path = /^Cannot [^']*'(.*)'/s.exec(message)?.[1];
  if (path !== undefined) {
    const first = firstHeader(text, path);
    const where = first === undefined ? undefined : lines.place(first.start, first.end).line;
    const hint = where === undefined || where === at.line ? undefined : `it is first defined in line ${where}`;
    return [`${path} is defined more than once`, { at, hint }];
  }
  if (message.startsWith("Integer"))
    return ["this number is too large", { at, hint: "write it in quotes as a string" }];
  if (/depth|nest|call stack/i.test(message))
    return ["lists and tables are nested too deeply", { at: { ...at, width: 1 } }];
  if (/escape/i.test(message))
    return ["invalid escape sequence", { at, hint: "escape a backslash as \\\\, or use single quotes" }];
  return [message.replace(/^Invalid/, "invalid").replace(/\.$/, ""), { at }];
}

function firstHeader(text: string, path: string): ScannedHeader | undefined {
  let items: readonly Item[];
  try {
    items = scan(text);
  } catch (thrown) {
    if (thrown instanceof Unscannable) return undefined;
    throw thrown;
  }
  const name = ({ key }: ScannedHeader) =>
    key.parts.map((part) => (part.text.includes(".") ? `"${part.text}"` : part.text));
  return items.find((item): item is ScannedHeader => item.kind === "header" && name(item).join(".") === path);
}

/** What stands where something else had to stand, and the likeliest reason. */
function unexpected(text: string, offset: number): { readonly message: string; readonly hint?: string } {
  const found = text.slice(offset).match(/^\r?\n|^./su)?.[0];
  const what = found === undefined ? "end of file" : /^\r?\n$/.test(found) ? "end of line" : JSON.stringify(found);
  const message = `unexpected ${what}`;
  const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  const ends = found === undefined || /^\r?\n$/.test(found);
  if (/^\s*\[[^\]=]*$/.test(before) && ends) return { message, hint: "a table header ends with ]" };
  if (/=\s*$/.test(before)) {
    if (ends) return { message, hint: "expected a value after =" };
    if (/[\p{L}./~]/u.test(found)) return { message, hint: "strings are written in quotes" };
  }
  if (/^\s*[\w."'-]+\s*$/.test(before) && ends) return { message, hint: "after a key comes = and a value" };
  if (/["'][^"']*$/.test(before) && ends && odd(before)) return { message, hint: "the quotes are not closed" };
  if (/^\s*$/.test(before) && found !== undefined && /\p{L}/u.test(found))
    return { message, hint: "quote keys with characters other than letters, digits, _ and -" };
  if (/=\s*\S+/.test(before) && !ends) return { message, hint: "write each key on its own line" };
  return { message };
}

const odd = (before: string): boolean =>
  (before.match(/"/g) ?? []).length % 2 === 1 || (before.match(/'/g) ?? []).length % 2 === 1;

function grammarOffset(error: Error): number | undefined {
  const location: unknown = Reflect.get(error, "location");
  if (typeof location !== "object" || location === null) return undefined;
  const start: unknown = Reflect.get(location, "start");
  if (typeof start !== "object" || start === null) return undefined;
  return numberIn(start, "offset");
}

function numberIn(from: object, name: string): number | undefined {
  const found: unknown = Reflect.get(from, name);
  return typeof found === "number" ? found : undefined;
}
