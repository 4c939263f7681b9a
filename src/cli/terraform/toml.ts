import { formatToml } from "../../core/config/format.ts";
import type { Attributes, Value } from "../../core/model/value.ts";

/** A table of images.toml, with a comment above it. */
export interface TomlBlock {
  readonly header: string;
  readonly comments: readonly string[];
  readonly values: Attributes;
}

/** Blocks as text, laid out as `images fmt` does. Values that look like variables are escaped. */
export const blocksText = (blocks: readonly TomlBlock[]): string => formatToml(blocks.map(blockText).join("\n"));

function blockText({ header, comments, values }: TomlBlock): string {
  const pairs = Object.entries(values).map(([key, value]) => `${keyText(key)} = ${valueText(value)}`);
  return `${[...comments.map((line) => `# ${line}`), `[${header}]`, ...pairs].join("\n")}\n`;
}

export const keyText = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : stringText(key));

function valueText(value: Value): string {
  if (typeof value === "string") return stringText(value.replaceAll("${", () => "$${"));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (isList(value)) return `[${value.map(valueText).join(", ")}]`;
  const pairs = Object.entries(value).map(([key, one]) => `${keyText(key)} = ${valueText(one)}`);
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

/** JSON's escapes are TOML's as well; only DEL has to be escaped in TOML alone. */
const stringText = (text: string): string => JSON.stringify(text.toWellFormed()).replaceAll("\x7f", "\\u007f");
