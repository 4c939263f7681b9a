import { isAbsolute } from "node:path";
import { Failure } from "../failure.ts";
import { meant } from "../model/check.ts";
import type { BackendDeclaration } from "../model/declaration.ts";
import { backendName, isName, NAME_RULE } from "../model/name.ts";
import { nearest } from "../model/nearest.ts";
import type { FilePosition } from "../model/position.ts";
import { type Schema, writable } from "../model/schema.ts";
import { seconds } from "../model/types.ts";
import type { Complaint, Plugin } from "../plugin.ts";
import { absolute, type CheckContext, type KnownBackend } from "./context.ts";
import { checkParts, checkTable, independent, tableWith } from "./faults.ts";
import { BACKEND } from "./keys.ts";
import { nameIn } from "./naming.ts";
import { EMPTY, type NodeEntry, placesIn, type TableNode } from "./node.ts";
import type { Problems } from "./problems.ts";

/** A plugin by its name or path; undefined: it is not asked for, and neither are the images on its backends. */
export type PluginLookup = (plugin: string, directory: string) => Promise<Plugin | undefined>;
type Surroundings = Pick<CheckContext, "problems" | "directory" | "home" | "maskSecret"> & {
  /** The names of the plugins that can be looked up. */
  readonly plugins?: readonly string[] | undefined;
};

/** Every `[backend.NAME]`, with its plugin and its settings checked. */
export async function checkBackends(
  table: TableNode | undefined,
  lookup: PluginLookup,
  context: Surroundings,
): Promise<Map<string, KnownBackend>> {
  const { problems } = context;
  const found = new Map<string, KnownBackend>();
  const plugins = new Plugins(lookup, context);
  const entries = table?.entries ?? EMPTY;
  // All are asked for before one is awaited: plugin files are read side by side.
  const asked = new Map([...entries].map(([name, entry]) => [name, plugins.of(entry)]));
  for (const [name, entry] of entries) {
    const plugin = await asked.get(name);
    if (!isName(name)) {
      problems.error("config.name", `${JSON.stringify(name)} cannot be a backend: a name is ${NAME_RULE}`, {
        at: entry.key,
      });
      continue;
    }
    const marker = entry.value.kind === "table" ? entry.value.entries.get("mark")?.value : undefined;
    found.set(name, {
      name: backendName(name),
      plugin,
      declaration: checkBackend(name, entry, plugin, context),
      at: entry.value.at,
      isUnmarked: marker?.kind === "plain" && marker.value === false,
    });
  }
  return found;
}

/** `plugin = "…"` means a file when it has a slash or the ending of a script. */
export const isPluginFile = (plugin: string): boolean => plugin.includes("/") || /\.[cm]?[jt]s$/.test(plugin);

const pluginIn = ({ value }: NodeEntry): string | undefined => {
  const node = value.kind === "table" ? value.entries.get("plugin")?.value : undefined;
  return node?.kind === "text" && node.value !== "" ? node.value : undefined;
};

/** Looks each plugin up once. */
class Plugins {
  readonly #known = new Map<string, Promise<Plugin | Failure | undefined>>();
  readonly #lookup: PluginLookup;
  readonly #context: Surroundings;

  constructor(lookup: PluginLookup, context: Surroundings) {
    this.#lookup = lookup;
    this.#context = context;
  }

  async of(entry: NodeEntry): Promise<Plugin | undefined> {
    const written = pluginIn(entry);
    if (written === undefined) return undefined;
    const name = pathOf(written, this.#context);
    let known = this.#known.get(name);
    if (known === undefined) {
      known = this.#lookup(name, this.#context.directory).catch((thrown: unknown) => {
        if (thrown instanceof Failure && thrown.code !== "run.interrupted") return thrown;
        throw thrown;
      });
      this.#known.set(name, known);
    }
    const plugin = await known;
    if (!(plugin instanceof Failure)) return plugin;
    // Checked as if the nearest one were written, so that the rest is reported as well.
    const near = plugin.code === "plugin.unknown" ? nearest(written, this.#context.plugins ?? []) : undefined;
    const at = entry.value.kind === "table" ? entry.value.entries.get("plugin")?.value.at : undefined;
    for (const problem of plugin.problems.length > 0 ? plugin.problems : [plugin])
      this.#context.problems.error(problem.code, problem.message, { at: at ?? problem.at, hint: problem.hint });
    return near === undefined ? undefined : await this.#lookup(near, this.#context.directory);
  }
}

const pathOf = (plugin: string, context: Surroundings): string =>
  isPluginFile(plugin) && !isAbsolute(plugin) ? absolute(context, plugin) : plugin;

function checkBackend(
  name: string,
  { value: node }: NodeEntry,
  plugin: Plugin | undefined,
  context: Surroundings,
): BackendDeclaration | undefined {
  const { problems, maskSecret } = context;
  if (node.kind !== "table") {
    if (node.kind !== "broken") problems.error("config.value", `backend.${name}: expected a table`, { at: node.at });
    return undefined;
  }
  const schema: Schema = plugin?.config ?? {};
  const own: [string, NodeEntry][] = [];
  const common: [string, NodeEntry][] = [];
  for (const [key, entry] of node.entries) {
    const setting = nameIn(schema, key) !== undefined;
    if (setting) own.push([key, entry]);
    if (Object.hasOwn(BACKEND, key)) common.push([key, entry]);
    else if (!setting && plugin !== undefined) tellUnknown(key, entry, plugin, problems);
  }
  const limits = checkTable(BACKEND, tableWith(node, common), { problems, maskSecret });
  if (plugin === undefined) return undefined;
  const { value: settings, bad } = checkParts(schema, tableWith(node, own), { problems, maskSecret });
  if (settings === undefined || limits === undefined) return undefined;
  warnOfReferences(schema, own, problems);
  const all = complaintsOf(plugin, () => plugin.checkConfig?.(settings));
  const complaints = bad.size === 0 ? all : independent(all, [...bad]);
  const places = own.flatMap(([key, { value }]) => placesIn(nameIn(schema, key) ?? key, value));
  reportComplaints(complaints, Object.fromEntries(places), node.at, problems);
  return {
    name: backendName(name),
    plugin: pathOf(limits.plugin, context),
    settings,
    limits: limitsOf(limits),
    mark: limits.mark,
    at: node.at,
  };
}

function tellUnknown(key: string, { key: at }: NodeEntry, plugin: Plugin, problems: Problems): void {
  const right = writable(plugin.config).flatMap(([name, { also = [] }]) => [name, ...also]);
  const { hint } = meant(key, [...new Set([...Object.keys(BACKEND), ...right])]);
  problems.error("config.key", `unknown key ${JSON.stringify(key)} for a backend of ${plugin.name}`, { at, hint });
}

/** A setting that is no secret is taken as it stands: `env:NAME` in it is most likely meant otherwise. */
function warnOfReferences(schema: Schema, own: readonly [string, NodeEntry][], problems: Problems): void {
  for (const [key, { value }] of own) {
    const attribute = schema[nameIn(schema, key) ?? key];
    // A plugin that takes references of its own says so by its example.
    const refers = typeof attribute?.example === "string" && attribute.example.startsWith("env:");
    if (value.kind !== "text" || attribute?.sensitive === true || refers) continue;
    const name = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(value.value)?.[1];
    if (name === undefined) continue;
    const hint = `\${env.${name}} puts the variable's value in`;
    problems.warn("config.value", `${key} is not a secret reference and is used literally`, { at: value.at, hint });
  }
}

function limitsOf(from: { timeout?: string | number; parallelism?: number; rate_limit?: number }) {
  const timeout = seconds(from.timeout);
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(from.parallelism === undefined ? {} : { parallelism: from.parallelism }),
    ...(from.rate_limit === undefined ? {} : { rateLimit: from.rate_limit }),
  };
}

/** Complaints at the attribute that they are about; one about a nested value that is not known stands at what contains it. */
export function reportComplaints(
  complaints: readonly Complaint[],
  places: Readonly<Record<string, FilePosition>>,
  otherwise: FilePosition,
  problems: Problems,
): void {
  for (const { attribute, ...problem } of complaints) {
    let at: FilePosition | undefined;
    for (let name = attribute ?? ""; at === undefined && name !== ""; name = name.replace(/(?:^|[.[])[^.[]*$/, ""))
      at = Object.hasOwn(places, name) ? places[name] : undefined;
    problems.add({ ...problem, at: at ?? otherwise });
  }
}

/** What a plugin complains of. A check that throws is the plugin's own error, and is reported as one. */
export function complaintsOf(
  plugin: Plugin<Schema, Schema>,
  check: () => readonly Complaint[] | undefined,
): readonly Complaint[] {
  try {
    return check() ?? [];
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.problems.length > 0) return thrown.problems;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const code = thrown instanceof Failure ? thrown.code : "plugin.check";
    return [
      { code, message: thrown instanceof Failure ? message : `the check of plugin ${plugin.name} failed: ${message}` },
    ];
  }
}
