import { Failure } from "../core/failure.ts";
import { parseAddress } from "../core/model/name.ts";

/** What terraform's users type, and what it is here. */
interface HabitLine {
  readonly args: readonly string[];
  /** `-chdir=DIR`. */
  readonly folder?: string;
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

/** Commands of terraform that this program does not have, and what to type. */
const INSTEAD: Readonly<Record<string, string>> = {
  console: "use: images show --json, or images validate",
  get: "there are no modules; [include] and plugins are read as they are",
  login: "credentials are references (env:, file:, cmd:) in images.toml",
  logout: "credentials are references (env:, file:, cmd:) in images.toml",
  modules: "there are no modules; use: images plugins",
  output: "use: images show --json, or images info BACKEND --json",
  taint: "use: images apply --replace ADDRESS",
  test: "use: images plan --detailed-exitcode",
  untaint: "nothing is tainted here; use: images plan",
  workspace: "use one state per environment: --state FILE and --var-file FILE",
  "state replace-provider": "change `plugin` in the backend's table of images.toml",
  "state identities": "use: images state list",
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
  "--input": [undefined, undefined],
  "--lock": [undefined, "--no-lock"],
  "--no-color": ["--no-color", undefined],
  "--refresh": ["--refresh", "--no-refresh"],
  "--refresh-only": ["--refresh-only", undefined],
};

/** The command line as this program has it. @throws Failure cli.usage for what it does not have, with what to type */
export function fromHabits(words: readonly string[]): HabitLine {
  const end = words.indexOf("--");
  const [mine, rest] = end < 0 ? [words, []] : [words.slice(0, end), words.slice(end)];
  const long = mine.map((word) => (/^-[a-z][a-z-]+(=|$)/s.test(word) ? `-${word}` : word));
  const folder = long.find((word) => word.startsWith("--chdir="))?.slice("--chdir=".length);
  const isSilent = long.includes("--input=false");
  const isDebug = long.includes("--debug");
  const isQuiet = long.includes("--quiet") || long.includes("-q");
  const kept = long.filter((word) => !word.startsWith("--chdir=") && !["--debug", "--quiet", "-q"].includes(word));
  const args = commands(kept.flatMap(switched));
  return { args: [...args, ...rest], ...(folder === undefined ? {} : { folder }), isSilent, isDebug, isQuiet };
}

function switched(word: string): readonly string[] {
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
  const [first = "", second = ""] = args;
  if (first === "--version" || first === "-v") return ["version", ...args.slice(1)];
  if (first === "help") return args.length === 1 ? ["--help"] : [...args.slice(1), "--help"];
  for (const name of [first, `${first} ${second}`])
    if (Object.hasOwn(INSTEAD, name))
      throw new Failure("cli.usage", `images has no command ${JSON.stringify(name)}`, { hint: INSTEAD[name] });
  if (first === "apply" && args.includes("--destroy"))
    return ["destroy", ...args.slice(1).filter((word) => word !== "--destroy")];
  // With an address it is this program's own: terraform's has none.
  if (first === "refresh" && args.some((word) => parseAddress(word) !== undefined || /^(-h|--help)$/.test(word)))
    return args;
  const same = Object.hasOwn(SAME, first) ? SAME[first] : undefined;
  return same === undefined ? args : [...same, ...args.slice(1)];
}
