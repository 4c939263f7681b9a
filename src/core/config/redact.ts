import { escapeMarkup } from "../html.ts";
import { isSecretParameter } from "../net/secret-query.ts";

export const HIDDEN = "(sensitive)";

/** Also as it is in HTML and XML. */
const QUERY = /([?&](?:amp;)?)([^=&\s"'<>#?]+)=([^&\s"'<>#]+)/g;
const USERINFO = /:\/\/[^\s/?#"'<>]+@/g;

/** Hides what is secret in any URL by its form alone: user and password, signatures and tokens in the query. */
export function redactUrls(text: string): string {
  let shown = text;
  if (shown.includes("://") && shown.includes("@")) shown = shown.replace(USERINFO, `://${HIDDEN}@`);
  if (shown.includes("="))
    shown = shown.replace(QUERY, (whole, sign: string, name: string) =>
      isSecretParameter(name) ? `${sign}${name}=${HIDDEN}` : whole,
    );
  return shown;
}

/** Shorter secrets are hidden only where they stand as a value: `"x"`, `=x`, `:x`. */
const SHORT = 4;

/** Patterns (sources of regular expressions) that find a secret in all the spellings that it may come out in. */
export function patternsOf(secret: string): string[] {
  if (secret === "") return [];
  if (secret.length < SHORT) return [`(?<=["'=:])${escapeRegExp(secret)}(?=["'&,;\\s]|$)`];
  const spellings = new Set<string>();
  for (const text of [secret, ...longLines(secret)]) {
    const escaped = JSON.stringify(text).slice(1, -1);
    const encoded = percent(text);
    const lower = encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
    const marked = escapeMarkup(text);
    for (const one of [text, escaped, escaped.replaceAll("/", "\\/"), encoded, lower, encoded.replaceAll("%20", "+")])
      spellings.add(one);
    for (const one of [marked, marked.replaceAll("&#39;", "'"), escapeMarkup(escaped)]) spellings.add(one);
    for (const one of base64(text)) spellings.add(one);
  }
  return [...spellings].map(escapeRegExp);
}

/** The lines of a longer secret (a PEM key), since libraries print single ones; short and telling ones are left out. */
const longLines = (secret: string): string[] =>
  secret.includes("\n") ? secret.split(/\r?\n/).filter((line) => line.length >= 16 && !line.startsWith("-----")) : [];

const percent = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/**
 * The base64 of a text, also where it is part of something longer (`user:password`): the digits that the text alone decides, at each of
 * the three positions that it can have in a group.
 */
function base64(text: string): string[] {
  const bytes = Buffer.from(text);
  const whole = bytes.toString("base64");
  const inner = [0, 1, 2].map((before) => {
    const digits = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const first = [0, 2, 3][before] ?? 0;
    const last = digits.length - ((before + bytes.length) % 3 === 0 ? 0 : 1);
    return digits.slice(first, last);
  });
  return [whole, whole.replace(/=+$/, ""), ...inner.filter((digits) => digits.length >= 6)].flatMap((digits) => [
    digits,
    digits.replaceAll("+", "-").replaceAll("/", "_"),
  ]);
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
