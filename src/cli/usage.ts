import type { Definition } from "clipanion";
import { Failure } from "../core/failure.ts";
import { nearest } from "../core/model/nearest.ts";
import { type Flag, type KnownCommand, knownFrom } from "./completion/commands.ts";

/** What a command line has, word by word. */
interface Words {
  /** Neither options nor their values. */
  readonly plain: readonly string[];
  readonly options: readonly { readonly name: string; readonly value: string | undefined }[];
}

/** @throws Failure cli.usage for a command or an option that is not known, with the nearest that is, and for arguments that do not fit */
export function checkUsage(args: readonly string[], definitions: readonly Definition[]): void {
  const known = knownFrom(definitions);
  const paths = known.filter(({ path }) => path[0]?.startsWith("__") === false);
  const [first = "", second = ""] = args;
  const group = paths.filter(({ path }) => path[0] === first);
  if (group.length === 0) throw notACommand(first, paths);
  const both = group.filter(({ path }) => path[1] === second && path.length > 1);
  const single = group.filter(({ path }) => path.length === 1);
  const asksHelp = args.includes("--help") || args.includes("-h");
  if (both.length === 0 && single.length === 0) {
    const names = group.map(({ path }) => path.join(" "));
    if (asksHelp) return;
    if (second === "" || second.startsWith("-"))
      throw new Failure("cli.usage", `images ${first}: a subcommand is missing`, {
        hint: `one of: ${names.join(", ")}`,
      });
    throw unknownWord("command", `${first} ${second}`, names);
  }
  const meant = both.length > 0 ? both : single;
  const words = wordsOf(args.slice(meant[0]?.path.length), meant);
  if (!asksHelp)
    checkArguments(
      words,
      definitions.filter((one) => meant.some(({ path }) => one.path === `images ${path.join(" ")}`)),
    );
}

function notACommand(word: string, paths: readonly KnownCommand[]): Failure {
  if (word.startsWith("-"))
    return new Failure("cli.usage", `a command is missing before ${JSON.stringify(word)}`, {
      hint: "images COMMAND [OPTIONS]; images --help lists the commands",
    });
  return unknownWord("command", word, [...new Set(paths.map(({ path }) => path[0] ?? ""))]);
}

/** Reads the words behind a command. @throws Failure cli.usage for an option that it does not have, or that lacks its value */
function wordsOf(args: readonly string[], commands: readonly KnownCommand[]): Words {
  const flags = commands.flatMap((one) => one.flags);
  const end = args.indexOf("--");
  const [mine, rest] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end + 1)];
  const plain: string[] = [];
  const options: { name: string; value: string | undefined }[] = [];
  for (let i = 0; i < mine.length; i++) {
    const word = mine[i] ?? "";
    if (!/^-{1,2}[a-zA-Z]/.test(word)) {
      plain.push(word);
      continue;
    }
    const { name, value, flag } = optionOf(word, flags, helpOf(commands));
    const next = mine[i + 1];
    const takesNext = value === undefined && flag?.takesValue === true;
    if (takesNext && (next === undefined || /^-./.test(next)))
      throw new Failure("cli.usage", `missing value for ${name}`, { hint: helpOf(commands) });
    if (takesNext) i++;
    options.push({ name, value: takesNext ? next : value });
  }
  return { plain: [...plain, ...rest], options };
}

function optionOf(word: string, flags: readonly Flag[], help: string) {
  const [name = "", ...more] = word.split("=");
  const value = more.length === 0 ? undefined : more.join("=");
  const names = [...new Set([...flags.flatMap((flag) => flag.names), "--help", "-h"])];
  if (!names.includes(name) && !(name.startsWith("--no-") && names.includes(`--${name.slice(5)}`)))
    throw unknownWord("option", name, names, help);
  const flag = flags.find((one) => one.names.includes(name));
  // An option that is a switch or, behind "=", a file: clipanion calls it a switch.
  const mayTake = flag === undefined || flag.takesValue || /=FILE/.test(flag.description);
  if (value !== undefined && !mayTake)
    throw new Failure("cli.usage", `${name} takes no value`, { hint: `write ${name}` });
  return { name, value, flag };
}

/** Of several commands with one path, the one that has all the options. */
function checkArguments({ plain, options }: Words, definitions: readonly Definition[]): void {
  const has = (one: Definition, name: string): boolean =>
    one.options.some(({ definition }) => definition.split(" ")[0]?.split(",").includes(name) === true);
  const needs = (one: Definition): boolean =>
    one.options.every(({ required, definition }) => {
      const names = (definition.split(" ")[0] ?? "").split(",");
      return !required || options.some(({ name }) => names.includes(name));
    });
  const fitting = definitions.filter((one) => needs(one)).at(-1);
  if (fitting === undefined) return;
  const foreign = options.find(
    ({ name }) => definitions.some((one) => has(one, name)) && !has(fitting, name) && !/^(--help|-h)$/.test(name),
  );
  const usages = definitions.map(shownUsage).filter((text, at, all) => all.indexOf(text) === at);
  const hint = `usage: ${usages.join("; or ")}`;
  if (foreign !== undefined)
    throw new Failure("cli.usage", `${foreign.name} does not go with the other arguments`, { hint });
  const shape = fitting.usage.slice(fitting.path.length).trim().split(" ");
  const required = shape.filter((word) => word.startsWith("<")).map((word) => word.slice(1, -1));
  const missing = required.slice(plain.length);
  if (missing.length > 0) throw new Failure("cli.usage", `missing argument ${missing.join(" ")}`, { hint });
  const most = shape.includes("...") ? Number.POSITIVE_INFINITY : shape.filter((word) => /^[<[]/.test(word)).length;
  const extra = plain[most];
  if (extra !== undefined) throw new Failure("cli.usage", `unexpected argument ${JSON.stringify(extra)}`, { hint });
}

function shownUsage({ path, usage, options }: Definition): string {
  const required = options.flatMap(({ required, definition }) => {
    const name = (definition.split(" ")[0] ?? "").split(",").at(-1) ?? "";
    return required ? [`${name} VALUE`] : [];
  });
  const words = usage.slice(path.length).trim().replaceAll(/[<>]/g, "");
  return [path, ...required, "[OPTIONS]", words].filter((one) => one !== "").join(" ");
}

const helpOf = ([command]: readonly KnownCommand[]): string => `images ${command?.path.join(" ") ?? ""} --help`;

function unknownWord(
  kind: "command" | "option",
  word: string,
  right: readonly string[],
  help = "images --help",
): Failure {
  const near = nearest(word, right);
  const meant = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`;
  return new Failure(
    "cli.usage",
    `unknown ${kind} ${JSON.stringify(word)}${meant}`,
    near === undefined ? { hint: help } : {},
  );
}
