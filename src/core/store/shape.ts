import { isTable } from "../model/value.ts";

/** The first thing that is wrong with a value; `path` leads to it. */
export interface Wrong {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
/** What a value must be: undefined when it is, else what is wrong. Nothing is changed or filled in. */
export type Rule = (value: unknown) => Wrong | undefined;

export const wrong = (message: string): Wrong => ({ path: [], message });
export const within = (name: string | number, found: Wrong): Wrong => ({ ...found, path: [name, ...found.path] });

export const text: Rule = (value) => (typeof value === "string" ? undefined : wrong("expected a string"));
export const flag: Rule = (value) => (typeof value === "boolean" ? undefined : wrong("expected true or false"));
/** A whole number from 0. */
export const count: Rule = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : wrong("expected a whole number, 0 or more");

export const oneOf = (values: readonly string[]): Rule => {
  const message = `expected ${values.map((value) => JSON.stringify(value)).join(" or ")}`;
  return (value) => (typeof value === "string" && values.includes(value) ? undefined : wrong(message));
};

export const listOf =
  (rule: Rule): Rule =>
  (value) => {
    if (!Array.isArray(value)) return wrong("expected a list");
    for (const [i, item] of value.entries()) {
      const found = rule(item);
      if (found !== undefined) return within(i, found);
    }
    return undefined;
  };

/** A table with names of any kind that `name` accepts. */
export const mapOf =
  (name: Rule, rule: (key: string) => Rule): Rule =>
  (value) => {
    if (!isTable(value)) return wrong("expected a table");
    for (const key of Object.keys(value)) {
      const found = name(key) ?? rule(key)(value[key]);
      if (found !== undefined) return within(key, found);
    }
    return undefined;
  };

/** A table with these names and no others. */
export const table = (must: Readonly<Record<string, Rule>>, may: Readonly<Record<string, Rule>> = {}): Rule => {
  const needed = Object.keys(must);
  const musts = new Set(needed);
  const rules = new Map([...Object.entries(may), ...Object.entries(must)]);
  return (value) => {
    if (!isTable(value)) return wrong("expected a table");
    const names = Object.keys(value);
    let had = 0;
    for (const name of names) if (musts.has(name)) had++;
    // Each name is in a table once: with as many of them as are needed, none is missing.
    if (had < needed.length) return wrong(`${needed.find((name) => !Object.hasOwn(value, name))} is missing`);
    for (const name of names) {
      const rule = rules.get(name);
      if (rule === undefined) return within(name, wrong("unknown key"));
      const found = rule(value[name]);
      if (found !== undefined) return within(name, found);
    }
    return undefined;
  };
};
