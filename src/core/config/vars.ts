// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { Failure } from "../failure.ts";
import { meant } from "../model/check.ts";
import { nearest } from "../model/nearest.ts";
import type { FilePosition } from "../model/position.ts";
import { MARK } from "./marks.ts";
import { type BrokenNode, EMPTY, type Node, type NodeEntry, type TableNode, type TextNode } from "./node.ts";
import type { Problems } from "./problems.ts";
import { readToml } from "./read.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `--var name=value` of the command line as a table of variables. @throws Failure cli.usage */
export function parseVars(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const cut = text.indexOf("=");
      const name = text.slice(0, Math.max(cut, 0));
      if (cut < 1)
        throw new Failure("cli.usage", `--var ${JSON.stringify(text)} has no "="`, { hint: "write --var name=value" });
      if (!NAME.test(name))
        throw new Failure("cli.usage", `--var ${name}: invalid name`, {
          hint: "a name is letters, digits, _ and -, and begins with a letter",
        });
      return [name, text.slice(cut + 1)];
    }),
  );
}

interface GivenValues {
  /** From the command line: they win over files, and those over `[vars]`. */
  readonly vars: Readonly<Record<string, string>>;
  readonly files: readonly TableNode[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The document with its variables filled in and its `[vars]` and `include` taken out. A string that is nothing but `${var.x}` becomes
 * the variable's value, whatever its type; within longer text it is put in as text. What cannot be filled in is reported and left broken.
 */
export function substituteVars(root: TableNode, given: GivenValues, problems: Problems): TableNode {
  const declared = root.entries.get("vars")?.value;
  if (declared !== undefined && declared.kind !== "table")
    problems.error("config.value", "vars is a table: [vars]", { at: declared.at });
  const entries = new Map([...root.entries].filter(([key]) => key !== "vars" && key !== "include"));
  const filler = new Filler(declared?.kind === "table" ? declared.entries : EMPTY, given, problems);
  const filled = filler.fill({ ...root, entries });
  filler.finish();
  return filled.kind === "table" ? filled : root;
}

class Filler {
  readonly #definitions: ReadonlyMap<string, NodeEntry>;
  readonly #given: GivenValues;
  readonly #problems: Problems;
  readonly #values = new Map<string, Node>();
  readonly #used = new Set<string>();
  /** The variables that are being looked up, from the outermost on. */
  readonly #trail: string[] = [];

  constructor(declared: ReadonlyMap<string, NodeEntry>, given: GivenValues, problems: Problems) {
    this.#definitions = new Map([...declared, ...given.files.flatMap(({ entries }) => [...entries])]);
    this.#given = given;
    this.#problems = problems;
    for (const [name, { key }] of this.#definitions) {
      if (NAME.test(name)) continue;
      const hint = "a variable's name is letters, digits, _ and -, and begins with a letter";
      problems.error("config.name", `${JSON.stringify(name)} cannot be a variable`, { at: key, hint });
    }
    for (const [name, text] of Object.entries(given.vars))
      this.#values.set(name, this.#typed(name, text, `--var ${name}`));
    const inFiles = new Set(given.files.flatMap(({ entries }) => [...entries.keys()]));
    for (const name of declared.keys()) if (!this.#values.has(name) && !inFiles.has(name)) this.#fromEnvironment(name);
  }

  /** IMAGES_VAR_name, else terraform's TF_VAR_name: they win over `[vars]`, and lose to files and the command line. */
  #fromEnvironment(name: string): Node | undefined {
    const { env } = this.#given;
    const key = [`IMAGES_VAR_${name}`, `TF_VAR_${name}`].find(
      (one) => Object.hasOwn(env, one) && env[one] !== undefined,
    );
    const text = key === undefined ? undefined : env[key];
    if (key === undefined || text === undefined) return undefined;
    if (key.startsWith("TF_"))
      this.#problems.warn("config.variable", `variable ${name} is set by ${key}; IMAGES_VAR_${name} comes first`);
    const value = this.#typed(name, text, key);
    this.#values.set(name, value);
    return value;
  }

  /** Declared variables are checked even if they are unused; a value that is neither declared nor used is an error. */
  finish(): void {
    for (const name of this.#definitions.keys()) this.#lookUp(name);
    const names = [...this.#definitions.keys()];
    for (const name of Object.keys(this.#given.vars)) {
      if (this.#definitions.has(name) || this.#used.has(name)) continue;
      this.#problems.error("config.variable", `--var ${name}: there is no such variable`, meant(name, names));
    }
  }

  fill(node: Node): Node {
    if (node.kind === "text") return node.value.includes("${") ? this.#text(node) : node;
    if (node.kind === "list") {
      let items: Node[] | undefined;
      for (const [i, item] of node.items.entries()) {
        const value = this.fill(item);
        if (value === item) continue;
        items ??= [...node.items];
        items[i] = value;
      }
      return items === undefined ? node : { ...node, items };
    }
    if (node.kind === "table") {
      let entries: Map<string, NodeEntry> | undefined;
      for (const [key, entry] of node.entries) {
        const value = this.fill(entry.value);
        if (value === entry.value) continue;
        entries ??= new Map(node.entries);
        entries.set(key, { ...entry, value });
      }
      return entries === undefined ? node : { ...node, entries };
    }
    return node;
  }

  #text(node: TextNode): Node {
    const found = [...node.value.matchAll(MARK)];
    const parts = found.map(([marker], i) => this.#marker(marker, node.marks?.[i] ?? node.at));
    const [only] = parts;
    if (only !== undefined && parts.length === 1 && found[0]?.[0] === node.value) return moved(only, node);
    let text = "";
    let last = 0;
    let whole = true;
    for (const [i, { index, 0: marker }] of found.entries()) {
      const part = parts[i];
      const at = node.marks?.[i] ?? node.at;
      text += node.value.slice(last, index);
      last = index + marker.length;
      if (part?.kind === "text" || part?.kind === "plain") text += String(part.value);
      else {
        whole = false;
        if (part !== undefined && part.kind !== "broken")
          this.#problems.error("config.variable", `${marker} is a ${part.kind} and cannot be part of a string`, { at });
      }
    }
    if (!whole) return { kind: "broken", at: node.at };
    return { kind: "text", at: node.at, value: text + node.value.slice(last), before: node.value };
  }

  /** What one `${…}` means. */
  #marker(marker: string, at: FilePosition): Node {
    if (marker.startsWith("$$")) return { kind: "text", at, value: marker.slice(1) };
    const [, kind, name] = /^\$\{\s*(var|env)\.([^\s}]+)\s*\}$/.exec(marker) ?? [];
    if (kind === "env" && name !== undefined) return this.#environment(name, at);
    if (kind === "var" && name !== undefined) return this.#variable(name, at);
    const message = marker.endsWith("}") ? `${marker} is unknown` : "${ is not closed";
    return this.#broken(at, message, "write ${var.NAME} or ${env.NAME}; $${ is a literal ${");
  }

  #environment(name: string, at: FilePosition): Node {
    const value = Object.hasOwn(this.#given.env, name) ? this.#given.env[name] : undefined;
    if (value !== undefined) return { kind: "text", at, value };
    const near = nearest(name, Object.keys(this.#given.env));
    const hint = near === undefined ? `export ${name}=…` : `did you mean ${near}?`;
    return this.#broken(at, `the environment variable ${name} is not set`, hint);
  }

  #variable(name: string, at: FilePosition): Node {
    this.#used.add(name);
    if (this.#trail.includes(name)) {
      const circle = [...this.#trail.slice(this.#trail.indexOf(name)), name].join(" -> ");
      return this.#broken(at, `variables refer to each other: ${circle}`);
    }
    const value = this.#lookUp(name);
    if (value !== undefined) return value;
    const names = [...this.#definitions.keys(), ...Object.keys(this.#given.vars)];
    const hint = meant(name, names).hint ?? `set it in [vars], or with --var ${name}=…`;
    return this.#broken(at, `there is no variable ${name}`, hint);
  }

  #lookUp(name: string): Node | undefined {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const definition = this.#definitions.get(name);
    if (definition === undefined) return this.#fromEnvironment(name);
    this.#trail.push(name);
    const value = this.fill(definition.value);
    this.#trail.pop();
    this.#values.set(name, value);
    return value;
  }

  /** The text of a `--var`, or of the environment, as the type that the variable is declared with. */
  #typed(name: string, text: string, source: string): Node {
    const declared = this.#definitions.get(name)?.value;
    const at = declared?.at ?? NOWHERE;
    if (declared === undefined || declared.kind === "text" || declared.kind === "broken")
      return { kind: "text", at, value: text };
    const value = parsed(text);
    const same = value?.kind === declared.kind && typeOf(value) === typeOf(declared);
    if (value !== undefined && same) return value;
    this.#problems.error("config.variable", `${source}: expected a ${typeOf(declared)}, as in [vars]`);
    return { kind: "broken", at };
  }

  #broken(at: FilePosition, message: string, hint?: string): BrokenNode {
    this.#problems.error("config.variable", message, { at, hint });
    return { kind: "broken", at };
  }
}

const NOWHERE: FilePosition = { file: "--var", line: 1, column: 1 };
const typeOf = (node: Node): string => (node.kind === "plain" ? typeof node.value : node.kind);

function parsed(text: string): Node | undefined {
  try {
    return readToml(`value = ${text}`, NOWHERE.file).entries.get("value")?.value;
  } catch (thrown) {
    if (thrown instanceof Failure) return undefined;
    throw thrown;
  }
}

/** A variable's value where it is used: all of it stands there. */
function moved(value: Node, { at, value: before }: TextNode): Node {
  const move = (node: Node): Node => {
    if (node.kind === "text") return { kind: "text", at, value: node.value, before };
    if (node.kind === "list") return { ...node, at, items: node.items.map(move) };
    if (node.kind !== "table") return { ...node, at };
    return {
      ...node,
      at,
      entries: new Map([...node.entries].map(([key, e]) => [key, { key: at, value: move(e.value) }])),
    };
  };
  return move(value);
}
