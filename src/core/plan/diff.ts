import type { Observed } from "../model/image.ts";
import { type Address, imageOf } from "../model/name.ts";
import type { Change, Forces, Shown } from "../model/plan.ts";
import { type Attribute, entriesOf, type Schema } from "../model/schema.ts";
import { type Attributes, isSame, isTable, type Value } from "../model/value.ts";
import type { Plugin } from "../plugin.ts";

export interface Diff {
  readonly changes: readonly Change[];
  /** Attributes that differ and can be changed neither in place nor by a new image. */
  readonly refused: readonly string[];
  /** Attributes, and `name.key` of tables, that go back to the backend's default. */
  readonly cleared: readonly string[];
}

/** What one image is compared with. */
interface Compared {
  /** What the backend shows; undefined: there is no image yet. */
  readonly have: Attributes | undefined;
  readonly want: Attributes;
  /** What was wanted when the state was last written; undefined: not known, so nothing is cleared and no creation input differs. */
  readonly recorded?: Attributes | undefined;
  /** What creation inputs come to where none are declared. */
  readonly usual?: Attributes | undefined;
  /** What attributes of this image come to by default, besides what `unset` says. */
  readonly defaults?: Attributes | undefined;
  readonly ignore?: readonly string[];
  /** Attributes whose wanted values are known only when the images that they name are there. */
  readonly later?: readonly string[];
}

/** have against want by the schema; pure. A line taken out of the file is told from one that never was there by `recorded`. */
export function diff(
  schema: Schema,
  { have, want, recorded, usual, defaults, ignore = [], later = [] }: Compared,
): Diff {
  if (have !== undefined && later.length === 0 && isAsWanted(schema, have, want, recorded)) return SAME;
  const changes: Change[] = [];
  const refused: string[] = [];
  const cleared: string[] = [];
  for (const [name, attribute] of entriesOf(schema)) {
    if (attribute.mode === "computed") continue;
    if (later.includes(name)) {
      if (have === undefined || !ignore.includes(name)) changes.push(laterChange(name, attribute, recorded?.[name]));
      continue;
    }
    if (have === undefined) {
      const after = want[name];
      if (after !== undefined) changes.push({ kind: "add", name, after: shown(attribute, after), forces: "update" });
      continue;
    }
    // Neither declared now nor before: it is unmanaged.
    if (want[name] === undefined && recorded?.[name] === undefined) continue;
    if (attribute.compare === "never" || ignore.includes(name)) continue;
    const [before, after] = pair(attribute, name, have, want, recorded);
    if (isUnchanged(attribute, before, after) || isUsual(attribute, name, have, want, usual)) continue;
    if (isDefault(attribute, before, after, defaults?.[name])) continue;
    if (attribute.onChange === "refuse") refused.push(name);
    changes.push(change(name, attribute, before, after));
    cleared.push(...clears(attribute, name, before, after));
  }
  return { changes, refused, cleared };
}

const SAME: Diff = { changes: [], refused: [], cleared: [] };

/** Every line is exactly what the backend shows, and none was taken out: so it is for nearly every image, and nothing else is compared. */
function isAsWanted(schema: Schema, have: Attributes, want: Attributes, recorded: Attributes | undefined): boolean {
  for (const name in want) {
    const { compare = "live" } = schema[name] ?? {};
    if (compare !== "live" || !isSame(have[name], want[name])) return false;
  }
  for (const name in recorded) if (want[name] === undefined) return false;
  return true;
}

/** The two values that count: of a table with keys of its own, only the keys that are or were declared. */
function pair(
  attribute: Attribute,
  name: string,
  have: Attributes,
  want: Attributes,
  recorded: Attributes | undefined,
): [before: Value | undefined, after: Value | undefined] {
  const after = want[name];
  const known = recorded?.[name];
  if (attribute.compare === "recorded") return pairOfInput(attribute, have[name], after, recorded, known);
  const before = have[name];
  if (after === undefined && known === undefined) return [undefined, undefined];
  if (attribute.type.keys !== "own") return [before, after];
  const keys = new Set([...(isTable(after) ? Object.keys(after) : []), ...(isTable(known) ? Object.keys(known) : [])]);
  const ours = Object.entries(isTable(before) ? before : {}).filter(([key]) => keys.has(key));
  return [ours.length === 0 ? undefined : Object.fromEntries(ours), after];
}

/** An input of the creation. What the backend reports of it wins; what it does not report is compared with what was recorded. */
function pairOfInput(
  attribute: Attribute,
  live: Value | undefined,
  after: Value | undefined,
  recorded: Attributes | undefined,
  known: Value | undefined,
): [before: Value | undefined, after: Value | undefined] {
  if (recorded === undefined) return after === undefined || live === undefined ? [after, after] : [live, after];
  if (attribute.reported === true && live !== undefined && after !== undefined) return [live, after];
  if (after === undefined && attribute.places === true) return [known, after];
  const written = after ?? known;
  if (live !== undefined && written !== undefined && sameBy(attribute, live, written)) return [written, written];
  return [known, after];
}

/** A creation input that nothing says any more, and that is what it would be anyway. */
function isUsual(
  attribute: Attribute,
  name: string,
  have: Attributes,
  want: Attributes,
  usual: Attributes | undefined,
): boolean {
  const [live, without] = [have[name], usual?.[name]];
  if (attribute.compare !== "recorded" || want[name] !== undefined || live === undefined || without === undefined)
    return false;
  return sameBy(attribute, live, without);
}

function isUnchanged(attribute: Attribute, before: Value | undefined, after: Value | undefined): boolean {
  if (before !== undefined && after !== undefined) return sameBy(attribute, before, after);
  const only = before ?? after;
  return only === undefined || isUnset(attribute, only);
}

/** What attributes of an image come to by default: its own name, and what the plugin says. */
export function defaultsOf(plugin: Pick<Plugin, "image" | "defaults">, address: Address): Attributes {
  const own: Record<string, Value> = {};
  for (const [name, { ownName }] of entriesOf(plugin.image)) if (ownName === true) own[name] = imageOf(address);
  return { ...own, ...plugin.defaults?.(address) };
}

/** The line is taken out, and what exists is what no line comes to. */
const isDefault = (
  attribute: Attribute,
  before: Value | undefined,
  after: Value | undefined,
  own: Value | undefined,
): boolean => after === undefined && before !== undefined && own !== undefined && sameBy(attribute, before, own);

/** What an attribute is by default. */
export const isUnset = (attribute: Attribute, value: Value): boolean =>
  attribute.unset === undefined ? isEmpty(value) : sameBy(attribute, value, attribute.unset);

/** Whether two values are one, by the attribute's own rule, its type's, or their content. */
export function sameBy(attribute: Attribute, a: Value, b: Value): boolean {
  return isSame(a, b) || attribute.same?.(a, b) === true || attribute.type.same?.(a, b) === true;
}

const isEmpty = (value: Value): boolean =>
  value === "" || (Array.isArray(value) && value.length === 0) || (isTable(value) && Object.keys(value).length === 0);

function clears(attribute: Attribute, name: string, before: Value | undefined, after: Value | undefined): string[] {
  if (attribute.type.keys !== undefined && isTable(before)) {
    return Object.keys(before).flatMap((key) =>
      isTable(after) && Object.hasOwn(after, key) ? [] : [`${name}.${key}`],
    );
  }
  return after === undefined ? [name] : [];
}

function change(name: string, attribute: Attribute, before: Value | undefined, after: Value | undefined): Change {
  const forces: Forces = attribute.onChange === "replace" ? "replace" : "update";
  if (after === undefined) return { kind: "remove", name, before: shown(attribute, before ?? ""), forces };
  if (before === undefined) return { kind: "add", name, after: shown(attribute, after), forces };
  return { kind: "edit", name, before: shown(attribute, before), after: shown(attribute, after), forces };
}

/** The value is known after apply, and another one than before: it is that of a new image. */
function laterChange(name: string, attribute: Attribute, before: Value | undefined): Change {
  const forces: Forces = attribute.onChange === "replace" ? "replace" : "update";
  const after: Shown = { kind: "later" };
  if (before === undefined) return { kind: "add", name, after, forces };
  return { kind: "edit", name, before: shown(attribute, before), after, forces };
}

/** What the plugin once gave to an image, and has to give again. */
export const missingIn = ({ missing = {} }: Pick<Observed, "missing">): readonly Change[] =>
  Object.entries(missing).map(([name, value]) => ({
    kind: "add",
    name,
    after: { kind: "value", value },
    forces: "update",
  }));

const shown = (attribute: Attribute, value: Value): Shown =>
  attribute.sensitive === true ? { kind: "sensitive" } : { kind: "value", value: attribute.stored?.(value) ?? value };

const UNCHANGED: readonly Change[] = [];

/**
 * Declared attributes that are not what we last saw: another user changed them. `seen` and `have` are what the backend showed then and
 * shows now; `recorded` is what was wanted then.
 */
export function driftOf(schema: Schema, recorded: Attributes, seen: Attributes, have: Attributes): readonly Change[] {
  // So it is for nearly every image.
  if (Object.keys(recorded).every((name) => isSame(seen[name], have[name]))) return UNCHANGED;
  const changes: Change[] = [];
  for (const [name, attribute] of entriesOf(schema)) {
    if (attribute.mode === "computed" || (attribute.compare ?? "live") !== "live" || !Object.hasOwn(recorded, name))
      continue;
    const [before] = pair(attribute, name, seen, {}, recorded);
    const [after] = pair(attribute, name, have, {}, recorded);
    if (!isUnchanged(attribute, before, after)) changes.push(change(name, attribute, before, after));
  }
  return changes;
}
