import { isTable, type Value } from "images";

// Two spellings of one value, brought to one.

/** Tags as a table, from a table, a list of {key, value}, or one such. */
export function tagsOf(value: Value | undefined): Readonly<Record<string, string>> {
  if (Array.isArray(value)) return Object.fromEntries(value.flatMap((one) => pairIn(one)));
  if (value === undefined || !isTable(value)) return {};
  const pairs = Object.keys(value).sort().join() === "key,value" ? pairIn(value) : Object.entries(value);
  return Object.fromEntries(
    pairs.flatMap(([key, one]): [string, string][] => (typeof one === "string" ? [[key, one]] : [])).sort(),
  );
}

const pairIn = (one: Value): [string, string][] =>
  isTable(one) && typeof one["key"] === "string" ? [[one["key"], String(one["value"] ?? "")]] : [];

export interface Permissions {
  readonly account_ids: readonly string[];
  readonly global: boolean;
}

export function permissionsOf(value: Value | undefined): Permissions {
  if (value === undefined || !isTable(value)) return { account_ids: [], global: false };
  const ids = value["account_ids"];
  const texts = Array.isArray(ids) ? ids.flatMap((id) => (typeof id === "string" ? [id] : [])) : [];
  return { account_ids: [...new Set(texts)].sort(), global: value["global"] === true };
}
