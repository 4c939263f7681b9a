import { open, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { ReadStream } from "node:tty";
import { Command, Option } from "clipanion";
import { generateName } from "../../core/config/generated-name.ts";
import { errno } from "../../core/disk/reason.ts";
import { Failure } from "../../core/failure.ts";
import type { Plugin } from "../../core/plugin.ts";
import { EXIT, FileCommand } from "../base.ts";
import { firstFile, settingsOf, starterOf } from "../first-file.ts";
import { BUILT_IN, findPlugin } from "../plugins.ts";
import { rewrite } from "../rewrite.ts";
import { writeFailure } from "../write-failure.ts";
import { SCHEMA_FILE, schemaText } from "./schema.ts";

const DEFAULT = "local";

export class InitCommand extends FileCommand {
  static override readonly paths = [["init"]];
  static override readonly usage = Command.Usage({
    category: "Everyday",
    description: "Create an images.toml",
    details:
      "Writes a backend and an image that can be applied at once, and the schema that editors check the file by. On a terminal it asks for what no option says.",
    examples: [
      ["In this directory", "$0 init"],
      ["For an OpenStack cloud of clouds.yaml", "$0 init --plugin openstack --cloud mycloud"],
      ["For the Incus server of this host", "$0 init --plugin incus"],
      ["With any setting of the backend", "$0 init --plugin outscale --set region=cloudgouv-eu-west-1"],
    ],
  });

  readonly plugin = Option.String("--plugin", { description: `Plugin of the backend (default: ${DEFAULT})` });
  readonly cloud = Option.String("--cloud", { description: "Cloud in clouds.yaml; as --set cloud=NAME" });
  readonly settings = Option.Array("--set", [], { description: "Setting of the backend" });
  readonly name = Option.String("--name", {
    description: "Name of the images in their ownership markers (default: generated)",
  });
  readonly schema = Option.Boolean("--schema", true, {
    description: `Write ${SCHEMA_FILE} and the line that names it (--no-schema: do not)`,
  });

  override async run(): Promise<number> {
    const path = resolve(this.context.cwd, this.file);
    const given = { ...(this.cloud === undefined ? {} : { cloud: this.cloud }), ...pairs(this.settings) };
    if (await Bun.file(path).exists()) throw exists(this.file);
    const { plugin, answers } = await this.answered(given);
    const text = firstFile({
      name: this.name ?? generateName(dirname(path)),
      state: this.state,
      plugin,
      settings: settingsOf(plugin, answers),
    });
    await this.written(path, this.schema ? `#:schema ./${SCHEMA_FILE}\n${text}` : text);
    if (this.schema) await rewrite(join(dirname(path), SCHEMA_FILE), await schemaText());
    this.note(`wrote ${this.file}; next: images plan`);
    return EXIT.done;
  }

  /** A file that does not validate does not stay. */
  private async written(path: string, text: string): Promise<void> {
    const file = await open(path, "wx").catch((cause: unknown) => {
      throw exists(this.file, cause);
    });
    try {
      await file.writeFile(text);
      await using _ = await this.session({ operation: "validate", write: false });
    } catch (thrown) {
      await unlink(path);
      throw thrown;
    } finally {
      await file.close();
    }
  }

  private async answered(
    given: Readonly<Record<string, string>>,
  ): Promise<{ readonly plugin: Plugin; readonly answers: Readonly<Record<string, string>> }> {
    const { stdin } = this.context;
    const find = (name: string) => findPlugin(name, this.context.cwd, { note: (text) => this.note(text) });
    if (this.plugin !== undefined || !(stdin instanceof ReadStream))
      return { plugin: await find(this.plugin ?? DEFAULT), answers: given };
    const lines = createInterface({ input: stdin, output: this.context.stderr });
    const ask = async (question: string, usual: string): Promise<string> => {
      const shown = usual === "" ? `${question}: ` : `${question} [${usual}]: `;
      const answer = (await lines.question(shown, { signal: this.context.signal })).trim();
      return answer === "" ? usual : answer;
    };
    try {
      const plugin = await find(await ask(`Plugin of the backend (${Object.keys(BUILT_IN).join(", ")})`, DEFAULT));
      const answers: Record<string, string> = { ...given };
      for (const { name, question, default: usual = "" } of starterOf(plugin).settings)
        answers[name] ??= await ask(question, usual);
      return { plugin, answers };
    } finally {
      lines.close();
    }
  }
}

const exists = (file: string, cause?: unknown): Failure =>
  cause !== undefined && errno(cause) !== "EEXIST"
    ? writeFailure(cause, file)
    : new Failure("config.exists", `${file} already exists`, {
        cause,
        hint: "edit it, or choose another name with -f",
      });

/** @throws Failure cli.usage */
const pairs = (texts: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    texts.map((text) => {
      const cut = text.indexOf("=");
      if (cut < 1) throw new Failure("cli.usage", `invalid --set ${text}: expected SETTING=VALUE`);
      return [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
