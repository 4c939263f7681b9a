import type { Attributes, Value } from "./value.ts";

/** What a changed value asks of the planner. */
type OnChange = "update" | "replace" | "refuse";
/**
 * What a wanted value is compared with. `live`: what the backend shows. `recorded`: what the state remembers, because the backend
 * does not tell it (a disk that an image was made from). `never`: it steers a run and is no property of the image.
 */
type Compare = "live" | "recorded" | "never";

export type JsonSchema = { readonly [key: string]: unknown };

/** The set of values that an attribute can have. Made by the builders in types.ts. */
export interface Type<out T extends Value = Value> {
  /** For people: "string", "list of strings", "table of strings". */
  readonly label: string;
  /** The value as wanted, defaults of its own tables filled in; or every fault of it. Messages never contain the value. */
  check(value: unknown): Checked<T>;
  readonly json: JsonSchema;
  /** Two spellings of one value (sets in another order): no change is planned between them. */
  readonly same?: (a: Value, b: Value) => boolean;
  /** What its tables hold, where it has any of its own. */
  readonly fields?: Schema;
  /**
   * For maps. `own`: only keys that are or were declared are managed, others are left alone. `exact`: what is not listed is removed.
   */
  readonly keys?: "own" | "exact";
}

interface Facts<T> {
  /** The first sentence is the help line. */
  readonly doc: string;
  /** Written by reference only (env:, file:, cmd:); shown as (sensitive) everywhere. */
  readonly sensitive?: boolean;
  /** Default: update. */
  readonly onChange?: OnChange;
  /** Default: live. */
  readonly compare?: Compare;
  /** Two spellings of one value, where the type's own `same` does not know. */
  readonly same?: (a: T, b: T) => boolean;
  /** What the backend shows when it is not set: taking the line out of the file comes to this, and this alone is no drift. */
  readonly unset?: T;
  /** If it is not set, the backend shows the image's own name, as it takes it: what it shows then is no drift. */
  readonly ownName?: boolean;
  /** Of an input of the creation that says where the image is kept: taking the line out brings it to the backend's own place. */
  readonly places?: boolean;
  /**
   * Of an input of the creation that the backend reports as it is (by `same`): while it is declared, what the backend reports is
   * compared, whatever was recorded.
   */
  readonly reported?: boolean;
  /** What of a value is kept in the state and shown; of a signed URL, all but the signature. */
  readonly stored?: (value: T) => T;
  /** The id of an image: `{ image = "BACKEND/NAME" }`, another image of the file on the same backend, may be written in its place. */
  readonly reference?: boolean;
  /** Other names that mean the same, for the spelling of other tools. */
  readonly also?: readonly string[];
  /** For the docs. */
  readonly example?: T;
}

/** The four ways an attribute can come to have a value; no other combination can be written down. */
export type Attribute<T extends Value = Value> =
  | (Facts<T> & { readonly mode: "required"; readonly type: Type<T> })
  | (Facts<T> & { readonly mode: "optional"; readonly type: Type<T> })
  | (Facts<T> & { readonly mode: "default"; readonly type: Type<T>; readonly value: T })
  | (Facts<T> & { readonly mode: "computed"; readonly type: Type<T> });

// biome-ignore lint/suspicious/noExplicitAny: a schema is a bag of differently typed attributes.
export type Schema = Readonly<Record<string, Attribute<any>>>;

type TypeOf<A> = A extends { readonly type: Type<infer T> } ? T : never;
type Keys<S extends Schema, M extends Attribute["mode"]> = {
  [K in keyof S]: S[K]["mode"] extends M ? K : never;
}[keyof S];
type Simplify<T> = { [K in keyof T]: T[K] } & {};

/** What a user may write. */
export type Written<S extends Schema> = Simplify<
  { readonly [K in Keys<S, "required">]: TypeOf<S[K]> } & {
    readonly [K in Keys<S, "optional" | "default">]?: TypeOf<S[K]>;
  }
>;
/** What the planner wants: defaults filled in. */
export type Desired<S extends Schema> = Simplify<
  { readonly [K in Keys<S, "required" | "default">]: TypeOf<S[K]> } & {
    readonly [K in Keys<S, "optional">]?: TypeOf<S[K]>;
  }
>;
/** What a backend answers: computed values too; each may be missing where the backend does not tell it. */
export type Reported<S extends Schema> = Simplify<{ readonly [K in keyof S]?: TypeOf<S[K]> }>;

/** Something wrong with one value; `path` leads to it from the table that was checked. */
export interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint?: string;
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export const isSensitive = (schema: Schema, name: string): boolean => schema[name]?.sensitive === true;

const listed = new WeakMap<Schema, readonly [string, Attribute][]>();

/** The attributes of a schema with their names, in its order: asked again for each of thousands of images. */
export function entriesOf(schema: Schema): readonly [string, Attribute][] {
  let found = listed.get(schema);
  if (found === undefined) {
    found = Object.entries(schema);
    listed.set(schema, found);
  }
  return found;
}

/** The attributes that a user may write, in the order of the schema. */
export const writable = (schema: Schema): [string, Attribute][] =>
  Object.entries(schema).filter(([, attribute]) => attribute.mode !== "computed");

/** Attributes without the values that must not be kept or shown. */
export function withoutSensitive(schema: Schema, attributes: Attributes): Attributes {
  const kept: Record<string, Value> = {};
  for (const name of Object.keys(attributes)) {
    const value = attributes[name];
    if (value !== undefined && !isSensitive(schema, name)) kept[name] = schema[name]?.stored?.(value) ?? value;
  }
  return kept;
}
