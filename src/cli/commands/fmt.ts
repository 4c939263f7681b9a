import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { formatToml } from "../../core/config/format.ts";
import { Failure } from "../../core/failure.ts";
import { BaseCommand, EXIT } from "../base.ts";
import { rewrite } from "../rewrite.ts";

export class FmtCommand extends BaseCommand {
  static override readonly paths = [["fmt"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Format images.toml",
    details: "Normalizes spaces, indentation and blank lines. Comments, order and values stay.",
    examples: [
      ["images.toml", "$0 fmt"],
      ["Check only", "$0 fmt --check"],
    ],
  });

  readonly check = Option.Boolean("--check", false, {
    description: "Do not write; exit with 1 if a file is not formatted",
  });
  readonly list = Option.Boolean("--list", true, { description: "List files that change (default); also --no-list" });
  readonly write = Option.Boolean("--write", true, {
    description: "Write the files (default); --no-write only lists them",
  });
  readonly files = Option.Rest({ name: "FILE" });

  override async run(): Promise<number> {
    let changed = 0;
    for (const file of this.files.length === 0 ? ["images.toml"] : this.files) {
      const path = resolve(this.context.cwd, file);
      const before = await readFile(path, "utf8").catch((cause: unknown) => {
        throw new Failure("config.missing", `${file} cannot be read`, {
          cause,
          hint: "create one with: images init",
        });
      });
      const after = formatToml(before, file);
      if (after === before) continue;
      changed++;
      if (this.list) this.out.data.write(`${file}\n`);
      if (!this.check && this.write) await rewrite(path, after);
    }
    return this.check && changed > 0 ? EXIT.failed : EXIT.done;
  }
}
