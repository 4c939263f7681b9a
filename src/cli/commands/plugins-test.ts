import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { PassThrough } from "node:stream";
import { Command, Option } from "clipanion";
import type { ClauseOutcome } from "../../conformance/run.ts";
import type { ClauseRequest } from "../../conformance/stage.ts";
import { CLAUSES, type Clause, type ConformanceSpec } from "../../core/conformance.ts";
import { Failure } from "../../core/failure.ts";
import { loadPlugin } from "../../core/load.ts";
import { meant } from "../../core/model/check.ts";
import { type Schema, writable } from "../../core/model/schema.ts";
import type { Attributes } from "../../core/model/value.ts";
import type { Plugin } from "../../core/plugin.ts";
import { BaseCommand, EXIT } from "../base.ts";

export class PluginsTestCommand extends BaseCommand {
  static override readonly paths = [["plugins", "test"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Run the conformance suite against a plugin file",
    details:
      "Runs the code of the plugin and of its conformance file (NAME.conformance.ts), which defines where it is tested: an emulator or a server. Without one, --set configures a server; the suite creates, changes and deletes its own images there.",
    examples: [
      ["With ./xo.conformance.ts", "$0 plugins test ./xo.ts"],
      ["Some clauses", "$0 plugins test ./xo.ts --clause create --clause law"],
      ["Against a server", "$0 plugins test ./xo.ts --set url=https://xo.example.org/ --set token=env:XO_TOKEN"],
    ],
  });

  readonly against = Option.String("--against", {
    description: "The conformance file (default: NAME.conformance.ts next to FILE)",
  });
  readonly settings = Option.Array("--set", [], { description: "NAME=VALUE: a setting of the backend" });
  readonly image = Option.Array("--image", [], { description: "NAME=VALUE: an attribute that every image needs" });
  readonly bytes = Option.String("--bytes", { description: "The source of the test images (default: some text)" });
  readonly clauses = Option.Array("--clause", [], { description: "Only this clause; may be repeated" });
  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });
  readonly plugin = Option.String({ required: true, name: "FILE" });

  override async run(): Promise<number> {
    const path = resolve(this.context.cwd, this.plugin);
    const only = this.clauses.length === 0 ? CLAUSES : this.clauses.map(clause);
    const plugin = await loadPlugin(path);
    const spec = await this.#spec(path, plugin);
    const { runClauses } = await import("../../conformance/run.ts");
    const question: ClauseRequest = {
      plugin: path,
      spec,
      run: (directory, args, env) => this.#program(directory, args, env),
    };
    const all: ClauseOutcome[] = [];
    for await (const outcome of runClauses(question, this.context.signal, only)) {
      all.push(outcome);
      if (!this.json) this.out.data.write(line(outcome));
    }
    const failed = all.filter(({ how }) => how === "failed");
    this.out.data.write(
      this.json ? `${JSON.stringify({ plugin: plugin.name, clauses: all })}\n` : `\n${summary(all)}\n`,
    );
    return failed.length > 0 ? EXIT.failed : EXIT.done;
  }

  async #spec(path: string, plugin: Plugin): Promise<ConformanceSpec> {
    const beside = path.replace(/\.[cm]?[jt]s$/, ".conformance.ts");
    const file = this.against === undefined ? beside : resolve(this.context.cwd, this.against);
    if (this.settings.length === 0 && (this.against !== undefined || existsSync(file))) return await specIn(file);
    const needed = Object.entries(plugin.config).filter(([, { mode }]) => mode === "required");
    if (this.settings.length === 0 && needed.length > 0)
      throw new Failure("cli.usage", `there is nothing to test ${this.plugin} against`, {
        hint: `write ${basename(beside)} next to it, or configure a server: ${needed.map(([name]) => `--set ${name}=…`).join(" ")}`,
      });
    const { generatedSpec } = await import("../../conformance/generated-spec.ts");
    const filename = this.bytes === undefined ? undefined : basename(this.bytes);
    return generatedSpec(plugin, {
      settings: await written("--set", plugin.config, this.settings),
      small: await written("--image", plugin.image, this.image),
      env: this.context.env,
      bytes: this.bytes === undefined ? undefined : await this.#read(this.bytes),
      filename,
    });
  }

  async #read(path: string): Promise<Uint8Array> {
    return await readFile(resolve(this.context.cwd, path)).catch((cause: unknown) => {
      throw new Failure("cli.usage", `--bytes ${path} cannot be read`, { cause });
    });
  }

  /** This program, in the directory of a clause, without a terminal. */
  async #program(directory: { readonly path: string }, args: readonly string[], env: Readonly<Record<string, string>>) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const said = Promise.all([stdout, stderr].map((stream) => Array.fromAsync<Buffer>(stream)));
    const own = {
      HOME: directory.path,
      IMAGES_CACHE: `${directory.path}/cache`,
      XDG_STATE_HOME: `${directory.path}/scratch`,
    };
    const inside = {
      ...this.context,
      stdin: new PassThrough().end(),
      stdout,
      stderr,
      env: { ...own, ...env },
      cwd: directory.path,
    };
    const code = await this.cli.run([...args], inside);
    stdout.end();
    stderr.end();
    const [out = "", err = ""] = (await said).map((pieces) => Buffer.concat(pieces).toString());
    return { code, stdout: out, stderr: err };
  }
}

/** The default export of a conformance file. @throws Failure plugin.load, plugin.shape */
async function specIn(path: string): Promise<ConformanceSpec> {
  const { readPlugin, runPlugin } = await import("../../core/plugincode.ts");
  const found = await runPlugin(await readPlugin(path));
  if (isSpec(found)) return found;
  throw new Failure("plugin.shape", `${path} is not a conformance file`, {
    hint: "export default defineConformance({ small: {}, lives: {}, place: async () => … })",
  });
}

function isSpec(value: unknown): value is ConformanceSpec {
  if (typeof value !== "object" || value === null || !("place" in value && "small" in value && "lives" in value))
    return false;
  return typeof value.place === "function" && typeof value.small === "object" && typeof value.lives === "object";
}

/** `NAME=VALUE` by a schema. @throws Failure cli.usage */
async function written(option: string, schema: Schema, texts: readonly string[]): Promise<Attributes> {
  const { valueFrom } = await import("../../conformance/generated-spec.ts");
  return Object.fromEntries(
    texts.map((text) => {
      const [name = "", ...rest] = text.split("=");
      const attribute = schema[name];
      if (attribute === undefined || attribute.mode === "computed" || rest.length === 0)
        throw new Failure(
          "cli.usage",
          `${option} ${text}: expected NAME=VALUE of the schema`,
          meant(
            name,
            writable(schema).map(([one]) => one),
          ),
        );
      const value = valueFrom(attribute, rest.join("="));
      if (value === undefined) throw new Failure("cli.usage", `${option} ${name}: expected ${attribute.type.label}`);
      return [name, value];
    }),
  );
}

function clause(name: string): Clause {
  const found = CLAUSES.find((one) => one === name);
  if (found === undefined)
    throw new Failure("cli.usage", `invalid --clause ${name}: there is no such clause`, meant(name, CLAUSES));
  return found;
}

function line({ clause: name, how, why }: ClauseOutcome): string {
  if (how !== "failed") return `${how.padEnd(9)}  ${name}${why === undefined ? "" : `: ${why}`}\n`;
  const text = (why ?? "").split("\n").map((one) => `           ${one}`.trimEnd());
  return `${how.padEnd(9)}  ${name}\n${text.join("\n")}\n`;
}

function summary(all: readonly ClauseOutcome[]): string {
  const counts = (["passed", "failed", "skipped", "not asked"] as const).map(
    (how) => `${all.filter((one) => one.how === how).length} ${how}`,
  );
  return counts.join(", ");
}
