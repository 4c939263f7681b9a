import type { Flag, KnownCommand } from "./commands.ts";
import { ANY_NUMBER, OF_FLAGS, OF_WORDS, type WordKind } from "./kinds.ts";

/** What a word can be completed to. */
export interface Candidate {
  readonly value: string;
  readonly description?: string;
}

interface Completed {
  readonly candidates: readonly Candidate[];
  /** Paths of files go as well: the shell knows those best. */
  readonly files: boolean;
}

const NONE: Completed = { candidates: [], files: false };

/** What is being completed. */
interface CommandLine {
  /** The words behind the program's name up to the cursor; the last one is to be completed, and may be empty. */
  readonly words: readonly string[];
  readonly commands: readonly KnownCommand[];
  /** Everything that there is of a kind. */
  readonly values: (
    kind: Exclude<WordKind, "file" | "nothing" | object>,
    words: readonly string[],
  ) => Promise<readonly Candidate[]>;
}

/** What the last word of a line can be; only what it begins with. */
export async function complete({ words, commands, values }: CommandLine): Promise<Completed> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const chosen = chosenBy(before, commands);
  const further = before.some((word) => word.startsWith("-")) ? [] : nextNames(before, commands);
  const given = parse(before.slice(chosen[0]?.path.length ?? 0), chosen);
  const ofKind = async (kind: WordKind, lead = ""): Promise<Completed> => {
    if (kind === "file") return { candidates: [], files: true };
    if (kind === "nothing") return NONE;
    const all = typeof kind === "object" ? kind.words.map((value) => ({ value })) : await values(kind, words);
    return fitting(
      current,
      all.map((one) => ({ ...one, value: `${lead}${one.value}` })),
    );
  };
  if (given.open !== undefined) return await ofKind(kindOf(given.open));
  const cut = current.indexOf("=");
  if (current.startsWith("--") && cut > 0 && !given.isEnded) {
    const flag = flagOf(chosen, current.slice(0, cut));
    return flag === undefined ? NONE : await ofKind(kindOf(flag), current.slice(0, cut + 1));
  }
  if (current.startsWith("-") && !given.isEnded) return fitting(current, flagsOf(chosen, current));
  const kind = wordKind(chosen, given.count);
  const found = kind === undefined ? NONE : await ofKind(kind);
  return { ...found, candidates: [...fitting(current, further).candidates, ...found.candidates] };
}

/** The commands that the words lead to: those with the longest path. */
function chosenBy(before: readonly string[], commands: readonly KnownCommand[]): readonly KnownCommand[] {
  const fits = commands.filter(({ path }) => path.every((name, i) => before[i] === name));
  const longest = Math.max(0, ...fits.map(({ path }) => path.length));
  return fits.filter(({ path }) => path.length === longest);
}

/** Names of commands that can come next. */
function nextNames(before: readonly string[], commands: readonly KnownCommand[]): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { path, description } of commands) {
    const next = path[before.length];
    if (next === undefined || !before.every((word, i) => word === path[i])) continue;
    const isWhole = path.length === before.length + 1;
    if (!found.has(next)) found.set(next, { value: next, ...(isWhole ? { description } : {}) });
  }
  return [...found.values()];
}

interface Given {
  /** The option whose value comes next. */
  readonly open: Flag | undefined;
  /** Words that are no options. */
  readonly count: number;
  /** After `--` nothing is an option. */
  readonly isEnded: boolean;
}

function parse(words: readonly string[], chosen: readonly KnownCommand[]): Given {
  let open: Flag | undefined;
  let count = 0;
  let isEnded = false;
  for (const word of words) {
    if (open !== undefined) open = undefined;
    else if (isEnded || !word.startsWith("-")) count++;
    else if (word === "--") isEnded = true;
    else if (!word.includes("=")) {
      const flag = flagOf(chosen, word);
      open = flag?.takesValue === true ? flag : undefined;
    }
  }
  return { open, count, isEnded };
}

const flagOf = (chosen: readonly KnownCommand[], name: string): Flag | undefined =>
  chosen.flatMap(({ flags }) => flags).find(({ names }) => names.includes(name));

const kindOf = ({ names }: Flag): WordKind => names.flatMap((name) => OF_FLAGS[name] ?? [])[0] ?? "nothing";

/** Short spellings only where nothing but the dash is there. */
function flagsOf(chosen: readonly KnownCommand[], current: string): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { names, description } of chosen.flatMap(({ flags }) => flags))
    for (const name of names)
      if (name.startsWith("--") || current === "-") found.set(name, { value: name, description });
  return [...found.values()];
}

function wordKind([command]: readonly KnownCommand[], count: number): WordKind | undefined {
  const path = command?.path.join(" ") ?? "";
  const kinds = OF_WORDS[path] ?? [];
  return kinds[count] ?? (ANY_NUMBER.has(path) ? kinds.at(-1) : undefined);
}

const fitting = (current: string, all: readonly Candidate[]): Completed => ({
  candidates: all.filter(({ value }) => value.startsWith(current)),
  files: false,
});
