/** What an attribute can be: everything that TOML and JSON have in common but null. */
export type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value };
export type Attributes = Readonly<Record<string, Value>>;

export const isTable = (value: unknown): value is { readonly [key: string]: Value } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Equal in content: order counts in lists and not in tables. */
export function isSame(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  if (!isTable(a) || !isTable(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  );
}

/** Equal as sets: order and repetition do not count. */
export function isSameSet(a: readonly Value[], b: readonly Value[]): boolean {
  const holds = (list: readonly Value[], value: Value) => list.some((item) => isSame(item, value));
  return a.every((value) => holds(b, value)) && b.every((value) => holds(a, value));
}

/** JSON with sorted keys: the same text for the same content, to take a digest of. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  let text = "";
  for (const name of Object.keys(value).sort()) {
    const item: unknown = Reflect.get(value, name);
    if (item !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${canonical(item)}`;
  }
  return `{${text}}`;
}
