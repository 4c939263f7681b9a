import { statSync } from "node:fs";
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { Cli, type Command } from "clipanion";
import { Failure } from "../core/failure.ts";
import { nearest } from "../core/model/nearest.ts";
import { EXIT } from "./base.ts";
import { type Known, knownFrom } from "./completion/commands.ts";
import { fromHabits } from "./habits.ts";
import { overview } from "./overview.ts";
import { renderFailure } from "./render/failure.ts";
import { chooseStyle } from "./render/index.ts";
import type { Shell } from "./shell.ts";
import { traceOf } from "./trace.ts";

/** The command line: its errors are one line on stderr with exit code 64, and nothing is on stdout. */
export class Program extends Cli<Shell> {
  override async run(input: Command<Shell> | string[], shell: Shell): Promise<number> {
    if (!Array.isArray(input)) return await super.run(input, shell);
    if (input[0]?.startsWith("__") === true) return await super.run(input, shell);
    let ready: { readonly command: Command<Shell>; readonly shell: Shell };
    try {
      const { args, folder, isSilent = false, isDebug = false } = fromHabits(input);
      if (args.length === 0 || args[0] === "--help" || args[0] === "-h") {
        shell.stdout.write(overview(this.definitions()));
        return EXIT.done;
      }
      check(args, knownFrom(this.definitions()));
      const inside = {
        ...shell,
        ...(isDebug ? { env: { ...shell.env, IMAGES_LOG: "debug" } } : {}),
        ...(isSilent ? { stdin: new PassThrough().end() } : {}),
        ...(folder === undefined ? {} : { cwd: entered(resolve(shell.cwd, folder)) }),
      };
      traceOf(inside);
      ready = { command: this.process([...args], inside), shell: inside };
    } catch (thrown) {
      const failure = thrown instanceof Failure ? thrown : asUsage(thrown);
      const style = chooseStyle(shell.env, false, { noColor: true });
      shell.stderr.write(renderFailure(failure, { style }));
      return EXIT.usage;
    }
    return await super.run(ready.command, ready.shell);
  }
}

function entered(folder: string): string {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return folder;
  throw new Failure("cli.usage", `--chdir: there is no directory ${folder}`);
}

/** What the parser says, without its list of all commands. */
function asUsage(thrown: unknown): Failure {
  const [text = "", ...more] = thrown instanceof Error ? thrown.message.split("\n") : [String(thrown)];
  const usage = more.find((line) => line.startsWith("$ "))?.slice(2);
  const isVague = text.startsWith("Command not found");
  const shown = usage?.replace(/ \[-[^\]]*\]/g, "");
  return new Failure(
    "cli.usage",
    isVague ? "the arguments do not fit this command" : text.replace(/\.$/, ""),
    shown === undefined ? {} : { hint: `usage: ${shown}` },
  );
}

/** @throws Failure cli.usage for a command or an option that is not known, with the nearest that is */
function check(args: readonly string[], known: readonly Known[]): void {
  const paths = known.filter(({ path }) => path[0]?.startsWith("__") === false);
  const [first = "", second = ""] = args;
  const group = paths.filter(({ path }) => path[0] === first);
  if (group.length === 0) throw unknownWord("command", first, [...new Set(paths.map(({ path }) => path[0] ?? ""))]);
  const both = group.filter(({ path }) => path[1] === second && path.length > 1);
  const single = group.filter(({ path }) => path.length === 1);
  if (both.length === 0 && single.length === 0) {
    const names = group.map(({ path }) => path.join(" "));
    if (second === "" || second.startsWith("-"))
      throw new Failure("cli.usage", `images ${first}: a subcommand is missing`, {
        hint: `one of: ${names.join(", ")}`,
      });
    throw unknownWord("command", `${first} ${second}`, names);
  }
  checkOptions(args, both.length > 0 ? both : single);
}

function checkOptions(args: readonly string[], commands: readonly Known[]): void {
  const flags = commands.flatMap((one) => one.flags);
  const names = [...new Set([...flags.flatMap((flag) => flag.names), "--help", "-h"])];
  for (let i = 1; i < args.length; i++) {
    const [name = "", ...value] = (args[i] ?? "").split("=");
    if (name === "--") return;
    if (!/^-{1,2}[a-zA-Z]/.test(name)) continue;
    if (!names.includes(name) && !(name.startsWith("--no-") && names.includes(`--${name.slice(5)}`)))
      throw unknownWord("option", name, names);
    if (value.length === 0 && flags.some((flag) => flag.takesValue && flag.names.includes(name))) i++;
  }
}

function unknownWord(kind: "command" | "option", word: string, right: readonly string[]): Failure {
  const near = nearest(word, right);
  const meant = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`;
  return new Failure(
    "cli.usage",
    `unknown ${kind} ${JSON.stringify(word)}${meant}`,
    near === undefined ? { hint: "images --help" } : {},
  );
}
