import { closeSync, openSync, writeFileSync } from "node:fs";
import type { Plan } from "../../core/model/plan.ts";
import { writeFailure } from "../write-failure.ts";
import { json } from "./json.ts";
import { lines } from "./lines.ts";
import { type RenderClock, type Renderer, systemClock, type TextSink, tee } from "./renderer.ts";
import type { PluginOf } from "./resource.ts";
import { type Env, isSet, type Style } from "./style.ts";
import { tty } from "./tty.ts";

/** Where the JSON stream goes: `--json`, `--json=FILE`, or not at all. */
export type JsonOption =
  | { readonly to: "stdout" }
  | { readonly to: "file"; readonly path: string }
  | { readonly to: "nowhere" };

interface Choice {
  readonly json: JsonOption;
  readonly env: Env;
  /** stderr: whether it is a terminal decides between bars and lines. */
  readonly talk: TextSink;
  readonly version: string;
  readonly style: Style;
  readonly plugin?: PluginOf;
  readonly clock?: RenderClock;
  /** What is about to be applied. */
  readonly plan?: Plan | undefined;
  /** Takes secrets out of what goes to the JSON file; stdout and stderr have their own. */
  readonly redact?: (text: string) => string;
}

/** Shows nothing of what goes on: the command itself tells the result. */
const quiet: Renderer = async (events) => {
  for await (const _ of events);
};

/** JSON alone with `--json`; else bars on a terminal and lines elsewhere, and the JSON besides with `--json=FILE`. */
export function chooseRenderer(choice: Choice): Renderer {
  const { json: options, env, talk, version, style, plugin, clock = systemClock, plan } = choice;
  const stream = json({ version, clock, ...(plugin === undefined ? {} : { plugin }) });
  if (options.to === "stdout") return stream;
  const hasBars =
    talk.isTTY === true && !isSet(env["CI"]) && !isSet(env["IMAGES_NO_PROGRESS"]) && env["TERM"] !== "dumb";
  if (isSet(env["IMAGES_QUIET"]) && options.to === "nowhere") return quiet;
  const human = isSet(env["IMAGES_QUIET"]) ? quiet : hasBars ? tty({ style, clock, plan }) : lines({ style, clock });
  if (options.to === "nowhere") return human;
  return async (events, out) => {
    using file = new FileSink(options.path, choice.redact);
    await tee(
      events,
      async (all) => await human(all, out),
      async (all) => await stream(all, { data: file, diagnostics: out.diagnostics }),
    );
  };
}

/** A file that holds every line as soon as it is written, so that a reader may follow it and a crash loses none. */
export class FileSink implements TextSink, Disposable {
  readonly #handle: number;
  readonly #path: string;
  readonly #redact: (text: string) => string;

  constructor(path: string, redact: (text: string) => string = (text) => text) {
    this.#redact = redact;
    this.#path = path;
    try {
      this.#handle = openSync(path, "w", 0o600);
    } catch (cause) {
      throw writeFailure(cause, path);
    }
  }

  write(text: string): void {
    try {
      writeFileSync(this.#handle, this.#redact(text));
    } catch (cause) {
      throw writeFailure(cause, this.#path);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#handle);
  }
}
