import type { AttributeLife, ConformanceSpec, TestPlace } from "../core/conformance.ts";
import type { Attribute } from "../core/model/schema.ts";
import { type Attributes, isTable, type Value } from "../core/model/value.ts";
import type { Plugin } from "../core/plugin.ts";

/** A server that the author of a plugin names. */
interface NamedServer {
  readonly settings: Attributes;
  /** The least that an image needs, besides its source. */
  readonly small: Attributes;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly bytes?: Uint8Array | undefined;
  readonly filename?: string | undefined;
}

const text = (word: string): Uint8Array => new TextEncoder().encode(`${word}\n`.repeat(1024));

/** What can be asked of a server without a conformance file: values of attributes are made up by their types. */
export function generatedSpec(plugin: Plugin, { settings, small, env, bytes, filename }: NamedServer): ConformanceSpec {
  const secrets = referenced(settings, env);
  const place: TestPlace = {
    settings,
    env: secrets,
    ...(Object.keys(secrets).length > 0 && { bad: { settings, env: wrong(secrets) } }),
    async [Symbol.asyncDispose]() {},
  };
  const origins = new Set((plugin.origins ?? []).flatMap(({ needs, may = [] }) => [...needs, ...may]));
  const lives: Record<string, AttributeLife> = {};
  const elsewhere: Record<string, string> = {};
  for (const [name, attribute] of Object.entries(plugin.image)) {
    if (attribute.mode === "computed" || attribute.compare === "never" || name in small) continue;
    const life = origins.has(name) ? undefined : lifeOf(attribute);
    if (life === undefined) elsewhere[name] = "no values can be generated for it: set them in a conformance file";
    else lives[name] = life;
  }
  const sends = plugin.bytes !== undefined;
  return {
    shared: true,
    place: async () => place,
    small,
    lives,
    elsewhere,
    ...(sends && { bytes: bytes ?? text("a small image") }),
    ...(sends && bytes === undefined && { otherBytes: text("another small image") }),
    ...(filename !== undefined && { filename }),
  };
}

/** The variables that settings refer to, as they are set. */
function referenced(settings: Attributes, env: NamedServer["env"]): Record<string, string> {
  const names = Object.values(settings).flatMap((value) =>
    typeof value === "string" && value.startsWith("env:") ? [value.slice("env:".length)] : [],
  );
  return Object.fromEntries(
    names.flatMap((name): [string, string][] => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

const wrong = (secrets: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(secrets).map((name) => [name, `not-accepted-${name.toLowerCase()}`]));

/** Two values of an attribute, by its type; undefined where its type does not say any. */
function lifeOf(attribute: Attribute): AttributeLife | undefined {
  if (attribute.sensitive === true || attribute.onChange === "refuse") return undefined;
  const found = pairs(attribute.type.json).find((pair) => pair.every((value) => attribute.type.check(value).ok));
  if (found === undefined) return undefined;
  const [set, change] = found;
  return {
    set,
    change,
    ...(attribute.onChange === "replace" && { replaces: true }),
    ...(attribute.mode === "required" && { clears: false }),
  };
}

function pairs(json: Readonly<Record<string, unknown>>): readonly (readonly [Value, Value])[] {
  const { enum: words, type, items, additionalProperties: values, pattern } = json;
  if (pattern !== undefined) return [];
  if (Array.isArray(words)) return words.length < 2 ? [] : [[String(words[0]), String(words[1])]];
  if (type === "string") return [["first", "second words"]];
  if (type === "boolean") return [[true, false]];
  if (type === "integer") {
    const least = typeof json["minimum"] === "number" ? json["minimum"] : 1;
    return [[least + 1, least + 2]];
  }
  if (type === "array" && isJson(items)) return pairs(items).map(([a, b]) => [[a, b], [b]] as const);
  if (type === "object" && isJson(values))
    return pairs(values).map(([a, b]) => [{ key: a }, { key: b, more: a }] as const);
  return [];
}

const isJson = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * `NAME=VALUE` by the type of the attribute: the text itself where it fits, else as JSON. Undefined where neither fits.
 */
export function valueFrom(attribute: Attribute, written: string): Value | undefined {
  if (attribute.sensitive === true || attribute.type.check(written).ok) return written;
  try {
    const value: unknown = JSON.parse(written);
    const isValue = typeof value === "boolean" || typeof value === "number" || Array.isArray(value);
    const checked = attribute.type.check(value);
    return checked.ok && (isValue || isTable(checked.value)) ? checked.value : undefined;
  } catch {
    return undefined;
  }
}
