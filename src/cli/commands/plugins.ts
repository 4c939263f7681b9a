import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { pluginFrom } from "../../core/load.ts";
import { readPlugin } from "../../core/plugincode.ts";
import { BaseCommand, EXIT, FileCommand } from "../base.ts";
import { PluginLock } from "../plugin-lock.ts";
import { builtIn, findPlugin } from "../plugins.ts";
import { pluginMarkdown, renderPlugin } from "../render/plugin.ts";
import { table } from "../render/text.ts";

export class PluginsCommand extends BaseCommand {
  static override readonly paths = [["plugins"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "List plugins, or show one",
    details:
      "With a NAME or the path of a plugin file: every setting of its backends and every attribute of its images.",
    examples: [
      ["All plugins", "$0 plugins"],
      ["Settings and attributes of the local store", "$0 plugins local"],
      ["As a page", "$0 plugins local --markdown"],
    ],
  });

  readonly markdown = Option.Boolean("--markdown", false, { description: "Print Markdown" });
  readonly name = Option.String({ required: false, name: "NAME" });

  override async run(): Promise<number> {
    if (this.name === undefined) {
      const all = await builtIn();
      this.out.data.write(`${table(all.map(({ name, doc }) => [name, doc])).join("\n")}\n`);
      return EXIT.done;
    }
    const plugin = await findPlugin(this.name, this.context.cwd, { note: (text) => this.note(text) });
    this.out.data.write(this.markdown ? pluginMarkdown(plugin) : renderPlugin(plugin, this.view("data")));
    return EXIT.done;
  }
}

export class PluginsTrustCommand extends FileCommand {
  static override readonly paths = [["plugins", "trust"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Trust a plugin file and pin its digest",
    details:
      "Writes its sha256, and that of every file that it imports, to images.lock next to images.toml. A plugin runs with your privileges: read its code first.",
    examples: [["After a change that you have reviewed", "$0 plugins trust ./plugins/webdav.ts"]],
  });

  readonly plugin = Option.String({ required: true, name: "FILE" });

  override async run(): Promise<number> {
    const directory = resolve(this.context.cwd, this.file, "..");
    const path = resolve(directory, this.plugin);
    const code = await readPlugin(path);
    const loaded = await pluginFrom(code);
    const { name, isNew, what } = await new PluginLock(directory).trust(code);
    this.note(`${isNew ? "pinned" : "already pinned:"} ${name} (${loaded.name}): ${what}`);
    return EXIT.done;
  }
}
