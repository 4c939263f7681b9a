// Command lines as terraform's users write them, brought to what this program has. Pure.

/** What a command of terraform is called here; `say`: it is not there, and this is to be done instead. */
const COMMANDS: Readonly<Record<string, { readonly run: readonly string[] } | { readonly say: string }>> = {
  "force-unlock": { run: ["unlock"] },
  providers: { run: ["plugins"] },
  refresh: { run: ["apply", "--refresh-only"] },
  output: { say: "images show --json, or images state show ADDRESS" },
  taint: { say: "images apply --replace ADDRESS" },
  untaint: { say: "leave --replace out" },
  workspace: { say: "one images.toml and one state for each environment: images -f FILE" },
  console: { say: "images validate, and images show" },
  graph: { say: "images plan, which names what comes after what" },
  get: { say: "nothing: plugins are inside the program, or files beside images.toml" },
  login: { say: "a reference to the secret in the settings of the backend: env:NAME" },
  logout: { say: "a reference to the secret in the settings of the backend: env:NAME" },
  test: { say: "images plan --detailed-exitcode" },
};
const STATE_COMMANDS: Readonly<Record<string, string>> = {
  push: "copy the file to the place that `state` names, while nothing runs",
  "replace-provider": "the plugin of a backend is changed in images.toml",
};

/** Options that are true or false, as `-x=false` sets them; those without a `--no-` form are left out where they are false. */
const FLAGS = new Set([
  ...["refresh", "auto-approve", "yes", "destroy", "detailed-exitcode", "adopt", "refresh-only", "no-color", "json"],
]);
const NEGATED = new Set(["refresh"]);
/** Options that mean nothing here: it never asks for variables, always locks, and prints no long warnings. */
const IGNORED = /^--(input|lock|compact-warnings|concise)(=.*)?$/;

export type Translated =
  | { readonly kind: "run"; readonly args: readonly string[]; readonly directory?: string }
  /** A command that is called something else here. */
  | { readonly kind: "elsewhere"; readonly command: string; readonly instead: string };

export function translate(given: readonly string[]): Translated {
  const end = given.indexOf("--");
  const [own, rest] = end < 0 ? [given, []] : [given.slice(0, end), given.slice(end)];
  const long = own.map(longOf);
  const chdir = long.find((one) => one.startsWith("--chdir="));
  const args = long.filter((one) => one !== chdir && !IGNORED.test(one)).flatMap(flagOf);
  const directory = chdir === undefined ? {} : { directory: chdir.slice("--chdir=".length) };
  const at = args.findIndex((one) => !one.startsWith("-"));
  const word = args[at];
  if (word === "help") {
    const asked = args.toSpliced(at, 1);
    return { kind: "run", args: [...asked, "--help"], ...directory };
  }
  const found = word !== undefined && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  if (word !== undefined && found !== undefined) {
    if ("say" in found) return { kind: "elsewhere", command: word, instead: found.say };
    return { kind: "run", args: [...args.toSpliced(at, 1, ...found.run), ...rest], ...directory };
  }
  const second = word === "state" ? args.slice(at + 1).find((one) => !one.startsWith("-")) : undefined;
  const instead = second !== undefined && Object.hasOwn(STATE_COMMANDS, second) ? STATE_COMMANDS[second] : undefined;
  if (instead !== undefined) return { kind: "elsewhere", command: `state ${second}`, instead };
  return { kind: "run", args: [...args, ...rest], ...directory };
}

/** `-auto-approve` is `--auto-approve`; short options stay. */
const longOf = (arg: string): string => (/^-[a-z][a-z-]+(=.*)?$/s.test(arg) ? `-${arg}` : arg);

function flagOf(arg: string): readonly string[] {
  const [, name = "", value] = /^--([a-z-]+)=(true|false)$/.exec(arg) ?? [];
  if (!FLAGS.has(name)) return [arg];
  if (value === "true") return [`--${name}`];
  return NEGATED.has(name) ? [`--no-${name}`] : [];
}
