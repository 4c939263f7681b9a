import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { replaceFile } from "../../core/disk/write.ts";
import { Failure } from "../../core/failure.ts";
import { checkWritable, writing } from "../output.ts";
import { PlanningCommand } from "../planning.ts";
import { toPlanFile } from "../render/planfile.ts";
import { replaceable } from "../rewrite.ts";
import { VERSION } from "../version.ts";

export class PlanCommand extends PlanningCommand {
  static override readonly paths = [["plan"]];
  static override readonly usage = Command.Usage({
    category: "Everyday",
    description: "Show the changes that apply would make",
    details:
      "Reads every backend and compares it with the configuration; changes nothing. `--out` saves the plan as JSON in the format of `terraform show -json`. `images apply FILE` applies exactly that plan, and fails if the state, the configuration, the source bytes or the images have changed since.",
    examples: [
      ["All images", "$0 plan"],
      ["One backend, for a script", "$0 plan --target lab --json"],
      ["Exit with 2 if there are changes", "$0 plan --detailed-exitcode"],
      ["Save the plan and apply it later", "$0 plan --out plan.json"],
    ],
  });

  readonly out_ = Option.String("--out", { description: "Save the plan to a file" });
  readonly destroy = Option.Boolean("--destroy", false, { description: "Plan to delete all managed images" });

  protected override async prepare(): Promise<void> {
    await super.prepare();
    if (this.out_ !== undefined) await checkWritable("--out", resolve(this.context.cwd, this.out_));
  }

  override async run(): Promise<number> {
    await using session = await this.session(this.wish("plan", false));
    const plan = await this.planned(session, this.destroy ? "destroy" : "normal", this.out_ !== undefined);
    if (this.out_ !== undefined) {
      if (plan.outages.length > 0) {
        throw new Failure("plan.outage", "a plan with an unavailable backend is not written", {
          hint: "exclude that backend with --exclude",
        });
      }
      const { state } = await session.store();
      const file = toPlanFile(plan, { version: VERSION, config: session.config, state }, (text) => this.redact(text));
      const path = resolve(this.context.cwd, this.out_);
      const text = `${JSON.stringify(file, undefined, 2)}\n`;
      await writing(path, async () => {
        const target = await replaceable(path);
        await (target === undefined ? writeFile(path, text) : replaceFile(target, text));
      });
      if (!this.isJsonOnly) this.note(`\nSaved the plan to ${this.out_}; apply it with: images apply ${this.out_}`);
    }
    await this.writeReports(plan, session);
    return this.exitCode(plan);
  }
}
