import type { Attributes, Value } from "../../core/model/value.ts";

// Attributes of a state as they come: null where nothing was said, lists of one for blocks.

export type KnownValue = Readonly<Record<string, unknown>>;

/** A text that says something. */
export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

export const isKnown = (value: unknown): value is KnownValue =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A table, or the only one of a list of blocks. */
export function block(value: unknown): KnownValue | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  return isKnown(one) ? one : undefined;
}

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The value without all that says nothing: null, empty texts, lists and tables. */
export function said(value: unknown): Value | undefined {
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) {
    const items = value.flatMap((one: unknown) => said(one) ?? []);
    return items.length === 0 ? undefined : items;
  }
  if (!isKnown(value)) return undefined;
  const entries = Object.entries(value).flatMap(([key, one]): [string, Value][] => {
    const found = said(one);
    return found === undefined ? [] : [[key, found]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Those of these attributes that say something, in the order of `names`; `as` gives some another name. */
export function picked(
  attributes: KnownValue,
  names: readonly string[],
  as: Readonly<Record<string, string>> = {},
): Record<string, Value> {
  return Object.fromEntries(
    names.flatMap((name): [string, Value][] => {
      const value = said(attributes[name]);
      return value === undefined ? [] : [[as[name] ?? name, value]];
    }),
  );
}

/** What an instance comes to in our words. */
export interface Mapped {
  /** What the backend calls the image; undefined: the state does not tell, because it was never made. */
  readonly id: string | undefined;
  /** Settings of the backend that the instance tells: its remote, its region. */
  readonly place?: Readonly<Record<string, string>>;
  /** Attributes in the order in which they are written. Paths are as terraform has them. */
  readonly attributes: Attributes;
  /** Attributes that are written even where they are what comes by itself. */
  readonly always?: readonly string[];
  /** Secrets by their attributes: written as references. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What the user should know of it. */
  readonly notes?: readonly string[];
}
