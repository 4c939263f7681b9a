import * as t from "typanion";
import { Failure } from "./failure.ts";
import { faults } from "./model/check.ts";
import { isSensitive, type Schema } from "./model/schema.ts";
import type { Plugin } from "./plugin.ts";
import { type PluginCode, readPlugin, runPlugin } from "./plugincode.ts";

const HINT = "see docs/plugins.md";

/**
 * Runs the code of a plugin file and checks its default export, in words for its author.
 * @throws Failure plugin.load when it does not run, plugin.shape when it is not a plugin
 */
export async function pluginFrom(code: PluginCode): Promise<Plugin> {
  return checkPlugin(await runPlugin(code), code.path);
}

/** Reads a plugin file and runs it, whether it is trusted or not. @throws Failure plugin.load, plugin.shape */
export const loadPlugin = async (path: string): Promise<Plugin> => await pluginFrom(await readPlugin(path));

/** @throws Failure plugin.shape with everything that is wrong */
function checkPlugin(value: unknown, path: string): Plugin {
  const wrong = mistakes(value);
  if (isPlugin(value) && wrong.length === 0) return value;
  throw new Failure("plugin.shape", `${path} is not a valid plugin: ${wrong.join("; ")}`, { hint: HINT });
}

const isPlugin = (value: unknown): value is Plugin => mistakes(value).length === 0;

const METHODS = ["bytes", "names", "labels", "order", "check", "checkConfig"] as const;

function mistakes(value: unknown): string[] {
  if (!t.isUnknown()(value) || typeof value !== "object" || value === null) {
    return ["it has no default export that is a plugin: export default definePlugin({ … })"];
  }
  const plugin: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(value));
  const found: string[] = [];
  if (plugin["api"] !== 1) found.push("api must be 1, the only version that this program knows");
  if (typeof plugin["name"] !== "string" || !/^[a-z][a-z0-9-]*$/.test(plugin["name"])) {
    found.push("name must be lower-case letters, digits and dashes");
  }
  if (typeof plugin["doc"] !== "string" || plugin["doc"].trim() === "") found.push("doc must be a sentence");
  if (typeof plugin["open"] !== "function") found.push("open must be a function");
  for (const method of METHODS) {
    if (plugin[method] !== undefined && typeof plugin[method] !== "function")
      found.push(`${method} must be a function`);
  }
  found.push(...schemaMistakes("config", plugin["config"]), ...schemaMistakes("image", plugin["image"]));
  if (plugin["bytes"] === undefined && !Array.isArray(plugin["origins"]) && plugin["originless"] !== true) {
    found.push("bytes, origins or both are required");
  }
  return found;
}

function schemaMistakes(name: string, value: unknown): string[] {
  if (!isSchema(value))
    return [`${name} must be a table of attributes, made with required(), optional(), withDefault(), computed()`];
  const found = faults(value).map((text) => `${name}.${text}`);
  const kept = Object.keys(value).filter(
    (key) => name === "image" && isSensitive(value, key) && value[key]?.compare !== "never",
  );
  return [
    ...found,
    ...kept.map((key) => `${name}.${key}: is sensitive and so never in the state: set compare: "never"`),
  ];
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every(
    (one: unknown) =>
      typeof one === "object" &&
      one !== null &&
      "mode" in one &&
      "type" in one &&
      "doc" in one &&
      typeof one.doc === "string",
  );
