import { HIDDEN } from "../config/redact.ts";
import { isTable, type Value } from "../model/value.ts";

// A request and its answer for debugging: headers, and bodies that are JSON. Secrets are hidden by their names; those
// that are known are taken out by the caller.

/** Bytes of a body; of a larger one only the size is shown. */
export const LARGEST = 64 * 1024;

/** Names of headers and of members of JSON whose values are never shown. */
const SECRET =
  /auth|token|cookie|secret|passw|credential|signature|session|private|(?:^|[-_])(?:pass|key|pwd)$|access[-_]?key|api[-_]?key|upload_to|user[-_]?data/i;
/** Names that the pattern would hide, and that tell nothing secret. */
const HARMLESS = new Set(["www-authenticate", "authority", "author", "auth_url"]);

export const isSecretName = (name: string): boolean => SECRET.test(name) && !HARMLESS.has(name.toLowerCase());

/** `name: value`, one a line. */
export const headerLines = (headers: Iterable<readonly [string, string]>): readonly string[] =>
  [...headers].map(([name, value]) => `${name}: ${isSecretName(name) ? HIDDEN : value}`);

/** A body of JSON on one line, without secrets; of any other kind only its size, and nothing of none. */
export function bodyLine(text: string | undefined, bytes: number, type: string | null | undefined): string | undefined {
  if (bytes === 0) return undefined;
  if (text === undefined || bytes > LARGEST || !isJson(type)) return `(${bytes} bytes${type ? `, ${type}` : ""})`;
  try {
    return JSON.stringify(hidden(JSON.parse(text)));
  } catch {
    return `(${bytes} bytes that are not JSON)`;
  }
}

export const isJson = (type: string | null | undefined): boolean =>
  /^application\/(?:[\w.-]+\+)?json\b/i.test(type ?? "");

/** Under a secret name no text and no number stays, at any depth. */
function hidden(value: Value, isSecret = false): Value {
  if (Array.isArray(value)) return value.map((item: Value) => hidden(item, isSecret));
  if (value !== null && typeof value === "object" && isTable(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, hidden(item, isLeaf(item) && isSecretName(name))]),
    );
  return isSecret ? HIDDEN : value;
}

/** Tables have names of their own for what is in them: `auth` and `password` of Keystone hold some. */
const isLeaf = (value: Value): boolean => typeof value !== "object" || value === null || Array.isArray(value);
