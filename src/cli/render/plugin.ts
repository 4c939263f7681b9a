import type { Attribute, Schema } from "../../core/model/schema.ts";
import type { Origin } from "../../core/origin.ts";
import type { Plugin } from "../../core/plugin.ts";
import type { View } from "./style.ts";
import { pad, printable, wrap } from "./text.ts";
import { inline } from "./values.ts";

/** What a plugin tells of itself without being opened. */
type PluginDescription = Pick<Plugin, "name" | "doc" | "config" | "image" | "origins" | "onRemove" | "originless">;

interface Row {
  /** `mappings[].device` for what stands within a table. */
  readonly name: string;
  readonly attribute: Attribute;
  /** Only shown: it, or the table that it is in, comes from the backend. */
  readonly isTold: boolean;
}

/** Every attribute, those within tables behind the table that they are in. */
function rowsOf(schema: Schema, prefix = "", isWithin = false): Row[] {
  return Object.entries(schema).flatMap(([name, attribute]): Row[] => {
    const path = `${prefix}${name}`;
    const { fields, label } = attribute.type;
    const inner = label.startsWith("list") || label.startsWith("set") ? `${path}[].` : `${path}.`;
    const isTold = isWithin || attribute.mode === "computed";
    return [{ name: path, attribute, isTold }, ...(fields === undefined ? [] : rowsOf(fields, inner, isTold))];
  });
}

/** How an attribute comes to have a value: `string, required`. */
function kindOf({ attribute, isTold }: Row): string {
  const label = attribute.reference === true ? `${attribute.type.label} or {image}` : attribute.type.label;
  if (isTold) return label;
  if (attribute.mode === "default") return `${label}, default ${inline(attribute.value)}`;
  return `${label}, ${attribute.mode}`;
}

/** What else is to be known of an attribute, in words. */
function factsOf(attribute: Attribute): string[] {
  const { also = [], sensitive, onChange, compare, example } = attribute;
  return [
    ...(sensitive === true ? ["sensitive: must be a reference (env:, file:, cmd:)"] : []),
    ...(onChange === "replace" ? ["a change needs a new image"] : []),
    ...(onChange === "refuse" ? ["cannot be changed after creation"] : []),
    ...(compare === "never" ? ["used at creation only, not compared"] : []),
    ...(compare === "recorded" ? ["compared with the state"] : []),
    ...(also.length > 0 ? [`alias ${also.join(", ")}`] : []),
    ...(example === undefined ? [] : [`example: ${inline(example)}`]),
  ];
}

/** The sentence of the author, and what else is to be known, a sentence each. */
const textOf = (attribute: Attribute): string =>
  [
    attribute.doc.replace(/\.?$/, "."),
    ...factsOf(attribute).map((fact) => `${fact.charAt(0).toUpperCase()}${fact.slice(1)}.`),
  ].join(" ");

interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

function sectionsOf({ name, config, image }: PluginDescription): Section[] {
  const [settings, attributes] = [rowsOf(config), rowsOf(image)];
  const isTold = (row: Row) => row.isTold;
  return [
    { title: `Settings of a backend with plugin = ${inline(name)}`, rows: settings },
    { title: "Attributes of an image", rows: attributes.filter((row) => !isTold(row)) },
    { title: "Computed attributes", rows: attributes.filter(isTold) },
  ].filter(({ rows }) => rows.length > 0);
}

const originText = ({ name, needs, may = [] }: Origin): string =>
  `${name}: ${needs.join(" and ")}${may.length > 0 ? `, and if wanted ${may.join(", ")}` : ""}`;

const removals = (plugin: PluginDescription): string => (plugin.onRemove ?? ["delete", "forget"]).join(", ");

/** What a plugin takes, for a terminal: `images plugins NAME`. */
export function renderPlugin(plugin: PluginDescription, { style, columns }: View): string {
  const lines = [...wrap(`${style.strong(printable(plugin.name))}: `, printable(plugin.doc), columns, 2)];
  for (const { title, rows } of sectionsOf(plugin)) {
    lines.push("", ...wrap("", style.strong(printable(title)), columns));
    const width = Math.min(28, Math.max(...rows.map(({ name }) => name.length)));
    for (const row of rows) {
      lines.push(...wrap(`  ${style.literal(pad(printable(row.name), width))}  `, printable(kindOf(row)), columns));
      lines.push(...wrap("      ", printable(textOf(row.attribute)), columns));
    }
  }
  const { origins = [] } = plugin;
  if (origins.length > 0) {
    lines.push("", style.strong("Origins besides a source"));
    for (const origin of origins) lines.push(...wrap("  ", printable(originText(origin)), columns, 4));
  }
  lines.push("", ...wrap("", printable(`on_remove can be: ${removals(plugin)}`), columns, 2));
  return `${lines.join("\n")}\n`;
}

/** Text of a schema within a cell of a Markdown table: code stays code, the rest cannot become HTML or end the cell. */
const cell = (text: string): string =>
  printable(text.replace(/\s+/g, " ").trim()).replaceAll("|", "\\|").replaceAll("<", "&lt;");

/** The same as a page of the docs. */
export function pluginMarkdown(plugin: PluginDescription): string {
  const parts = [`# ${cell(plugin.name)}`, cell(plugin.doc)];
  for (const { title, rows } of sectionsOf(plugin)) {
    const table = rows.map((row) => `| \`${row.name}\` | ${cell(kindOf(row))} | ${cell(textOf(row.attribute))} |`);
    parts.push(`## ${cell(title)}`, ["| name | type | |", "| --- | --- | --- |", ...table].join("\n"));
  }
  const { origins = [], originless } = plugin;
  if (origins.length > 0 || originless === true) {
    const own = originless === true ? ["- no origin: an existing image that is only updated as declared"] : [];
    parts.push(
      "## Origins besides a source",
      [...origins.map((one) => `- ${cell(originText(one))}`), ...own].join("\n"),
    );
  }
  parts.push(`\`on_remove\` can be: ${cell(removals(plugin))}.`);
  return `${parts.join("\n\n")}\n`;
}
