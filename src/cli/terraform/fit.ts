import { IMAGE } from "../../core/config/keys.ts";
import { attributeIn, nameIn } from "../../core/config/naming.ts";
import { isSourceKey } from "../../core/config/source-entries.ts";
import type { Attribute, Schema } from "../../core/model/schema.ts";
import { type Attributes, isSame, type Value } from "../../core/model/value.ts";
import { sameBy } from "../../core/plan/diff.ts";
import type { Plugin } from "../../core/plugin.ts";

interface Fitted {
  readonly attributes: Attributes;
  readonly notes: readonly string[];
}

const COMMON: Schema = IMAGE;

/**
 * What of these attributes the plugin takes, without what comes by itself (but for `always`). What it does not take is left out, and reported;
 * an image for which nothing is left that it could be made from is `existing`.
 */
export function fit(plugin: Plugin, attributes: Attributes, always: readonly string[]): Fitted {
  const notes: string[] = [];
  const kept = Object.entries(attributes).filter(([name, value]) => {
    if (isSourceKey(name)) return true;
    const attribute = attributeIn(plugin.image, name) ?? COMMON[name];
    if (attribute === undefined) {
      notes.push(`${name} is unknown to ${plugin.name}; skipped`);
      return false;
    }
    const checked = attribute.type.check(value);
    if (!checked.ok) {
      notes.push(`${name} was skipped: ${checked.faults[0]?.message ?? `${plugin.name} does not take its value`}`);
      return false;
    }
    return always.includes(name) || !comesByItself(attribute, value);
  });
  const found = Object.fromEntries(kept);
  return { attributes: isMade(plugin, found) ? found : { existing: true, ...found }, notes };
}

function comesByItself(attribute: Attribute, value: Value): boolean {
  if (attribute.mode === "default" && isSame(attribute.value, value)) return true;
  return attribute.unset !== undefined && sameBy(attribute, value, attribute.unset);
}

const WHERE = ["source", "image_source_url", "local_file_path", "file_path"];

/** Whether the attributes say what the image is made from. */
function isMade({ image, origins = [] }: Plugin, attributes: Attributes): boolean {
  const names = new Set(Object.keys(attributes).map((key) => nameIn(image, key) ?? key));
  return WHERE.some((key) => names.has(key)) || origins.some(({ needs }) => needs.every((name) => names.has(name)));
}
