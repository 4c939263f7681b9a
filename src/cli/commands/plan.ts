import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { replaceFile } from "../../core/disk/write.ts";
import { Failure } from "../../core/failure.ts";
import { checkWritable, writing } from "../output.ts";
import { PlanningCommand } from "../planning.ts";
import { toPlanFile } from "../render/planfile.ts";
import { VERSION } from "../version.ts";

export class PlanCommand extends PlanningCommand {
  static override readonly paths = [["plan"]];
  static override readonly usage = Command.Usage({
    category: "Everyday",
    description: "show what would be done",
    details:
      "Looks at every backend, compares, and changes nothing. With `--out` the plan is written as JSON in the shape of `terraform show -json`; `images apply FILE` carries out exactly that plan, and refuses when the state, the file, the source bytes or the images have moved meanwhile.",
    examples: [
      ["All images", "$0 plan"],
      ["One backend, for a script", "$0 plan --target lab --json"],
      ["Exit with 2 when something would change", "$0 plan --detailed-exitcode"],
      ["A plan to be looked at and applied later", "$0 plan --out plan.json"],
    ],
  });

  readonly out_ = Option.String("--out", { description: "write the plan to this file" });
  readonly destroy = Option.Boolean("--destroy", false, { description: "plan to take everything of ours away" });

  protected override async prepare(): Promise<void> {
    await super.prepare();
    if (this.out_ !== undefined) await checkWritable("--out", resolve(this.context.cwd, this.out_));
  }

  override async run(): Promise<number> {
    await using session = await this.session(this.wish("plan", false));
    const plan = await this.planned(session, this.destroy ? "destroy" : "normal", this.out_ !== undefined);
    if (this.out_ !== undefined) {
      if (plan.outages.length > 0) {
        throw new Failure("plan.outage", "a plan with a backend missing is not written", {
          hint: "leave that backend out with --exclude",
        });
      }
      const { state } = await session.store();
      const file = toPlanFile(plan, { version: VERSION, config: session.config, state }, (text) => this.redact(text));
      const path = resolve(this.context.cwd, this.out_);
      await writing(path, () => replaceFile(path, `${JSON.stringify(file, undefined, 2)}\n`));
      if (!this.isJsonOnly) this.note(`\nThe plan is in ${this.out_}; carry it out with: images apply ${this.out_}`);
    }
    await this.writeReports(plan);
    return this.exitCode(plan);
  }
}
