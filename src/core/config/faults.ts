// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of variables
import { check } from "../model/check.ts";
import type { Desired, Fault, Schema } from "../model/schema.ts";
import type { Value } from "../model/value.ts";
import type { Complaint } from "../plugin.ts";
import { attributeIn, holdsSecrets, nameIn } from "./naming.ts";
import { EMPTY, follow, isBroken, type Node, type NodeEntry, type TableNode, tableOf } from "./node.ts";
import type { Problems } from "./problems.ts";
import { isReference } from "./secrets.ts";

interface FaultReporter {
  readonly problems: Problems;
  /** Said after each message: which backend it is about. */
  readonly about?: string;
  /** Called with each secret that was written out, so that nothing shows it. */
  readonly maskSecret?: ((secret: string) => void) | undefined;
}

/**
 * A table as its schema wants it, with every fault reported at its place. Keys with faults are left out, so that the rest can still be used;
 * undefined when it cannot: something required is missing.
 */
export const checkTable = <S extends Schema>(schema: S, node: Node, reporter: FaultReporter): Desired<S> | undefined =>
  checkParts(schema, node, reporter).value;

/** The same, with the names of what is left out. */
export function checkParts<S extends Schema>(
  schema: S,
  node: Node,
  reporter: FaultReporter,
): { readonly value: Desired<S> | undefined; readonly bad: ReadonlySet<string> } {
  const { problems, about = "" } = reporter;
  if (node.kind !== "table") {
    if (node.kind !== "broken") problems.error("config.value", `expected a table${about}`, { at: node.at });
    return { value: undefined, bad: new Set() };
  }
  if (node.entries.size === 0) {
    const value = emptyOf(schema);
    if (value !== undefined) return { value, bad: NONE };
  }
  const literals = new Set<Node>();
  const bad = tellLiterals(schema, node, reporter, literals);
  const first = check(schema, tableOf(node.entries));
  if (first.ok && bad.size === 0) return { value: first.value, bad };
  for (const fault of first.ok ? [] : first.faults) {
    if (!literals.has(follow(node, fault.path).value)) reportFault(schema, fault, node, reporter);
    if (fault.path[0] !== undefined) bad.add(String(fault.path[0]));
  }
  const good = Object.entries(tableOf(node.entries)).filter(([key]) => !bad.has(key));
  const second = check(schema, Object.fromEntries(good));
  return { value: second.ok ? second.value : undefined, bad };
}

const NONE: ReadonlySet<string> = new Set();
const empties = new WeakMap<Schema, { readonly value: Readonly<Record<string, Value>> | undefined }>();

/** What a table is in which nothing is written: one and the same for thousands of images. Undefined when something is required. */
function emptyOf<S extends Schema>(schema: S): Desired<S> | undefined;
function emptyOf(schema: Schema): Readonly<Record<string, Value>> | undefined {
  const before = empties.get(schema);
  if (before !== undefined) return before.value;
  const checked = check<Schema>(schema, {});
  const value = checked.ok ? checked.value : undefined;
  empties.set(schema, { value });
  return value;
}

/** Tells one fault of a table where it stands: at the key when the key is wrong, else at the value. */
function reportFault(schema: Schema, fault: Fault, node: TableNode, { problems, about = "" }: FaultReporter): void {
  const { key, value, steps } = follow(node, fault.path);
  const entry = node.entries.get(String(fault.path[0]));
  if (entry !== undefined && isBroken(entry.value)) return;
  const missing = missingName(fault.message);
  if (missing !== undefined && value.kind === "table" && isWritten(schema, value, missing)) return;
  const wrongKey = steps < fault.path.length || isWrongKey(schema, fault.path);
  const code = missing !== undefined ? "config.required" : wrongKey ? "config.key" : "config.value";
  problems.error(code, `${fault.message}${about}`, { at: wrongKey ? key : value.at, hint: fault.hint });
}

const missingName = (message: string): string | undefined => /^(\S+) is missing$/.exec(message)?.[1];

/** A required value that is there but broken is reported already. */
const isWritten = (schema: Schema, { entries }: TableNode, name: string): boolean =>
  [...entries].some(([key, { value }]) => (key === name || nameIn(schema, key) === name) && isBroken(value));

function isWrongKey(schema: Schema, path: readonly (string | number)[]): boolean {
  let fields: Schema | undefined = schema;
  for (const step of path) {
    if (typeof step === "number") continue;
    if (fields === undefined) return false;
    const attribute = attributeIn(fields, step);
    if (attribute === undefined) return true;
    fields = attribute.type.fields;
  }
  return false;
}

/** Tells the secrets that are written out where a reference is due, without repeating them. Answers the keys that hold one. */
function tellLiterals(
  schema: Schema,
  { entries }: TableNode,
  reporter: FaultReporter,
  literals: Set<Node>,
): Set<string> {
  const bad = new Set<string>();
  if (!holdsSecrets(schema)) return bad;
  for (const [key, { value }] of entries) {
    const attribute = attributeIn(schema, key);
    if (attribute === undefined) continue;
    const before = literals.size;
    if (attribute.sensitive === true) {
      for (const leaf of leaves(value)) if (reportLiteral(key, leaf, reporter)) literals.add(leaf);
    } else
      for (const [fields, table] of nested(attribute.type.fields, value))
        tellLiterals(fields, table, reporter, literals);
    if (literals.size > before) bad.add(key);
  }
  return bad;
}

const nested = (fields: Schema | undefined, value: Node): [Schema, TableNode][] => {
  if (fields === undefined) return [];
  const nodes = value.kind === "list" ? value.items : [value];
  return nodes.flatMap((node): [Schema, TableNode][] => (node.kind === "table" ? [[fields, node]] : []));
};

const leaves = (node: Node): Node[] => {
  if (node.kind === "list") return node.items.flatMap(leaves);
  return node.kind === "table" ? [...node.entries.values()].flatMap(({ value }) => leaves(value)) : [node];
};

/** True when `leaf` is a secret written out; it is reported. */
export function reportLiteral(key: string, leaf: Node, { problems, about = "", maskSecret }: FaultReporter): boolean {
  if (leaf.kind !== "text" && leaf.kind !== "plain") return false;
  const literal: Value = leaf.value;
  if (typeof literal === "string" && isReference(literal)) return false;
  maskSecret?.(String(literal));
  problems.hide(leaf.at);
  const filled = leaf.kind === "text" ? /^\$\{\s*env\.([A-Za-z0-9_]+)\s*\}$/.exec(leaf.before ?? "")?.[1] : undefined;
  problems.error(
    "config.secret",
    `${key} is a secret: it must be a reference (env:, file:, cmd:), not a literal${about}`,
    {
      at: leaf.at,
      hint: filled === undefined ? 'write "env:NAME", "file:PATH" or "cmd:COMMAND"' : `write "env:${filled}"`,
    },
  );
  return true;
}

/**
 * What a plugin complains of where some attributes were left out because they are wrong: no complaint that may come of that. One that has
 * no attribute, or names one of those, is not told before they are right.
 */
export const independent = (complaints: readonly Complaint[], bad: readonly string[]): readonly Complaint[] =>
  complaints.filter(({ attribute, message, hint = "" }) => {
    const words = new Set(`${attribute} ${message} ${hint}`.split(/[^A-Za-z0-9_]+/));
    return attribute !== undefined && !bad.some((name) => words.has(name));
  });

/** A table of some of the entries of another. */
export const tableWith = (node: TableNode, entries: readonly (readonly [string, NodeEntry])[]): TableNode => ({
  kind: node.kind,
  at: node.at,
  entries: entries.length === 0 ? EMPTY : new Map(entries),
});
