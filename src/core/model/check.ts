import { nearest } from "./nearest.ts";
import { type Checked, type Desired, entriesOf, type Fault, type Schema } from "./schema.ts";
import type { Value } from "./value.ts";

/** Checks a written table and fills in the defaults. Every fault is reported, not only the first. */
export function check<S extends Schema>(schema: S, written: Readonly<Record<string, unknown>>): Checked<Desired<S>>;
export function check(
  schema: Schema,
  written: Readonly<Record<string, unknown>>,
): Checked<Readonly<Record<string, Value>>> {
  const faults: Fault[] = [];
  const value: Record<string, Value> = {};
  const used = new Map<string, string>();
  for (const [key, item] of Object.entries(written)) {
    const name = nameFor(schema, key);
    const attribute = name === undefined ? undefined : schema[name];
    if (name === undefined || attribute === undefined) {
      faults.push({ path: [key], message: `unknown key ${JSON.stringify(key)}`, ...meant(key, allowed(schema)) });
      continue;
    }
    const before = used.get(name);
    if (before !== undefined)
      faults.push({ path: [key], message: `${key} and ${before} are the same: write one of them` });
    used.set(name, key);
    if (attribute.mode === "computed") {
      faults.push({ path: [key], message: `${key} is computed by the backend and cannot be set` });
      continue;
    }
    const checked = attribute.type.check(item);
    if (checked.ok) value[name] = checked.value;
    else for (const fault of checked.faults) faults.push({ ...fault, path: [key, ...fault.path] });
  }
  for (const [name, attribute] of entriesOf(schema)) {
    if (used.has(name)) continue;
    if (attribute.mode === "required") faults.push({ path: [], message: `${name} is missing`, hint: attribute.doc });
    if (attribute.mode === "default") value[name] = attribute.value;
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, value };
}

/** The attribute that a written key means, by its name or one of its other spellings. */
export function nameFor(schema: Schema, key: string): string | undefined {
  if (Object.hasOwn(schema, key)) return key;
  return entriesOf(schema).find(([, { also }]) => also?.includes(key))?.[0];
}

/** What is wrong with a schema itself, in words for the author of the plugin. */
export function faults(schema: Schema, isInner = false): string[] {
  const found: string[] = [];
  for (const [name, attribute] of Object.entries(schema)) {
    const say = (text: string) => found.push(`${name}: ${text}`);
    if (!/^[a-z][a-z0-9_]*$/.test(name)) say("expected lower-case letters, digits and underscores");
    if (attribute.doc.trim() === "") say("has no doc");
    if (attribute.mode === "computed" && attribute.onChange !== undefined)
      say("is computed, so it cannot have onChange");
    if (attribute.mode === "computed" && attribute.compare !== undefined) say("is computed, so it cannot have compare");
    if (attribute.mode === "default" && !attribute.type.check(attribute.value).ok)
      say("has a default that its type refuses");
    if (attribute.compare === "never" && attribute.onChange !== undefined)
      say("is never compared, so onChange has no meaning");
    if (attribute.reference === true && (attribute.mode !== "optional" || attribute.sensitive === true))
      say("is a reference to an image, so it has to be optional and not sensitive");
    if (attribute.reference === true && isInner)
      say("is a reference to an image, which no attribute of a table can be");
    for (const other of attribute.also ?? []) {
      if (Object.hasOwn(schema, other)) say(`has the alias ${other}, which is an attribute itself`);
    }
    if (attribute.type.fields !== undefined)
      found.push(...faults(attribute.type.fields, true).map((text) => `${name}.${text}`));
  }
  return found;
}

const allowed = (schema: Schema): string[] =>
  Object.entries(schema).flatMap(([name, { mode, also }]) => (mode === "computed" ? [] : [name, ...(also ?? [])]));

/** The hint for a key that is none: the nearest right one, else all of them. */
export function meant(key: string, right: readonly string[]): { readonly hint?: string } {
  const found = nearest(key, right);
  if (found !== undefined) return { hint: `did you mean ${found}?` };
  return right.length === 0 ? {} : { hint: `known here: ${[...right].sort().join(", ")}` };
}
