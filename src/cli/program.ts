import { statSync } from "node:fs";
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { Cli, type Command, type CommandClass, type Definition } from "clipanion";
import { Failure } from "../core/failure.ts";
import { nearest } from "../core/model/nearest.ts";
import { EXIT } from "./base.ts";
import { commandsOf } from "./commands.ts";
import { type KnownCommand, knownFrom } from "./completion/commands.ts";
import { fromHabits } from "./habits.ts";
import { renderFailure } from "./render/failure.ts";
import { chooseStyle } from "./render/style.ts";
import type { Shell } from "./shell.ts";
import { traceOf } from "./trace.ts";

/** The command line: its errors are one line on stderr with exit code 64, and nothing is on stdout. */
export class Program extends Cli<Shell> {
  readonly #registered = new Set<CommandClass<Shell>>();

  /** The commands that begin with a word, or all of them, are part of the program from now on. */
  async load(word?: string): Promise<this> {
    for (const command of await commandsOf(word)) {
      if (!this.#registered.has(command)) this.register(command);
      this.#registered.add(command);
    }
    return this;
  }

  override async run(input: Command<Shell> | string[], shell: Shell): Promise<number> {
    if (!Array.isArray(input)) return await super.run(input, shell);
    if (input[0]?.startsWith("__") === true) {
      await this.load(input[0]);
      return await super.run(input, shell);
    }
    let ready: { readonly command: Command<Shell>; readonly shell: Shell };
    try {
      const { args, folder, isSilent = false, isDebug = false, isQuiet = false } = fromHabits(input);
      if (args.length === 0 || args[0] === "--help" || args[0] === "-h") {
        const [{ overview }, known] = await Promise.all([import("./overview.ts"), import("./completion/known.json")]);
        shell.stdout.write(overview(known.default));
        return EXIT.done;
      }
      await this.load(args[0]);
      check(args, knownFrom(this.definitions()));
      const page = await helpFor(args, this.definitions());
      if (page !== undefined) {
        shell.stdout.write(page);
        return EXIT.done;
      }
      const inside = {
        ...shell,
        env: { ...shell.env, ...(isDebug ? { IMAGES_LOG: "debug" } : {}), ...(isQuiet ? { IMAGES_QUIET: "1" } : {}) },
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

/** The help that a command line asks for, before it is parsed as anything else. */
async function helpFor(args: readonly string[], definitions: readonly Definition[]): Promise<string | undefined> {
  const words = args.slice(0, args.indexOf("--") < 0 ? undefined : args.indexOf("--"));
  if (!words.includes("--help") && !words.includes("-h")) return undefined;
  const names = words.filter((word) => !word.startsWith("-"));
  const { groupPage, helpPage } = await import("./helppage.ts");
  for (let length = Math.min(2, names.length); length > 0; length--) {
    const path = `images ${names.slice(0, length).join(" ")}`;
    const found = definitions.find((one) => one.path === path);
    if (found !== undefined) return helpPage(found);
    const group = definitions.filter((one) => one.path.startsWith(`${path} `));
    if (group.length > 0) return groupPage(path.slice("images ".length), group);
  }
  return undefined;
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
function check(args: readonly string[], known: readonly KnownCommand[]): void {
  const paths = known.filter(({ path }) => path[0]?.startsWith("__") === false);
  const [first = "", second = ""] = args;
  const group = paths.filter(({ path }) => path[0] === first);
  if (group.length === 0) throw unknownWord("command", first, [...new Set(paths.map(({ path }) => path[0] ?? ""))]);
  const both = group.filter(({ path }) => path[1] === second && path.length > 1);
  const single = group.filter(({ path }) => path.length === 1);
  if (both.length === 0 && single.length === 0) {
    const names = group.map(({ path }) => path.join(" "));
    if (args.includes("--help") || args.includes("-h")) return;
    if (second === "" || second.startsWith("-"))
      throw new Failure("cli.usage", `images ${first}: a subcommand is missing`, {
        hint: `one of: ${names.join(", ")}`,
      });
    throw unknownWord("command", `${first} ${second}`, names);
  }
  checkOptions(args, both.length > 0 ? both : single);
}

function checkOptions(args: readonly string[], commands: readonly KnownCommand[]): void {
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
