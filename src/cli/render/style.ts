/** What a piece of text is; the colour follows from it. */
const ROLES = [
  "add",
  "change",
  "remove",
  "replace",
  "take",
  "forget",
  "blocked",
  "error",
  "warning",
  "hint",
  "literal",
  "strong",
  "dim",
] as const;
export type Role = (typeof ROLES)[number];

/** Text in the look of a role. Everything reads the same without colour. */
export type Style = { readonly [R in Role]: (text: string) => string } & { readonly colour: boolean };

/** Readable on light and dark terminals: no black, white or grey, and no background. */
const SGR: Readonly<Record<Role, readonly [on: number, off: number]>> = {
  add: [32, 39],
  change: [33, 39],
  remove: [31, 39],
  replace: [35, 39],
  take: [36, 39],
  forget: [2, 22],
  blocked: [31, 39],
  error: [31, 39],
  warning: [33, 39],
  hint: [36, 39],
  literal: [36, 39],
  strong: [1, 22],
  dim: [2, 22],
};

const painted = (paint: (role: Role, text: string) => string, colour: boolean): Style => ({
  colour,
  add: (text) => paint("add", text),
  change: (text) => paint("change", text),
  remove: (text) => paint("remove", text),
  replace: (text) => paint("replace", text),
  take: (text) => paint("take", text),
  forget: (text) => paint("forget", text),
  blocked: (text) => paint("blocked", text),
  error: (text) => paint("error", text),
  warning: (text) => paint("warning", text),
  hint: (text) => paint("hint", text),
  literal: (text) => paint("literal", text),
  strong: (text) => paint("strong", text),
  dim: (text) => paint("dim", text),
});

export const none: Style = painted((_, text) => text, false);
export const ansi: Style = painted((role, text) => {
  const [on, off] = SGR[role];
  return text === "" ? "" : `\u001b[${on}m${text}\u001b[${off}m`;
}, true);

/** How human text is drawn: in which colours, and how wide. No columns: a pipe or a file, nothing is wrapped or cut. */
export interface View {
  readonly style: Style;
  readonly columns?: number | undefined;
}

/** Variables of the environment. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Whether a variable is there and not empty. */
export const isSet = (value: string | undefined): boolean => value !== undefined && value !== "";

/** Colours for people at a terminal, unless they said no (--no-color, NO_COLOR, TERM=dumb); for the rest only if FORCE_COLOR asks. */
export function chooseStyle(env: Env, isTTY: boolean, flags: { readonly noColor?: boolean } = {}): Style {
  if (flags.noColor === true || isSet(env["NO_COLOR"])) return none;
  if (isSet(env["FORCE_COLOR"])) return env["FORCE_COLOR"] === "0" ? none : ansi;
  return isTTY && env["TERM"] !== "dumb" ? ansi : none;
}
