import { type Attribute, type JsonSchema, type Schema, writable } from "../model/schema.ts";
import { writtenJson } from "../model/types.ts";
import { isTable } from "../model/value.ts";
import type { Plugin } from "../plugin.ts";
import { BACKEND, IMAGE, IMPORT, MOVED, NOTIFY, POLICY, REMOVED, SETTINGS } from "./keys.ts";

const NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";
/** A string that is nothing but a variable can mean a value of any type. */
const VARIABLE = { type: "string", pattern: "^\\$\\{\\s*(?:var|env)\\.[^\\s}]+\\s*\\}$" };
const REFERENCE = { type: "string", pattern: "^(?:env:[A-Za-z_]|file:.|cmd:.|\\$\\{var\\.)" };

/**
 * JSON Schema (draft-07, which the editors of TOML know) of an images.toml with these plugins. Backends are distinguished by `plugin`; one
 * whose plugin is a file may have any settings, and with `open` images any attributes.
 */
export function configSchema(
  plugins: readonly Plugin[],
  { open = false }: { readonly open?: boolean } = {},
): JsonSchema {
  const image = imageTable(plugins, open);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "images.toml",
    type: "object",
    additionalProperties: false,
    properties: {
      include: { type: "array", items: { type: "string" }, description: "Files to include." },
      settings: described(SETTINGS, "Settings of the whole file."),
      policy: described(POLICY, "Requirements for every image."),
      vars: { type: "object", description: "Variables for use anywhere in the file." },
      backend: named(backendTable(plugins), "Backends: [backend.NAME]."),
      image: named(image, "The images: [image.NAME]."),
      moved: rows(MOVED, "Images with a new address."),
      removed: rows(REMOVED, "Images to remove from the state."),
      import: rows(IMPORT, "Existing images to adopt."),
      notify: rows(NOTIFY, "Where to send notifications about runs."),
    },
  };
}

const described = (schema: Schema, description: string): JsonSchema => ({ ...tableOf(schema), description });
const rows = (schema: Schema, description: string): JsonSchema => ({
  type: "array",
  items: tableOf(schema),
  description,
});
const named = (table: JsonSchema, description: string): JsonSchema => ({
  type: "object",
  propertyNames: { pattern: NAME },
  additionalProperties: table,
  description,
});

function backendTable(plugins: readonly Plugin[]): JsonSchema {
  const common = propertiesOf(BACKEND);
  const builtIn = plugins.map(
    ({ name, doc, config }): JsonSchema => ({
      ...tableOf(config),
      title: `a backend of ${name}`,
      description: doc,
      properties: { ...propertiesOf(config), ...common, plugin: { const: name, description: doc } },
      required: ["plugin", ...requiredOf(config)],
    }),
  );
  const file = {
    type: "object",
    title: "a backend of a plugin file",
    properties: { ...common, plugin: { type: "string", pattern: "/|\\.[cm]?[jt]s$" } },
    required: ["plugin"],
  };
  return { oneOf: [...builtIn, file] };
}

function imageTable(plugins: readonly Plugin[], open: boolean): JsonSchema {
  const attributes = new Map<string, JsonSchema[]>();
  for (const { name, image } of plugins) {
    for (const [key, json] of Object.entries(propertiesOf(image))) {
      if (!isTable(json)) continue;
      const description = `${String(json["description"] ?? "")} (${name})`;
      attributes.set(key, [...(attributes.get(key) ?? []), { ...json, description }]);
    }
  }
  for (const [key, json] of Object.entries(propertiesOf(IMAGE)))
    if (isTable(json)) attributes.set(key, [json, ...(attributes.get(key) ?? [])]);
  const shared = Object.fromEntries([...attributes].map(([key, ways]) => [key, oneWay(ways)]));
  const own = { type: "object", properties: shared, additionalProperties: open };
  const names = { type: "string", description: "The name of a backend." };
  return {
    ...own,
    properties: {
      backend: names,
      backends: { type: "array", items: names, minItems: 1, description: "The backends of the image." },
      ...shared,
      on: named(own, "Attributes on one backend: [image.NAME.on.BACKEND]."),
    },
  };
}

/** What any of several plugins takes under one name; said once where they take the same. */
function oneWay(ways: readonly JsonSchema[]): JsonSchema {
  const plain = ({ description: _, ...json }: JsonSchema) => JSON.stringify(json);
  const different = ways.filter((way, i) => ways.findIndex((other) => plain(other) === plain(way)) === i);
  const [only] = different;
  const description = ways.map((way) => way["description"]).join(" ");
  if (only !== undefined && different.length === 1) return { ...only, description };
  return { anyOf: different, description };
}

const tableOf = (schema: Schema): JsonSchema => ({
  type: "object",
  additionalProperties: false,
  required: requiredOf(schema),
  properties: propertiesOf(schema),
});

/** An attribute that has other spellings may be there under any of them, which `required` cannot say. */
const requiredOf = (schema: Schema): string[] =>
  Object.entries(schema).flatMap(([name, { mode, also }]) => (mode === "required" && also === undefined ? [name] : []));

function propertiesOf(schema: Schema): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    writable(schema).flatMap(([name, attribute]) =>
      [name, ...(attribute.also ?? [])].map((key): [string, JsonSchema] => [key, propertyOf(attribute)]),
    ),
  );
}

function propertyOf(attribute: Attribute): JsonSchema {
  const { type, doc, sensitive, example, mode } = attribute;
  return {
    ...(sensitive === true ? secret(type.json) : withVariables(writtenJson(attribute), type.fields)),
    description: doc,
    ...(mode === "default" ? { default: attribute.value } : {}),
    ...(example === undefined ? {} : { examples: [example] }),
  };
}

/** A secret is a reference; a table or list of secrets holds references. */
function secret(json: JsonSchema): JsonSchema {
  const { items, additionalProperties: values } = json;
  if (isTable(items)) return { ...json, items: secret(items) };
  if (json["type"] === "object" && isTable(values)) return { ...json, additionalProperties: secret(values) };
  return REFERENCE;
}

/** The JSON Schema of a value, with a variable allowed in place of everything that is not any text. */
function withVariables(json: JsonSchema, fields?: Schema): JsonSchema {
  const { type, items, additionalProperties: values, anyOf } = json;
  if (Array.isArray(anyOf))
    return { ...json, anyOf: anyOf.map((one) => (isTable(one) ? withVariables(one, fields) : one)) };
  if (type === "array") {
    const list = isTable(items) ? { ...json, items: withVariables(items, fields) } : json;
    return { anyOf: [list, VARIABLE] };
  }
  if (type === "object") {
    const table =
      fields !== undefined
        ? tableOf(fields)
        : isTable(values)
          ? { ...json, additionalProperties: withVariables(values) }
          : json;
    return { anyOf: [table, VARIABLE] };
  }
  if (type === "string" && json["enum"] === undefined && json["pattern"] === undefined) return json;
  return { anyOf: [json, type === "string" ? { type: "string", pattern: "\\$\\{" } : VARIABLE] };
}
