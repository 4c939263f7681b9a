import { Command, Option } from "clipanion";
import thirdParty from "../../../licenses/THIRD-PARTY.txt" with { type: "file" };
import { BaseCommand, EXIT } from "../base.ts";
import { COMMIT, VERSION } from "../version.ts";

export class VersionCommand extends BaseCommand {
  static override readonly paths = [["version"], ["--version"], ["-v"]];
  static override readonly usage = Command.Usage({
    category: "Housekeeping",
    description: "Show the version or the licenses",
    examples: [
      ["As text", "$0 version"],
      ["As JSON", "$0 version --json"],
      ["The licences of all parts", "$0 version --licenses"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });

  readonly licenses = Option.Boolean("--licenses", false, {
    description: "Print the license texts of everything in the binary",
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
