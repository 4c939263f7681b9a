import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { madeUpName } from "../../core/config/madeup.ts";
import { Failure } from "../../core/failure.ts";
import { EXIT, FileCommand } from "../base.ts";
import { rewrite } from "../rewrite.ts";
import { SCHEMA_FILE, schemaText } from "./schema.ts";

const first = (
  name: string,
): string => `# What your machine images are to be, and where. \`images plan\` shows what would be done, \`images apply\` does it.

[settings]
name = "${name}" # written into the ownership markers; keep it

[backend.store] # a directory; \`images plugins\` lists what else there is
plugin = "local"
path = "./store"

# [image.debian]
# backend = "store"
# source = { url = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2", checksum = "sha512:https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS" }
# aliases = ["debian-12"]
`;

export class InitCommand extends FileCommand {
  static override readonly paths = [["init"]];
  static override readonly usage = Command.Usage({
    category: "Everyday",
    description: "Create an images.toml",
    examples: [
      ["In this directory", "$0 init"],
      ["With the schema for editors", "$0 init --schema"],
    ],
  });

  readonly schema = Option.Boolean("--schema", false, {
    description: `Also write ${SCHEMA_FILE} and the line that names it`,
  });

  override async run(): Promise<number> {
    const path = resolve(this.context.cwd, this.file);
    const file = await open(path, "wx").catch((cause: unknown) => {
      throw new Failure("config.exists", `${this.file} cannot be created or already exists`, {
        cause,
        hint: "edit it, or choose another name with -f",
      });
    });
    const text = first(madeUpName(dirname(path)));
    await file.writeFile(this.schema ? `#:schema ./${SCHEMA_FILE}\n${text}` : text);
    await file.close();
    if (this.schema) await rewrite(join(dirname(path), SCHEMA_FILE), await schemaText());
    this.note(`wrote ${this.file}; next: edit it, then images plan`);
    return EXIT.done;
  }
}
