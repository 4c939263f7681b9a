import { statSync } from "node:fs";
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { Cli, type Command, type CommandClass, type Definition } from "clipanion";
import { redactUrls } from "../core/config/redact.ts";
import { asFailure, Failure } from "../core/failure.ts";
import { EXIT } from "./base.ts";
import { commandsOf } from "./commands.ts";
import { failureInJson } from "./render/envelope.ts";
import { renderFailure } from "./render/failure.ts";
import { chooseStyle } from "./render/style.ts";
import type { Shell } from "./shell.ts";
import { fromTerraformStyle } from "./terraform-style.ts";
import { traceOf } from "./trace.ts";
import { checkUsage } from "./usage.ts";
import { VERSION } from "./version.ts";

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
      const { args, directory, isSilent = false, isDebug = false, isQuiet = false } = fromTerraformStyle(input);
      if (args.length === 0 || args[0] === "--help" || args[0] === "-h") {
        const [{ overview }, known] = await Promise.all([import("./overview.ts"), import("./completion/known.json")]);
        shell.stdout.write(overview(known.default));
        return EXIT.done;
      }
      await this.load(args[0]);
      const page = await helpFor(args, this.definitions());
      if (page !== undefined) {
        shell.stdout.write(page);
        return EXIT.done;
      }
      checkUsage(args, this.definitions());
      const inside = {
        ...shell,
        env: { ...shell.env, ...(isDebug ? { IMAGES_LOG: "debug" } : {}), ...(isQuiet ? { IMAGES_QUIET: "1" } : {}) },
        ...(isSilent ? { stdin: new PassThrough().end() } : {}),
        ...(directory === undefined ? {} : { cwd: entered(resolve(shell.cwd, directory)) }),
      };
      traceOf(inside);
      ready = { command: this.process([...args], inside), shell: inside };
    } catch (thrown) {
      const failure = asUsage(thrown);
      if (asksJson(input)) shell.stdout.write(redactUrls(failureInJson(failure, VERSION, shell.now().getTime())));
      const style = chooseStyle(shell.env, false, { noColor: true });
      shell.stderr.write(redactUrls(renderFailure(failure, { style })));
      return failure.code === "cli.usage" ? EXIT.usage : EXIT.failed;
    }
    return await super.run(ready.command, ready.shell);
  }
}

/** The help that a command line asks for, before it is parsed as anything else. */
async function helpFor(args: readonly string[], definitions: readonly Definition[]): Promise<string | undefined> {
  const words = args.slice(0, args.indexOf("--") < 0 ? undefined : args.indexOf("--"));
  if (!words.includes("--help") && !words.includes("-h")) return undefined;
  const names = words.filter((word) => !word.startsWith("-"));
  const { groupPage, helpPage } = await import("./help-page.ts");
  for (let length = Math.min(2, names.length); length > 0; length--) {
    const path = `images ${names.slice(0, length).join(" ")}`;
    const all = definitions.filter((one) => one.path === path);
    const found = all.find((one) => isChosen(one, words)) ?? all[0];
    if (found !== undefined) return helpPage(found);
    const group = definitions.filter((one) => one.path.startsWith(`${path} `));
    if (group.length > 0) return groupPage(path.slice("images ".length), group);
  }
  return undefined;
}

/** Several commands can have one path: an option that only one of them requires selects it. */
const isChosen = ({ options }: Definition, words: readonly string[]): boolean =>
  options.some(({ definition, required }) => required && definition.split(/[ ,]/).some((name) => words.includes(name)));

/** `--json` without a file, in any spelling. */
function asksJson(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? undefined : end).some((word) => /^--?json(=|=true)?$/.test(word));
}

function entered(directory: string): string {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return directory;
  throw new Failure("cli.usage", `--chdir: there is no directory ${directory}`);
}

/** An error of the parser, without its list of all commands. */
function asUsage(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  if (!(thrown instanceof Error) || !("clipanion" in thrown)) return asFailure(thrown);
  const [text = ""] = thrown.message.split("\n");
  const isVague = text.startsWith("Command not found");
  return new Failure("cli.usage", isVague ? "the arguments do not fit this command" : text.replace(/\.$/, ""), {
    hint: "images --help",
  });
}
