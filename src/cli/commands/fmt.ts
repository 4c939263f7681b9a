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
    description: "lay the file out in the one way",
    details: "Spaces, indents and blank lines; comments and the order of things stay, and no value changes.",
    examples: [
      ["images.toml", "$0 fmt"],
      ["Only say whether it is laid out so", "$0 fmt --check"],
    ],
  });

  readonly check = Option.Boolean("--check", false, {
    description: "write nothing; exit with 1 when a file would change",
  });
  readonly files = Option.Rest({ name: "FILE" });

  override async run(): Promise<number> {
    let changed = 0;
    for (const file of this.files.length === 0 ? ["images.toml"] : this.files) {
      const path = resolve(this.context.cwd, file);
      const before = await readFile(path, "utf8").catch((cause: unknown) => {
        throw new Failure("config.missing", `${file} cannot be read`, {
          cause,
          hint: "write a first one with: images init",
        });
      });
      const after = formatToml(before, file);
      if (after === before) continue;
      changed++;
      this.out.data.write(`${file}\n`);
      if (!this.check) await rewrite(path, after);
    }
    return this.check && changed > 0 ? EXIT.failed : EXIT.done;
  }
}
