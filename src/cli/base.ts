import { readFileSync } from "node:fs";
import { WriteStream } from "node:tty";
import { Command, Option } from "clipanion";
import { frame } from "../core/config/frame.ts";
import { redactUrls } from "../core/config/redact.ts";
import { parseVars } from "../core/config/vars.ts";
import { asFailure, Failure, isInterrupted } from "../core/failure.ts";
import { seconds } from "../core/model/types.ts";
import type { FileOptions, SessionOptions } from "./options.ts";
import { failureInJson } from "./render/envelope.ts";
import { renderFailure } from "./render/failure.ts";
import type { Output, TextSink } from "./render/renderer.ts";
import { chooseStyle, type View } from "./render/style.ts";
import type { Session } from "./session.ts";
import type { Shell } from "./shell.ts";
import { VERSION } from "./version.ts";

/** The exit codes, all of them. */
export const EXIT = { done: 0, failed: 1, changes: 2, usage: 64, interrupted: 130 } as const;

/** The frame of every command: options that all have, where text goes, and what becomes of an error. */
export abstract class BaseCommand extends Command<Shell> {
  readonly noColor = Option.Boolean("--no-color", false, { description: "Disable colors (also NO_COLOR)" });
  #redact: (text: string) => string = redactUrls;

  /** Does the work; answers the exit code. */
  protected abstract run(): Promise<number>;

  /** Checks the command line before `run` begins. @throws Failure cli.usage */
  protected async prepare(): Promise<void> {}

  /** `run`, with every error on stderr (and as a diagnostic in the JSON, where that is asked for) and in the exit code. */
  override async execute(): Promise<number> {
    try {
      await this.prepare();
      return await this.run();
    } catch (thrown) {
      const reason = this.context.signal.aborted && !(thrown instanceof Failure) ? this.context.signal.reason : thrown;
      this.fail(reason);
      return exitOf(reason);
    }
  }

  protected fail(thrown: unknown): void {
    this.failInJson(thrown);
    this.failOnScreen(thrown);
  }

  /** Under `--json` wrong usage is a diagnostic on stdout; what else fails leaves a document out. */
  protected failInJson(thrown: unknown): void {
    if (!("json" in this) || (this.json !== true && this.json !== "") || !isUsage(thrown)) return;
    this.out.data.write(failureInJson(thrown, VERSION, this.context.now().getTime()));
  }

  protected failOnScreen(thrown: unknown): void {
    this.out.diagnostics.write(renderFailure(thrown, { ...this.view("diagnostics"), frames: (at) => framed(at) }));
  }

  /** stdout for data, stderr for talk; secrets that are known by then are taken out of both. */
  protected get out(): Output {
    return { data: this.#sink(this.context.stdout), diagnostics: this.#sink(this.context.stderr) };
  }

  protected redact(text: string): string {
    return this.#redact(text);
  }

  /** How text for people is drawn on that stream. */
  protected view(stream: "data" | "diagnostics"): View {
    const sink = this.out[stream];
    const style = chooseStyle(this.context.env, sink.isTTY === true, { noColor: this.noColor });
    return { style, ...(sink.isTTY === true && sink.columns !== undefined ? { columns: sink.columns } : {}) };
  }

  /** A line for people on stderr; with --quiet only warnings are. */
  protected note(text: string): void {
    if ((this.context.env["IMAGES_QUIET"] ?? "") !== "" && !text.trimStart().startsWith("warning:")) return;
    this.out.diagnostics.write(`${text}\n`);
  }

  protected async openSession(files: FileOptions, options: Omit<SessionOptions, "note">): Promise<Session> {
    const { Session: Opened } = await import("./session.ts");
    const session = await Opened.open(this.context, files, { ...options, note: (text) => this.note(text) });
    this.#redact = (text) => session.secrets.redact(text);
    return session;
  }

  #sink(stream: Shell["stdout"]): TextSink {
    const write = (text: string) => stream.write(this.#redact(text));
    if (!(stream instanceof WriteStream)) return { write };
    return { write, columns: stream.columns, rows: stream.rows, isTTY: stream.isTTY };
  }
}

function exitOf(thrown: unknown): number {
  const failure = asFailure(thrown);
  if (isInterrupted(failure)) return EXIT.interrupted;
  return isUsage(failure) ? EXIT.usage : EXIT.failed;
}

export const isUsage = (thrown: unknown): boolean => asFailure(thrown).code === "cli.usage";

/** A command about images.toml. */
export abstract class FileCommand extends BaseCommand {
  readonly file = Option.String("-f,--file", "images.toml", {
    description: "Configuration file (default: images.toml)",
  });
  readonly state = Option.String("--state", { description: "State file or URL; overrides [settings] state" });
  readonly vars = Option.Array("--var", [], { description: "Set a variable" });
  readonly varFiles = Option.Array("--var-file", [], { description: "Load variables from a TOML file" });

  protected override async prepare(): Promise<void> {
    parseVars(this.vars);
    if ("lockTimeout" in this && typeof this.lockTimeout === "string")
      optionSeconds("--lock-timeout", this.lockTimeout);
  }

  protected session(options: Omit<SessionOptions, "note">): Promise<Session> {
    return this.openSession(this.files, options);
  }

  protected get files(): FileOptions {
    return { file: this.file, state: this.state, vars: parseVars(this.vars), varFiles: this.varFiles };
  }
}

/** The text of a file; undefined when it cannot be read any more. */
export function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function framed(at: Parameters<typeof frame>[1]): string | undefined {
  const text = textOf(at.file);
  return text === undefined ? undefined : frame(text, at);
}

/** Seconds of an option that is a duration. @throws Failure cli.usage */
export function optionSeconds(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = seconds(/^\d+$/.test(text) ? Number(text) : text);
  if (found === undefined)
    throw new Failure("cli.usage", `invalid ${name} ${text}: expected a duration`, {
      hint: 'write seconds, or "30s", "5m"',
    });
  return found;
}

/** A whole number of an option. @throws Failure cli.usage */
export function optionCount(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const found = Number(text);
  if (!Number.isSafeInteger(found) || found < least) {
    throw new Failure("cli.usage", `invalid ${name} ${text}: expected a whole number of at least ${least}`, {
      hint: `write ${name} ${Math.max(least, 1)}`,
    });
  }
  return found;
}
