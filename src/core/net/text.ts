/** Characters that move the cursor, change colours or the direction of writing, or end a line. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text from a server as it may be printed: in one line, control characters written out as \uXXXX. */
export const escaped = (text: string): string =>
  text.replace(UNSEEN, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);

/** At most `most` characters of text from a server, in one line. */
export function excerpt(text: string, most = 200): string {
  const line = text.replace(/\s+/g, " ").trim();
  return escaped(line.length > most ? `${line.slice(0, most - 1)}…` : line);
}

const SENSITIVE = /authorization|cookie|token|secret|password|signature|api-?key|access-?key/i;

/** Takes the values of headers that hold credentials out of a text that a server may have echoed them in. */
export function withoutCredentials(text: string, headers: Readonly<Record<string, string>>): string {
  let clean = text;
  for (const [name, value] of Object.entries(headers)) {
    if (!SENSITIVE.test(name)) continue;
    const secret = value.replace(/^(?:Bearer|Basic|Token)\s+/i, "");
    if (secret.length >= 4) clean = clean.replaceAll(secret, "(sensitive)");
  }
  return clean;
}
