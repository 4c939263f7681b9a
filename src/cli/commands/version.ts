import { Command, Option } from "clipanion";
import thirdParty from "../../../licenses/THIRD-PARTY.txt" with { type: "file" };
import { BaseCommand, EXIT } from "../base.ts";
import { COMMIT, VERSION } from "../version.ts";

export class VersionCommand extends BaseCommand {
  static override readonly paths = [["version"], ["--version"], ["-v"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Show the version, or the licences of all that is in this program",
    examples: [
      ["For people", "$0 version"],
      ["For scripts", "$0 version --json"],
      ["The licences of all parts", "$0 version --licenses"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "JSON on stdout" });

  readonly licenses = Option.Boolean("--licenses", false, {
    description: "The licence texts of all that is in the program",
  });

  override async run(): Promise<number> {
    if (this.licenses) {
      this.out.data.write(await Bun.file(thirdParty).text());
      return EXIT.done;
    }
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
