import { Command } from "clipanion";
import { configSchema } from "../../core/config/jsonschema.ts";
import { BaseCommand, EXIT } from "../base.ts";
import { builtIn } from "../plugins.ts";

/** What the schema's file is usually called. */
export const SCHEMA_FILE = "images.schema.json";

/** The schema of a file with any of the built-in plugins, and with plugins of its own. */
export const schemaText = async (): Promise<string> =>
  `${JSON.stringify(configSchema(await builtIn(), { open: true }), undefined, 2)}\n`;

export class SchemaCommand extends BaseCommand {
  static override readonly paths = [["schema"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Print the JSON Schema of images.toml",
    details:
      "With taplo or an editor that uses it: write the schema to a file, and `#:schema ./images.schema.json` at the top of images.toml.",
    examples: [["For an editor", "$0 schema > images.schema.json"]],
  });

  override async run(): Promise<number> {
    this.out.data.write(await schemaText());
    return EXIT.done;
  }
}
