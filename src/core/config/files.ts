import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { Failure } from "../failure.ts";
import type { FilePosition } from "../model/position.ts";
import type { Node, NodeEntry, TableNode } from "./node.ts";
import { elsewhere, type Problems } from "./problems.ts";
import { readToml } from "./read.ts";

/** The text of a file in UTF-8. @throws Failure config.missing, config.unreadable, config.encoding */
async function readText(file: string, signal?: AbortSignal): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file, signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const message = cause instanceof Error ? cause.message : String(cause);
    if (/^(ENOENT|ENOTDIR)/.test(message)) throw new Failure("config.missing", `there is no ${file}`, { cause });
    const why = message.startsWith("EISDIR") ? "it is a directory" : message.replace(/, \w+( '.*)?$/s, "");
    throw new Failure("config.unreadable", `${file} cannot be read: ${why}`, { cause });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const before = new TextDecoder().decode(bytes).split("\ufffd")[0] ?? "";
    const at = { file, line: before.split("\n").length, column: [...(before.split("\n").at(-1) ?? "")].length + 1 };
    throw new Failure("config.encoding", "invalid UTF-8", { at, cause });
  }
}

/**
 * The document of a file with all that it includes. Problems of included files are reported; so are those of the file itself, but for its
 * absence. `text`: what the file is going to be, in place of what it is.
 * @throws Failure config.missing, config.unreadable
 */
export async function readFiles(
  file: string,
  problems: Problems,
  { signal, text }: { readonly signal?: AbortSignal | undefined; readonly text?: string | undefined } = {},
): Promise<TableNode | undefined> {
  const loader = new Loader(problems, signal);
  problems.file(file);
  const whole = text ?? (await readText(file, signal).catch(rethrow("config.encoding", problems)));
  return await loader.load(file, whole);
}

/** The tables of a file of variables. */
export async function readVarFile(
  file: string,
  problems: Problems,
  signal?: AbortSignal,
): Promise<TableNode | undefined> {
  problems.file(file);
  try {
    return readToml(await readText(file, signal), file);
  } catch (thrown) {
    return tell(thrown, problems, undefined);
  }
}

class Loader {
  readonly #seen = new Set<string>();
  readonly #problems: Problems;
  readonly #signal: AbortSignal | undefined;

  constructor(problems: Problems, signal: AbortSignal | undefined) {
    this.#problems = problems;
    this.#signal = signal;
  }

  async load(file: string, text: string | undefined): Promise<TableNode | undefined> {
    this.#seen.add(resolve(file));
    if (text === undefined) return undefined;
    let document: TableNode;
    try {
      document = readToml(text, file);
    } catch (thrown) {
      return tell(thrown, this.#problems, undefined);
    }
    for (const [path, at] of this.#included(document)) {
      const included = await this.#include(isAbsolute(path) ? path : join(dirname(file), path), at);
      if (included !== undefined) document = merge(document, included, this.#problems);
    }
    return document;
  }

  async #include(file: string, at: FilePosition): Promise<TableNode | undefined> {
    if (this.#seen.has(resolve(file))) {
      this.#problems.error("config.include", `${file} is included more than once`, { at });
      return undefined;
    }
    this.#problems.file(file);
    try {
      return await this.load(file, await readText(file, this.#signal));
    } catch (thrown) {
      return tell(thrown, this.#problems, at);
    }
  }

  #included({ entries }: TableNode): [string, FilePosition][] {
    const include = entries.get("include")?.value;
    if (include === undefined) return [];
    const nodes = include.kind === "list" ? include.items : [include];
    return nodes.flatMap((node): [string, FilePosition][] => {
      if (include.kind === "list" && node.kind === "text" && !node.value.includes("${")) return [[node.value, node.at]];
      const hint = "paths are relative to the including file and cannot contain variables";
      this.#problems.error("config.include", 'include is a list of files: include = ["more.toml"]', {
        at: node.at,
        hint,
      });
      return [];
    });
  }
}

function tell(thrown: unknown, problems: Problems, at: FilePosition | undefined): undefined {
  if (!(thrown instanceof Failure) || !thrown.code.startsWith("config.")) throw thrown;
  problems.error(thrown.code, thrown.message, { at: thrown.at ?? at, hint: thrown.hint });
}

const rethrow =
  (except: string, problems: Problems) =>
  (thrown: unknown): undefined => {
    if (thrown instanceof Failure && thrown.code === except) return tell(thrown, problems, undefined);
    throw thrown;
  };

/** Tables that may be spread over several files: their keys are. */
const SPREAD = new Set(["settings", "policy", "vars", "backend", "image"]);

/** Both documents as one. What both define is reported, and the first one stays. */
function merge(first: TableNode, second: TableNode, problems: Problems): TableNode {
  const entries = new Map(first.entries);
  for (const [key, entry] of second.entries) {
    const known = entries.get(key);
    if (key === "include") continue;
    if (known === undefined) entries.set(key, entry);
    else entries.set(key, { ...known, value: both(key, known, entry, problems) });
  }
  return { ...first, entries };
}

function both(
  key: string,
  { key: at, value: a }: NodeEntry,
  { key: also, value: b }: NodeEntry,
  problems: Problems,
): Node {
  const twice = (name: string, here: FilePosition, there: FilePosition) =>
    problems.error("config.duplicate", `${name} is defined more than once`, {
      at: here,
      hint: `it is first defined in ${elsewhere(there, here)}`,
    });
  if (a.kind === "list" && b.kind === "list") return { ...a, items: [...a.items, ...b.items] };
  if (a.kind !== "table" || b.kind !== "table" || !SPREAD.has(key)) {
    twice(key, also, at);
    return a;
  }
  const entries = new Map(a.entries);
  for (const [name, entry] of b.entries) {
    const known = entries.get(name);
    if (known === undefined) entries.set(name, entry);
    else twice(`${key}.${name}`, entry.key, known.key);
  }
  return { ...a, entries };
}
