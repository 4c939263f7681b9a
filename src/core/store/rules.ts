import { ALGORITHMS, parseDigest } from "../model/digest.ts";
import { parseAddress } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import { isTable } from "../model/value.ts";
import { count, listOf, mapOf, oneOf, type Rule, table, text, wrong } from "./shape.ts";

// Parts that a state and a plan have in common, checked where one is read.

/** A value of an attribute, no deeper than `depth`. */
export const valueRule =
  (depth: number, key: Rule = anyKey): Rule =>
  (value) => {
    if (typeof value === "string" || typeof value === "boolean") return undefined;
    if (typeof value === "number") return Number.isFinite(value) ? undefined : wrong("expected a finite number");
    if (depth === 0) return wrong("nested too deeply");
    const inner = valueRule(depth - 1, key);
    if (Array.isArray(value)) return listOf(inner)(value);
    return isTable(value) ? mapOf(key, () => inner)(value) : wrong("expected a value");
  };
const anyKey: Rule = () => undefined;

export function attributesRule(depth: number, key: Rule = anyKey): Rule {
  const value = valueRule(depth, key);
  return mapOf(key, () => value);
}

export const addressRule: Rule = (value) =>
  typeof value === "string" && parseAddress(value) !== undefined ? undefined : wrong("expected BACKEND/IMAGE");

const SHA256 = /^sha256:[0-9a-f]{64}$/;
const digest: Rule = (value) =>
  typeof value === "string" && (SHA256.test(value) || parseDigest(value) === value)
    ? undefined
    : wrong("expected ALGORITHM:HEX");
const digestBy =
  (algorithm: string): Rule =>
  (value) =>
    digest(value) ?? (String(value).startsWith(`${algorithm}:`) ? undefined : wrong(`expected ${algorithm}:HEX`));

export const digestsRule = mapOf(oneOf(ALGORITHMS), digestBy);

/** What an image was made from. */
export const contentRule = table({ where: text }, {
  identity: text,
  digest,
  digests: digestsRule,
  signed: text,
  size: count,
  validators: table({}, { etag: text, modified: text, length: count }),
  stat: table({ size: count, mtime: text, inode: text }),
  resolved: text,
  transform: text,
} satisfies Readonly<Record<Exclude<keyof Content, "where">, Rule>>);
