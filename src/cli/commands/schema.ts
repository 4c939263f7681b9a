import { Command } from "clipanion";
import { configSchema } from "../../core/config/jsonschema.ts";
import { BaseCommand, EXIT } from "../base.ts";
import { builtIn } from "../plugins.ts";

export class SchemaCommand extends BaseCommand {
  static override readonly paths = [["schema"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "the JSON Schema of images.toml, for editors",
    details:
      "With taplo or an editor that uses it: write the schema to a file, and `#:schema ./images.schema.json` at the top of images.toml.",
    examples: [["For an editor", "$0 schema > images.schema.json"]],
  });

  override async run(): Promise<number> {
    this.out.data.write(`${JSON.stringify(configSchema(await builtIn(), { open: true }), undefined, 2)}\n`);
    return EXIT.done;
  }
}
