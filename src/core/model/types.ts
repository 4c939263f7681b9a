import * as t from "typanion";
import { check } from "./check.ts";
import { nearest } from "./nearest.ts";
import type { Attribute, Checked, Desired, JsonSchema, Schema, Type } from "./schema.ts";
import { isSame, isSameSet, isTable, type Value } from "./value.ts";

// The values that an attribute can have.

const ok = <T>(value: T): Checked<T> => ({ ok: true, value });
const wrong = <T>(message: string): Checked<T> => ({ ok: false, faults: [{ path: [], message }] });

function leaf<T extends Value>(
  label: string,
  json: JsonSchema,
  is: t.StrictValidator<unknown, T>,
  rule = label,
): Type<T> {
  const words = /^[aeiou]/.test(rule) ? `an ${rule}` : `a ${rule}`;
  return {
    label,
    json,
    check: (value) =>
      is(value) ? ok(value) : wrong(`expected ${/^[a-z]+$/.test(rule) ? words : rule}, got ${kind(value)}`),
  };
}

/** A short string as it is written, and of everything else the kind. */
const shown = (value: unknown): string =>
  typeof value === "string" && value.length <= 40 ? JSON.stringify(value) : kind(value);

const kind = (value: unknown): string => {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return value instanceof Date ? "a date" : typeof value === "object" ? "a table" : `a ${typeof value}`;
};

export const string = (): Type<string> => leaf("string", { type: "string" }, t.isString());
export const boolean = (): Type<boolean> => leaf("boolean", { type: "boolean" }, t.isBoolean());

/** A string that a pattern describes; `rule` says it in words: "3 to 50 characters". */
export const matching = (pattern: RegExp, rule: string): Type<string> => ({
  label: "string",
  json: { type: "string", pattern: pattern.source },
  check: (value) => (typeof value === "string" && pattern.test(value) ? ok(value) : wrong(`expected ${rule}`)),
});

export const integer = ({ min, max }: { readonly min?: number; readonly max?: number } = {}): Type<number> => {
  const rule = max !== undefined ? `${min ?? 0} to ${max}` : min !== undefined ? `${min} or more` : "a whole number";
  return {
    label: "integer",
    json: {
      type: "integer",
      ...(min === undefined ? {} : { minimum: min }),
      ...(max === undefined ? {} : { maximum: max }),
    },
    check: (value) => {
      if (typeof value !== "number" || !Number.isSafeInteger(value))
        return wrong(`expected a whole number, got ${kind(value)}`);
      return value < (min ?? -Infinity) || value > (max ?? Infinity) ? wrong(`expected ${rule}`) : ok(value);
    },
  };
};

export const oneOf = <const T extends string>(...values: readonly T[]): Type<T> => {
  const label = values.map((value) => JSON.stringify(value)).join(" | ");
  return {
    label,
    json: { type: "string", enum: values },
    check: (value) => {
      const found = values.find((one) => one === value);
      if (found !== undefined) return ok(found);
      const near = typeof value === "string" ? nearest(value, values) : undefined;
      const hint = near === undefined ? {} : { hint: `did you mean ${JSON.stringify(near)}?` };
      return { ok: false, faults: [{ path: [], message: `expected ${label}, got ${shown(value)}`, ...hint }] };
    },
  };
};

const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** Seconds that a duration comes to, from a number or text like "90s", "20m", "1h30m"; undefined when it is none. */
export function seconds(value: unknown): number | undefined {
  if (typeof value === "number") return value >= 0 ? value : undefined;
  const found = typeof value === "string" && value !== "" ? DURATION.exec(value) : null;
  if (found === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, rest = 0] = found.slice(1).map((part) => Number(part ?? 0));
  return ((days * 24 + hours) * 60 + minutes) * 60 + rest;
}

/** Seconds, or text like "90s", "20m", "1h30m", "7d"; `seconds()` reads it. */
export const duration = (): Type<string | number> => ({
  label: "duration",
  json: {
    anyOf: [
      { type: "number", minimum: 0 },
      { type: "string", pattern: DURATION.source },
    ],
  },
  check: (value) =>
    (typeof value === "string" || typeof value === "number") && seconds(value) !== undefined
      ? ok(value)
      : wrong('expected seconds, or a duration like "90s", "20m", "1h30m"'),
  same: (a, b) => seconds(a) === seconds(b),
});

export const listOf = <T extends Value>(item: Type<T>): Type<readonly T[]> => ({
  label: `list of ${plural(item.label)}`,
  json: { type: "array", items: item.json },
  check: (value) => {
    if (!Array.isArray(value)) return wrong(`expected a list, got ${kind(value)}`);
    return gather(
      value.map((one: unknown, i) => [i, item.check(one)]),
      (parts) => parts.map(([, part]) => part),
    );
  },
  ...(item.fields === undefined ? {} : { fields: item.fields }),
  same: (a, b) =>
    Array.isArray(a) &&
    Array.isArray(b) &&
    a.length === b.length &&
    a.every((one, i) => (item.same ?? isSame)(one, b[i])),
});

/** A list in which order and repetition do not count: tags, regions. */
export const setOf = <T extends Value>(item: Type<T>): Type<readonly T[]> => ({
  ...listOf(item),
  label: `set of ${plural(item.label)}`,
  same: (a, b) => Array.isArray(a) && Array.isArray(b) && isSameSet(a, b),
});

/** A table with keys of the user's own. What `keys` means stands at Type.keys. */
export const mapOf = <T extends Value>(
  item: Type<T>,
  { keys = "own" }: { readonly keys?: "own" | "exact" } = {},
): Type<{ readonly [key: string]: T }> => ({
  label: `table of ${plural(item.label)}`,
  json: { type: "object", additionalProperties: item.json },
  check: (value) => {
    if (!isTable(value)) return wrong(`expected a table, got ${kind(value)}`);
    return gather(
      Object.entries(value).map(([key, one]) => [key, item.check(one)]),
      (parts) => Object.fromEntries(parts),
    );
  },
  keys,
});

/** A table with fixed keys, checked by a schema of its own. */
export const table = <const S extends Schema>(fields: S): Type<Extract<Desired<S>, Value>> => ({
  label: "table",
  json: jsonOf(fields),
  check: (value) =>
    isTable(value)
      ? // biome-ignore lint/plugin: the check of the fields has proved the type.
        (check(fields, value) as Checked<Extract<Desired<S>, Value>>)
      : wrong(`expected a table, got ${kind(value)}`),
  fields,
});

/** The first of several types that fits. */
export const either = <A extends Value, B extends Value>(first: Type<A>, second: Type<B>): Type<A | B> => ({
  label: `${first.label} or ${second.label}`,
  json: { anyOf: [first.json, second.json] },
  check: (value): Checked<A | B> => {
    const one = first.check(value);
    if (one.ok) return one;
    const two = second.check(value);
    if (two.ok) return two;
    return isTable(value) || Array.isArray(value)
      ? two
      : wrong(`expected a ${first.label} or a ${second.label}, got ${kind(value)}`);
  },
  ...(second.fields === undefined ? {} : { fields: second.fields }),
});

/** The JSON Schema of a table with these fields. */
const jsonOf = (fields: Schema): JsonSchema => ({
  type: "object",
  additionalProperties: false,
  required: Object.entries(fields).flatMap(([name, { mode, also }]) =>
    mode === "required" && also === undefined ? [name] : [],
  ),
  properties: Object.fromEntries(
    Object.entries(fields).flatMap(([name, attribute]) => {
      const { doc, also = [], mode } = attribute;
      return mode === "computed"
        ? []
        : [name, ...also].map((key) => [key, { ...writtenJson(attribute), description: doc }]);
    }),
  ),
});

/** The JSON Schema of what may be written for an attribute. */
export const writtenJson = ({ type, reference }: Attribute): JsonSchema =>
  reference === true ? { anyOf: [type.json, REFERENCE] } : type.json;

/** Another image of the file, in place of its id. */
const REFERENCE: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["image"],
  properties: { image: { type: "string" } },
};

function gather<K extends string | number, T, R>(
  parts: readonly (readonly [K, Checked<T>])[],
  make: (good: readonly [K, T][]) => R,
): Checked<R> {
  const faults = parts.flatMap(([key, part]) =>
    part.ok ? [] : part.faults.map((f) => ({ ...f, path: [key, ...f.path] })),
  );
  if (faults.length > 0) return { ok: false, faults };
  return ok(make(parts.flatMap(([key, part]): [K, T][] => (part.ok ? [[key, part.value]] : []))));
}

const plural = (label: string): string => (/^[a-z]+$/.test(label) ? `${label}s` : label);

// The ways in which an attribute can come to have a value.

type More<T extends Value> = Omit<Extract<Attribute<T>, { mode: "optional" }>, "mode" | "type" | "doc">;

export const required = <T extends Value>(type: Type<T>, doc: string, more: More<T> = {}) =>
  ({ mode: "required", type, doc, ...more }) as const;
export const optional = <T extends Value>(type: Type<T>, doc: string, more: More<T> = {}) =>
  ({ mode: "optional", type, doc, ...more }) as const;
export const withDefault = <T extends Value>(type: Type<T>, value: T, doc: string, more: More<T> = {}) =>
  ({ mode: "default", type, value, doc, ...more }) as const;
export const computed = <T extends Value>(type: Type<T>, doc: string) => ({ mode: "computed", type, doc }) as const;
