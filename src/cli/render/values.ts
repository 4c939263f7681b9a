import type { Change, Shown } from "../../core/model/plan.ts";
import { canonical, isSame, isTable, type Value } from "../../core/model/value.ts";
import { plural } from "./format.ts";
import type { View } from "./style.ts";
import { cells, pad, quotedForm, wrap } from "./text.ts";

/** Characters of one string that a diff shows; the rest is counted. */
const LONGEST = 400;
/** Entries of one list or table that a diff shows. */
const MOST = 200;
/** What a value may take on one line where no width is known. */
const ONE_LINE = 100;

/** A value as TOML would have it on one line; nothing in it can act on a terminal. */
export function inline(value: Value): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (!isTable(value)) return `[${value.slice(0, MOST).map(inline).join(", ")}${more(value.length)}]`;
  const entries = Object.entries(value);
  if (entries.length === 0) return "{}";
  const shown = entries.slice(0, MOST).map(([name, item]) => `${key(name)} = ${inline(item)}`);
  return `{ ${shown.join(", ")}${more(entries.length)} }`;
}

const more = (count: number): string => (count > MOST ? `, … ${count - MOST} more` : "");

export const key = (name: string): string => (/^[A-Za-z0-9_-]+$/.test(name) ? name : quoted(name));

function quoted(text: string): string {
  const shown = text.length > LONGEST ? text.slice(0, LONGEST) : text;
  const rest = text.length > LONGEST ? `… (${text.length} characters)` : "";
  return quotedForm(JSON.stringify(shown)) + rest;
}

export const showShown = (shown: Shown): string => {
  switch (shown.kind) {
    case "sensitive":
      return "(sensitive)";
    case "later":
      return "(known after apply)";
    case "value":
      return inline(shown.value);
    default:
      return shown satisfies never;
  }
};

type Mark = "+" | "-" | "~" | " ";
interface Line {
  readonly depth: number;
  readonly mark: Mark;
  readonly lead: string;
  readonly text: string;
}

/**
 * One changed attribute as lines: `~ name = before -> after` where that fits, else entry by entry. `name` is padded to `width`;
 * `note` stands behind the first line.
 */
export function changeLines(change: Change, width: number, indent: number, view: View, note = ""): string[] {
  const label = `${pad(key(change.name), width)} = `;
  const room = (view.columns ?? ONE_LINE + indent) - indent - 2;
  const lines = linesOf(change, label, room);
  return lines.flatMap(({ depth, mark: marker, lead, text }, i) => {
    const before = `${" ".repeat(indent + depth * 4)}${marked(marker, view)} `;
    const tail = i === 0 && note !== "" ? `    ${view.style.replace(note)}` : "";
    const isLong = view.columns !== undefined && cells(before + lead) > view.columns / 2;
    return wrap(isLong ? before : before + lead, (isLong ? lead : "") + text + tail, view.columns, cells(before) + 4);
  });
}

const marked = (marker: Mark, { style }: View): string =>
  marker === "+"
    ? style.add(marker)
    : marker === "-"
      ? style.remove(marker)
      : marker === "~"
        ? style.change(marker)
        : marker;

function linesOf(change: Change, label: string, room: number): Line[] {
  switch (change.kind) {
    case "add":
      return change.after.kind === "value"
        ? whole("+", label, change.after.value, 0, room)
        : [{ depth: 0, mark: "+", lead: label, text: showShown(change.after) }];
    case "remove": {
      const text = `${showShown(change.before)} -> (unset)`;
      if (
        change.before.kind !== "value" ||
        partsOf(change.before.value) === undefined ||
        (cells(label + text) <= room && !hasKeys(change.before.value))
      )
        return [{ depth: 0, mark: "-", lead: label, text }];
      return whole("-", label, change.before.value, 0, room);
    }
    case "edit":
      if (change.before.kind === "value" && change.after.kind === "value")
        return edited(label, change.before.value, change.after.value, 0, room);
      return [{ depth: 0, mark: "~", lead: label, text: `${showShown(change.before)} -> ${showShown(change.after)}` }];
    default:
      return change satisfies never;
  }
}

/** A value that comes or goes as a whole. */
function whole(marker: Mark, lead: string, value: Value, depth: number, room: number): Line[] {
  const text = inline(value);
  const parts = partsOf(value);
  if (parts === undefined || (cells(lead + text) + depth * 4 <= room && !hasKeys(value)))
    return [{ depth, mark: marker, lead, text }];
  const inner = parts.slice(0, MOST).flatMap((part) => whole(marker, part.lead, part.value, depth + 1, room));
  return framed(value, marker, lead, depth, inner, parts.length > MOST ? `… ${parts.length - MOST} more` : "");
}

/** A value that becomes another. */
function edited(lead: string, before: Value, after: Value, depth: number, room: number): Line[] {
  const text = `${inline(before)} -> ${inline(after)}`;
  const fits = cells(lead + text) + depth * 4 <= room;
  if (fits && ![before, after].some((value) => isText(value) || hasKeys(value)))
    return [{ depth, mark: "~", lead, text }];
  const [old, fresh] = [partsOf(before), partsOf(after)];
  if (old === undefined || fresh === undefined || Array.isArray(before) !== Array.isArray(after))
    return [{ depth, mark: "~", lead, text: fits ? text : nearDifference(before, after, text) }];
  const { lines, same } = isTable(before) ? byKey(old, fresh, depth + 1, room) : byItem(old, fresh, depth + 1, room);
  const shown = lines.slice(0, MOST);
  const hidden = lines.length > MOST ? `… ${plural(lines.length - MOST, "more line")}` : "";
  const rest = same > 0 ? `(${same} unchanged)` : "";
  return framed(before, "~", lead, depth, shown, [hidden, rest].filter((one) => one !== "").join(" "));
}

interface Part {
  readonly lead: string;
  readonly value: Value;
}

/** A table, or a list of tables: it is shown key by key, however wide the terminal is. */
const hasKeys = (value: Value): boolean =>
  isTable(value) ? Object.keys(value).length > 0 : Array.isArray(value) && value.some(hasKeys);

const isText = (value: Value): value is string => typeof value === "string" && value.trimEnd().includes("\n");

/** What a list, a table, or text of several lines consists of; undefined for what has no parts. */
function partsOf(value: Value): Part[] | undefined {
  if (typeof value === "string")
    return isText(value) ? value.split("\n").map((line) => ({ lead: "", value: line })) : undefined;
  if (isTable(value)) return Object.entries(value).map(([name, item]) => ({ lead: `${key(name)} = `, value: item }));
  if (typeof value === "object") return value.map((item) => ({ lead: "", value: item }));
  return undefined;
}

function framed(value: Value, marker: Mark, lead: string, depth: number, inner: readonly Line[], rest: string): Line[] {
  const [open, close] = typeof value === "string" ? ['"""', '"""'] : isTable(value) ? ["{", "}"] : ["[", "]"];
  return [
    { depth, mark: marker, lead, text: open },
    ...inner,
    ...(rest === "" ? [] : [{ depth: depth + 1, mark: " ", lead: "", text: rest } as const]),
    { depth, mark: " ", lead: "", text: close },
  ];
}

interface Compared {
  readonly lines: Line[];
  readonly same: number;
}

function byKey(old: readonly Part[], fresh: readonly Part[], depth: number, room: number): Compared {
  const before = new Map(old.map(({ lead, value }) => [lead, value]));
  const after = new Map(fresh.map(({ lead, value }) => [lead, value]));
  const lines: Line[] = [];
  let same = 0;
  for (const lead of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(lead), after.get(lead)];
    if (a === undefined && b !== undefined) lines.push(...whole("+", lead, b, depth, room));
    else if (b === undefined && a !== undefined) lines.push(...whole("-", lead, a, depth, room));
    else if (a !== undefined && b !== undefined && !isSame(a, b)) lines.push(...edited(lead, a, b, depth, room));
    else same++;
  }
  return { lines, same };
}

/** Entries that are only on one side; tables that take each other's place are compared. The same entries in another order: all of them. */
function byItem(old: readonly Part[], fresh: readonly Part[], depth: number, room: number): Compared {
  const gone = without(old, fresh);
  const come = without(fresh, old);
  if (gone.length === 0 && come.length === 0) {
    const note: Line = { depth, mark: " ", lead: "", text: "(the same in another order)" };
    return { lines: [...fresh.flatMap(({ value }) => whole(" ", "", value, depth, room)), note], same: 0 };
  }
  const isPaired = [...gone, ...come].every(({ value }) => isTable(value));
  const pairs = isPaired ? Math.min(gone.length, come.length) : 0;
  const changed = gone.slice(0, pairs).flatMap(({ value, index }, i) => {
    const after = come[i];
    return after === undefined ? [] : edited(`[${index}] `, value, after.value, depth, room);
  });
  const lines = [
    ...changed,
    ...gone.slice(pairs).flatMap(({ value }) => whole("-", "", value, depth, room)),
    ...come.slice(pairs).flatMap(({ value }) => whole("+", "", value, depth, room)),
  ];
  return { lines, same: fresh.length - come.length };
}

/** The entries of `list` that `other` has not, or not as often, with where they stood. */
function without(list: readonly Part[], other: readonly Part[]): { readonly value: Value; readonly index: number }[] {
  const counts = new Map<string, number>();
  for (const { value } of other) counts.set(canonical(value), (counts.get(canonical(value)) ?? 0) + 1);
  return list.flatMap(({ value }, index) => {
    const left = counts.get(canonical(value)) ?? 0;
    if (left > 0) counts.set(canonical(value), left - 1);
    return left === 0 ? [{ value, index }] : [];
  });
}

/** Two long strings: from shortly before the first character in which they differ. */
function nearDifference(before: Value, after: Value, otherwise: string): string {
  if (typeof before !== "string" || typeof after !== "string") return otherwise;
  let at = 0;
  while (at < before.length && before[at] === after[at]) at++;
  if (at < LONGEST / 2) return otherwise;
  const from = at - 20;
  return `…${quoted(before.slice(from))} -> …${quoted(after.slice(from))} (from character ${from + 1})`;
}
