import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { homeOf } from "../disk/account.ts";
import { Failure, type Problem } from "../failure.ts";
import { meant } from "../model/check.ts";
import type { Config, Import, Moved, Notify, Policy, Removed } from "../model/declaration.ts";
import { digest } from "../model/digest.ts";
import type { BackendName } from "../model/name.ts";
import type { Schema } from "../model/schema.ts";
import { canonical } from "../model/value.ts";
import type { Plugin } from "../plugin.ts";
import { checkBackends, type PluginLookup } from "./backends.ts";
import { checkImports, checkMoved, checkRemoved, importedAddresses } from "./blocks.ts";
import type { CheckContext, KnownBackend } from "./context.ts";
import { reportDuplicates } from "./duplicates.ts";
import { checkTable } from "./faults.ts";
import { readFiles, readVarFile } from "./files.ts";
import { addressesOf, checkImage, placeImages } from "./images.ts";
import { POLICY, SETTINGS, stateFor, TOP } from "./keys.ts";
import { EMPTY, type Node, type TableNode, tableOf } from "./node.ts";
import { checkNotify } from "./notify.ts";
import { checkChains } from "./policy.ts";
import { Problems } from "./problems.ts";
import { readToml } from "./read.ts";
import { reportCycles, reportReferences } from "./references.ts";
import { requireName } from "./require-name.ts";
import type { Secrets } from "./secrets.ts";
import { stateLocation } from "./state-location.ts";
import { substituteVars } from "./vars.ts";

interface ConfigSurroundings {
  /** `--var name=value`: before var files, and those before `[vars]`. */
  readonly vars?: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The plugin of a name, or of the absolute path of a file. @throws Failure plugin.*, which is reported at its place */
  readonly lookup: PluginLookup;
  /** The names of the plugins that it finds, for what is not one of them. */
  readonly plugins?: readonly string[];
  /** Secrets that stand written out in the file are concealed by it, so that what shows the error hides them. */
  readonly secrets?: Secrets;
  readonly signal?: AbortSignal;
}

interface ReadOptions extends ConfigSurroundings {
  readonly file: string;
  readonly varFiles?: readonly string[];
  /** What the file is going to be, in place of what it is. */
  readonly text?: string | undefined;
}

export interface ReadConfig {
  readonly config: Config;
  readonly plugins: ReadonlyMap<BackendName, Plugin>;
  readonly warnings: readonly Problem[];
}

/**
 * images.toml, with all that it includes, checked by the schemas of its plugins. Places name files as `file` does.
 * @throws Failure config.missing, config.unreadable, or config.invalid with all that is wrong, in the order of the file
 */
export async function readConfig(options: ReadOptions): Promise<ReadConfig> {
  const { file, varFiles = [], signal, text } = options;
  const problems = new Problems();
  const root = await readFiles(file, problems, { signal, text }).catch((thrown: unknown) => {
    if (!(thrown instanceof Failure) || thrown.code !== "config.missing") throw thrown;
    throw thrown.with({ hint: "create one with: images init; or choose a file with -f" });
  });
  const files: TableNode[] = [];
  for (const path of [...(await autoFiles(file)), ...varFiles])
    files.push((await readVarFile(path, problems, signal)) ?? NOTHING);
  return await checked(root, file, files, options, problems);
}

/** `*.auto.toml` beside the file, by name: values of variables that need not be named on the command line. */
async function autoFiles(file: string): Promise<readonly string[]> {
  const directory = dirname(resolve(file));
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.endsWith(".auto.toml"))
    .sort()
    .map((name) => join(directory, name));
}

/** The same of a text, for a file that need not be there; nothing can be included. @throws Failure config.invalid */
export async function parseConfig(text: string, file: string, surroundings: ConfigSurroundings): Promise<ReadConfig> {
  const problems = new Problems();
  problems.file(file);
  let root: TableNode | undefined;
  try {
    root = readToml(text, file);
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    problems.error(thrown.code, thrown.message, { at: thrown.at, hint: thrown.hint });
  }
  return await checked(root, file, [], surroundings, problems);
}

const NOTHING: TableNode = { kind: "table", at: { file: "", line: 1, column: 1 }, entries: EMPTY };

async function checked(
  root: TableNode | undefined,
  file: string,
  varFiles: readonly TableNode[],
  surroundings: ConfigSurroundings,
  problems: Problems,
): Promise<ReadConfig> {
  const { vars = {}, env, secrets, lookup } = surroundings;
  if (root === undefined) throw invalid(file, problems);
  const filled = substituteVars(root, { vars, files: varFiles, env }, problems);
  tellUnknownTables(filled, problems);
  const around = {
    problems,
    directory: dirname(resolve(file)),
    home: homeOf(env),
    maskSecret: secrets === undefined ? undefined : (secret: string) => secrets.maskSecret(secret),
  };
  const backends = await checkBackends(tableAt(filled, "backend", problems), lookup, {
    ...around,
    plugins: surroundings.plugins,
  });
  surroundings.signal?.throwIfAborted();
  const images = placeImages(tableAt(filled, "image", problems), backends, problems);
  const context: CheckContext = {
    ...around,
    backends,
    policy: policyOf(filled, problems),
    declared: new Set(images.flatMap(addressesOf)),
    imported: importedAddresses(filled.entries.get("import")?.value),
    exists: existsSync,
  };
  const settings = settingsOf(filled, file, context);
  const resources = images.flatMap((image) => checkImage(image, context));
  reportReferences(resources, problems);
  reportCycles(resources, problems);
  reportDuplicates(resources, pluginsOf(backends), problems);
  checkChains(resources, pluginsOf(backends), context);
  const blocks = blocksOf(filled, context);
  if (settings === undefined || problems.count > 0) throw invalid(file, problems);
  const config: Config = {
    file: resolve(file),
    directory: around.directory,
    settings,
    policy: context.policy,
    backends: [...backends.values()].flatMap(({ declaration }) => declaration ?? []),
    resources,
    ...blocks,
    digest: digest(
      "sha256",
      createHash("sha256")
        .update(canonical(tableOf(filled.entries)))
        .digest("hex"),
    ),
  };
  return { config, plugins: pluginsOf(backends), warnings: problems.warnings };
}

function invalid(file: string, problems: Problems): Failure {
  const { errors } = problems;
  const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
  return new Failure("config.invalid", `${count} in ${basename(file)}`, {
    problems: [...errors, ...problems.warnings],
  });
}

function tellUnknownTables({ entries }: TableNode, problems: Problems): void {
  for (const [key, { key: at }] of entries)
    if (!TOP.some((name) => name === key))
      problems.error("config.key", `unknown key ${JSON.stringify(key)}`, { at, ...meant(key, TOP) });
}

function tableAt(root: TableNode, key: string, problems: Problems): TableNode | undefined {
  const node = root.entries.get(key)?.value;
  if (node === undefined || node.kind === "table") return node;
  if (node.kind !== "broken")
    problems.error("config.value", `${key} is a table of tables: [${key}.NAME]`, { at: node.at });
  return undefined;
}

/** A table with the keys of a schema; where it is missing, its defaults. */
function section<S extends Schema>(schema: S, root: TableNode, key: string, problems: Problems) {
  const node: Node = root.entries.get(key)?.value ?? NOTHING;
  return checkTable(schema, node, { problems }) ?? checkTable(schema, NOTHING, { problems });
}

function settingsOf(root: TableNode, file: string, context: CheckContext): Config["settings"] | undefined {
  const found = section(SETTINGS, root, "settings", context.problems);
  const node = root.entries.get("settings")?.value;
  if (found === undefined) return undefined;
  const { state = stateFor(file), parallelism, max_size_gb: gigabytes } = found;
  const table = node?.kind === "table" ? node : undefined;
  const { name = "" } = found;
  if (name === "") requireName(table, context);
  const usual = table?.entries.has("parallelism") === true ? {} : ({ isParallelismUsual: true } as const);
  return {
    name,
    parallelism,
    ...usual,
    maxSize: gigabytes * 2 ** 30,
    ...stateLocation({ ...found, state }, table, context),
  };
}

function policyOf(root: TableNode, problems: Problems): Policy {
  const found = section(POLICY, root, "policy", problems);
  const at = root.entries.get("policy")?.value.at;
  return {
    require: found?.require ?? [],
    ...(found?.algorithms === undefined ? {} : { algorithms: found.algorithms }),
    ...(at === undefined ? {} : { at }),
  };
}

function blocksOf(
  { entries }: TableNode,
  context: CheckContext,
): { readonly moved: Moved[]; readonly removed: Removed[]; readonly imports: Import[]; readonly notify?: Notify[] } {
  const notify = checkNotify(entries.get("notify")?.value, context);
  return {
    moved: checkMoved(entries.get("moved")?.value, context),
    removed: checkRemoved(entries.get("removed")?.value, context),
    imports: checkImports(entries.get("import")?.value, context),
    ...(notify.length === 0 ? {} : { notify }),
  };
}

const pluginsOf = (backends: ReadonlyMap<string, KnownBackend>): Map<BackendName, Plugin> =>
  new Map([...backends.values()].flatMap(({ name, plugin }) => (plugin === undefined ? [] : [[name, plugin]])));
