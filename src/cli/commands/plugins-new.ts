import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { Command, Option } from "clipanion";
import conformance from "../../../kit/conformance.ts.txt" with { type: "file" };
import types from "../../../kit/images.d.ts.txt" with { type: "file" };
import plugin from "../../../kit/plugin.ts.txt" with { type: "file" };
import tsconfig from "../../../kit/tsconfig.json.txt" with { type: "file" };
import { Failure } from "../../core/failure.ts";
import { BaseCommand, EXIT } from "../base.ts";
import { BUILT_IN } from "../plugins.ts";
import { rewrite } from "../rewrite.ts";

/** How the types that an earlier version wrote begin: they may be overwritten. */
const OURS = '// The module "images"';

export class PluginsNewCommand extends BaseCommand {
  static override readonly paths = [["plugins", "new"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Write a plugin file to start from",
    details:
      "Writes NAME.ts, a working plugin; NAME.conformance.ts, the emulator that it is tested with; tsconfig.json, and images.d.ts, the types of the module `images`. Existing files are not overwritten, except the types.",
    examples: [
      ["In this directory", "$0 plugins new xo"],
      ["In another directory", "$0 plugins new xo --dir plugins"],
      ["The types of this version, for existing plugins", "$0 plugins new --types"],
    ],
  });

  readonly dir = Option.String("--dir", ".", { description: "Where to write (default: the current directory)" });
  readonly types = Option.Boolean("--types", false, { description: "Write images.d.ts only" });
  readonly name = Option.String({ required: false, name: "NAME" });

  override async run(): Promise<number> {
    const directory = resolve(this.context.cwd, this.dir);
    const name = this.#name();
    const fresh: readonly (readonly [string, string])[] =
      name === undefined
        ? []
        : [
            [`${name}.ts`, (await Bun.file(plugin).text()).replaceAll("__NAME__", name)],
            [`${name}.conformance.ts`, (await Bun.file(conformance).text()).replaceAll("__NAME__", name)],
          ];
    await mkdir(directory, { recursive: true });
    // All is looked at before anything is written.
    for (const [file] of fresh) {
      if ((await textOf(join(directory, file))) !== undefined)
        throw new Failure("cli.exists", `${join(this.dir, file)} exists`, { hint: "choose another name, or --dir" });
    }
    const before = await textOf(join(directory, "images.d.ts"));
    if (before !== undefined && !before.startsWith(OURS))
      throw new Failure("cli.exists", `${join(this.dir, "images.d.ts")} exists and was not written by this command`, {
        hint: "choose another directory with --dir",
      });
    for (const [file, text] of fresh) await writeFile(join(directory, file), text, { flag: "wx" });
    await rewrite(join(directory, "images.d.ts"), await Bun.file(types).text());
    const config = join(directory, "tsconfig.json");
    const isConfigured = (await textOf(config)) !== undefined;
    if (!isConfigured && name !== undefined) await writeFile(config, await Bun.file(tsconfig).text(), { flag: "wx" });
    this.#say(directory, name, isConfigured);
    return EXIT.done;
  }

  /** @throws Failure cli.usage */
  #name(): string | undefined {
    if (this.types && this.name === undefined) return undefined;
    const { name = "" } = this;
    if (this.types || !/^[a-z][a-z0-9-]*$/.test(name))
      throw new Failure("cli.usage", this.types ? "--types takes no NAME" : `invalid NAME ${JSON.stringify(name)}`, {
        hint: "expected lower-case letters, digits and dashes: images plugins new xo",
      });
    if (Object.hasOwn(BUILT_IN, name))
      throw new Failure("cli.usage", `${name} is a built-in plugin`, { hint: "choose another name" });
    return name;
  }

  #say(directory: string, name: string | undefined, isConfigured: boolean): void {
    const at = (file: string) => `./${relative(this.context.cwd, join(directory, file))}`;
    if (name === undefined) {
      this.note(`wrote ${at("images.d.ts")}`);
      return;
    }
    const config = isConfigured ? "; tsconfig.json exists and was left as it is" : ", tsconfig.json";
    this.note(`wrote ${at(`${name}.ts`)}, ${name}.conformance.ts, images.d.ts${config}`);
    this.note(`next: images plugins test ${at(`${name}.ts`)}`);
  }
}

const textOf = (path: string): Promise<string | undefined> =>
  readFile(path, "utf8").catch((thrown: unknown) => {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw new Failure("cli.exists", `${path} cannot be read`, { cause: thrown });
  });
