import { resolve } from "node:path";
import { Cli } from "clipanion";
import { nearest } from "../core/model/nearest.ts";
import { CompleteCommand } from "./commands/completion.ts";
import { commands } from "./commands.ts";
import { translate } from "./habits.ts";
import type { Shell } from "./shell.ts";
import { VERSION } from "./version.ts";

/** The exit code of a command line that cannot be understood; never 2, which a pipeline would read as "changes". */
export const USAGE = 64;

/** Commands are looked up by the whole table, so that help and completion know them all; what they need is imported when they run. */
export function program(): Cli<Shell> {
  const cli = new Cli<Shell>({
    binaryLabel: "images",
    binaryName: "images",
    binaryVersion: VERSION,
    enableColors: false,
  });
  for (const command of commands) cli.register(command);
  cli.register(CompleteCommand);
  return cli;
}

/** Runs one command line; answers the exit code. What cannot be understood is told on stderr, with what may have been meant. */
export async function launch(given: readonly string[], shell: Shell): Promise<number> {
  const cli = program();
  const translated = translate(given);
  if (translated.kind === "elsewhere")
    return refuse(shell, `images has no command ${JSON.stringify(translated.command)}`, `use ${translated.instead}`);
  const context =
    translated.directory === undefined ? shell : { ...shell, cwd: resolve(shell.cwd, translated.directory) };
  const args = [...translated.args];
  if (args.length === 0 || (args.length === 1 && /^(--help|-h)$/.test(args[0] ?? ""))) {
    shell.stdout.write(cli.usage(null));
    return args.length === 0 ? USAGE : 0;
  }
  let command: ReturnType<typeof cli.process>;
  try {
    command = cli.process(args, context);
  } catch (thrown) {
    return misunderstood(cli, args, shell, thrown);
  }
  return await cli.run(command, context);
}

function misunderstood(cli: Cli<Shell>, args: readonly string[], shell: Shell, thrown: unknown): number {
  const all = cli.definitions().map(({ path, options }) => ({ words: path.split(" ").slice(1), options }));
  const word = args.find((one) => !one.startsWith("-")) ?? "";
  const firsts = [...new Set(all.flatMap(({ words }) => words[0] ?? []))];
  if (!firsts.includes(word)) {
    const near = nearest(word, firsts);
    return refuse(
      shell,
      `unknown command ${JSON.stringify(word)}`,
      near === undefined ? HELP : `did you mean ${JSON.stringify(near)}?`,
    );
  }
  const plain = args.filter((one) => !one.startsWith("-"));
  const meant = all.filter(({ words }) => words.every((one, i) => plain[i] === one));
  const see = `see images ${word} --help`;
  if (meant.length === 0) {
    const rest = all.filter(({ words }) => words[0] === word).flatMap(({ words }) => words.slice(1).join(" "));
    const near = nearest(plain.slice(1).join(" "), rest);
    return refuse(
      shell,
      `unknown command ${JSON.stringify(plain.slice(0, 2).join(" "))}`,
      near === undefined ? see : `did you mean "${word} ${near}"?`,
    );
  }
  const known = meant.flatMap(({ options }) =>
    options.flatMap(({ definition }) => definition.match(/--?[a-z][a-z-]*/g) ?? []),
  );
  const unknown = args.find((one) => one.startsWith("-") && one !== "-" && !known.includes(one.split("=")[0] ?? ""));
  if (unknown !== undefined) {
    const name = unknown.split("=")[0] ?? "";
    const near = nearest(name, known);
    return refuse(shell, `unknown option ${name} of ${word}`, near === undefined ? see : `did you mean ${near}?`);
  }
  const text = thrown instanceof Error ? (thrown.message.split("\n")[0] ?? "") : String(thrown);
  return refuse(shell, text.replace(/\.$/, ""), see);
}

const HELP = "see images --help";

function refuse({ stderr }: Shell, message: string, hint: string): number {
  stderr.write(hint.startsWith("did you mean") ? `error: ${message}; ${hint}\n` : `error: ${message}\nhint: ${hint}\n`);
  return USAGE;
}
