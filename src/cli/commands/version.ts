import { Command, Option } from "clipanion";
import { BaseCommand, EXIT } from "../base.ts";
import { COMMIT, VERSION } from "../version.ts";

export class VersionCommand extends BaseCommand {
  static override readonly paths = [["version"], ["--version"], ["-v"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "say which version this is",
    examples: [
      ["For people", "$0 version"],
      ["For scripts", "$0 version --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "JSON on stdout" });

  override async run(): Promise<number> {
    const facts = {
      version: VERSION,
      platform: `${process.platform}-${process.arch}`,
      ...(COMMIT === undefined ? {} : { commit: COMMIT }),
      bun: Bun.version,
      revision: Bun.revision.slice(0, 9),
    };
    this.out.data.write(this.json ? `${JSON.stringify(facts)}\n` : `images ${VERSION} (${facts.platform})\n`);
    return EXIT.done;
  }
}
