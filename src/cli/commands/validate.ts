import { Command, Option } from "clipanion";
import { EXIT, FileCommand, isUsage, textOf } from "../base.ts";
import { eachProblem, validation } from "../render/diagnostic.ts";
import { plural } from "../render/format.ts";

export class ValidateCommand extends FileCommand {
  static override readonly paths = [["validate"]];
  static override readonly usage = Command.Usage({
    category: "Everyday",
    description: "Check the configuration, without network access",
    details: "Reports all errors at once, each with its position and a hint.",
    examples: [
      ["Check images.toml", "$0 validate"],
      ["For a pipeline", "$0 validate --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, {
    description: "Print JSON, in the format of terraform validate -json",
  });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "validate", write: false });
    const { backends, resources } = session.config;
    if (this.json) this.out.data.write(`${JSON.stringify(validation([]))}\n`);
    else {
      const images = new Set(resources.map(({ image }) => image)).size;
      this.out.data.write(
        `${this.file} is valid: ${plural(images, "image")} on ${plural(backends.length, "backend")}.\n`,
      );
      for (const { message } of session.warnings) this.note(`warning: ${message}`);
    }
    return EXIT.done;
  }

  protected override failInJson(thrown: unknown): void {
    if (this.json && !isUsage(thrown))
      this.out.data.write(`${JSON.stringify(validation(eachProblem(thrown, textOf)))}\n`);
    else super.failInJson(thrown);
  }
}
