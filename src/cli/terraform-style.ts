import { Failure } from "../core/failure.ts";
import { parseAddress } from "../core/model/name.ts";
import { TERRAFORM_COMMANDS, TERRAFORM_OPTIONS, VALUE_WITHOUT_EFFECT, WITHOUT_EFFECT } from "./terraform-only.ts";

/** What terraform's users type, and what it is here. */
interface HabitLine {
  readonly args: readonly string[];
  /** `-chdir=DIR`. */
  readonly directory?: string;
  /** `-input=false`: nothing is asked for. */
  readonly isSilent?: boolean;
  /** `--debug`: as IMAGES_LOG=debug. */
  readonly isDebug?: boolean;
  /** `--quiet`: as IMAGES_QUIET=1. */
  readonly isQuiet?: boolean;
}

/** Commands of terraform under the name that they have here. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  "force-unlock": ["unlock"],
  refresh: ["apply", "--refresh-only", "--yes"],
  providers: ["plugins"],
};

/** Switches that terraform writes as `-x=true` and `-x=false`: [when true, when false]. */
const SWITCHES: Readonly<Record<string, readonly [string | undefined, string | undefined]>> = {
  "--auto-approve": ["--auto-approve", undefined],
  "--yes": ["--yes", undefined],
  "--check": ["--check", undefined],
  "--compact-warnings": [undefined, undefined],
  "--concise": [undefined, undefined],
  "--destroy": ["--destroy", undefined],
  "--detailed-exitcode": ["--detailed-exitcode", undefined],
  "--force": ["--force", undefined],
  "--ignore-remote-version": ["--ignore-remote-version", undefined],
  "--input": [undefined, undefined],
  "--list": [undefined, "--no-list"],
  "--lock": [undefined, "--no-lock"],
  "--no-color": ["--no-color", undefined],
  "--refresh": ["--refresh", "--no-refresh"],
  "--refresh-only": ["--refresh-only", undefined],
  "--write": [undefined, "--no-write"],
};

/** The command line as this program has it. @throws Failure cli.usage for what it does not have, with what to type */
export function fromTerraformStyle(words: readonly string[]): HabitLine {
  const end = words.indexOf("--");
  const [mine, rest] = end < 0 ? [words, []] : [words.slice(0, end), words.slice(end)];
  const long = mine.map((word) => (/^-[a-z][a-z-]+(=|$)/s.test(word) ? `-${word}` : word));
  const directory = long.find((word) => word.startsWith("--chdir="))?.slice("--chdir=".length);
  if (directory === "" || long.includes("--chdir"))
    throw new Failure("cli.usage", "missing value for --chdir", { hint: "write --chdir=DIR" });
  const isSilent = long.includes("--input=false");
  const isDebug = long.includes("--debug");
  const isQuiet = long.includes("--quiet") || long.includes("-q");
  const kept = long.filter((word) => !word.startsWith("--chdir=") && !["--debug", "--quiet", "-q"].includes(word));
  refuseCommand(kept);
  const args = commands(options(kept.flatMap(switched)));
  return {
    args: [...args, ...rest],
    ...(directory === undefined ? {} : { directory: directory }),
    isSilent,
    isDebug,
    isQuiet,
  };
}

function refuseCommand(words: readonly string[]): void {
  const [first = "", second = ""] = words;
  for (const name of [`${first} ${second}`, first])
    if (Object.hasOwn(TERRAFORM_COMMANDS, name))
      throw new Failure("cli.usage", `images has no command ${JSON.stringify(name)}`, {
        hint: TERRAFORM_COMMANDS[name],
      });
}

/** Takes out what has no effect here. @throws Failure cli.usage for what this program calls otherwise */
function options(words: readonly string[]): readonly string[] {
  const command = words.find((word) => !word.startsWith("-")) ?? "";
  const of = <T>(table: Readonly<Record<string, T>>): readonly T[] =>
    ["", command].flatMap((name) => (Object.hasOwn(table, name) ? (table[name] ?? []) : []));
  const [idle, idleWithValue] = [of(WITHOUT_EFFECT).flat(), of(VALUE_WITHOUT_EFFECT).flat()];
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const [name = ""] = word.split("=");
    const instead = of(TERRAFORM_OPTIONS).flatMap((table) =>
      [word, name].flatMap((one) => (Object.hasOwn(table, one) ? (table[one] ?? []) : [])),
    )[0];
    if (instead !== undefined)
      throw new Failure("cli.usage", `images ${command} has no option ${JSON.stringify(name)}`, { hint: instead });
    if (idleWithValue.includes(name)) i += word.includes("=") ? 0 : 1;
    else if (!idle.includes(name)) kept.push(word);
  }
  return kept;
}

function switched(word: string): readonly string[] {
  if (word === "--json=true") return ["--json"];
  if (word === "--json=false") return [];
  const [name = "", value, ...more] = word.split("=");
  const known = Object.hasOwn(SWITCHES, name) ? SWITCHES[name] : undefined;
  if (known === undefined || more.length > 0) return [word];
  if (value !== undefined && value !== "true" && value !== "false")
    throw new Failure("cli.usage", `invalid ${word}: expected ${name}=true or ${name}=false`);
  const found = known[value === "false" ? 1 : 0];
  if (found === "--no-lock")
    throw new Failure("cli.usage", "the state lock cannot be disabled", { hint: "wait for it: --lock-timeout 5m" });
  return found === undefined ? [] : [found];
}

function commands(args: readonly string[]): readonly string[] {
  const [first = ""] = args;
  if (first === "--version" || first === "-v") return ["version", ...args.slice(1)];
  if (first === "help") return args.length === 1 ? ["--help"] : [...args.slice(1), "--help"];
  if (first === "apply" && args.includes("--destroy"))
    return ["destroy", ...args.slice(1).filter((word) => word !== "--destroy")];
  // With an address it is this program's own: terraform's has none.
  if (first === "refresh" && args.some((word) => parseAddress(word) !== undefined || /^(-h|--help)$/.test(word)))
    return args;
  const same = Object.hasOwn(SAME, first) ? SAME[first] : undefined;
  return same === undefined ? args : [...same, ...args.slice(1)];
}
