// Pages that a browser shows. Text from servers, files and people is escaped where it is put in; only a literal of ours is markup.

/**
 * What a terminal may take for a command, and what hides or turns text around: C0, DEL, C1, zero-width and bidirectional marks,
 * line separators, tags, halves of surrogate pairs. The joiners that emoji and some scripts need stay.
 */
export const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is there to find them.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

/** `\u202e`, `\u{e0041}`: a character as strings in quotes have it. */
export function hexForm(found: string): string {
  const point = found.codePointAt(0) ?? 0;
  return point > 0xffff ? `\\u{${point.toString(16)}}` : `\\u${point.toString(16).padStart(4, "0")}`;
}

/** Markup that is safe to put into a page as it is. Only this module makes it. */
class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type { Markup };

type Part = string | number | Markup | readonly Part[] | undefined;

/** A piece of HTML or XML: what is put into it is escaped, unless it is markup itself; nothing comes of undefined. */
export const markup = (text: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(joined(text, parts));

function joined(text: TemplateStringsArray, parts: readonly Part[]): string {
  return text.reduce((all, piece, i) => all + shown(parts[i - 1]) + piece);
}

function shown(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "string") return escapeMarkup(part);
  if (typeof part === "number" || part instanceof Markup) return part.toString();
  return part.map(shown).join("");
}

const NAMED: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for an element or a quoted attribute of HTML or XML. Characters that hide or turn text are shown; ends of lines and tabs stay. */
export const escapeMarkup = (text: string): string => (PLAIN.test(text) ? text : escaped(text));

const PLAIN = /^[\n\t !#-%(-;=?-~]*$/;

const escaped = (text: string): string =>
  text
    .replace(UNSAFE, (found) => (found === "\n" || found === "\t" ? found : hexForm(found)))
    .replace(/[\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"']/g, (found) => NAMED[found] ?? "");

interface Page {
  readonly title: string;
  /** The program's own text: it must not contain the end of its element. */
  readonly style: string;
  readonly script: string;
  /** More of the head: links to what is beside the page. */
  readonly head?: Markup;
  readonly body: Markup;
  /** Where the page is served, for its script. */
  readonly url?: string;
  /** Takes secrets out of what the page shows; style and script stay as their hashes say. */
  readonly redact?: (text: string) => string;
}

/** A page that is whole in itself: its one style and its one script are allowed by their hashes, and no request goes anywhere. */
export function page({ title, style, script, head, body, url, redact = (text) => text }: Page): string {
  const allowed = `default-src 'none'; style-src '${hashOf(style)}'; script-src '${hashOf(script)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const whole = markup`<!doctype html>
<html lang="en"${url === undefined ? undefined : markup` data-url="${url}"`}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${allowed}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
${head}<title>${redact(title)}</title>
<style>${new Markup(style)}</style>
</head>
<body>
${new Markup(redact(body.toString()))}
<script>${new Markup(script)}</script>
</body>
</html>
`;
  return whole.toString();
}

const hashOf = (text: string): string => `sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}`;
