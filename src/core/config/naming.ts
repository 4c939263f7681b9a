import { nameFor } from "../model/check.ts";
import type { Attribute, Schema } from "../model/schema.ts";

interface Known {
  readonly names: Map<string, string | undefined>;
  readonly sensitive: boolean;
}

/** What is asked of a schema again for each of thousands of images. */
const known = new WeakMap<Schema, Known>();

function knownOf(schema: Schema): Known {
  let found = known.get(schema);
  if (found === undefined) {
    found = { names: new Map(), sensitive: Object.values(schema).some(hasSecret) };
    known.set(schema, found);
  }
  return found;
}

const hasSecret = ({ sensitive, type }: Attribute): boolean =>
  sensitive === true || (type.fields !== undefined && holdsSecrets(type.fields));

/** Whether anything in a table of this schema, however deep, is a secret. */
export const holdsSecrets = (schema: Schema): boolean => knownOf(schema).sensitive;

/** The attribute that a key means, by its name or one of its other spellings. */
export function nameIn(schema: Schema, key: string): string | undefined {
  const { names } = knownOf(schema);
  if (!names.has(key)) names.set(key, nameFor(schema, key));
  return names.get(key);
}

/** The attribute that a key means, where it can be written. */
export function attributeIn(schema: Schema, key: string): Attribute | undefined {
  const name = nameIn(schema, key);
  const attribute: Attribute | undefined = name === undefined ? undefined : schema[name];
  return attribute?.mode === "computed" ? undefined : attribute;
}
