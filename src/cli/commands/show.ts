import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { EXIT, FileCommand } from "../base.ts";
import { renderPlan } from "../render/plan.ts";
import { fromPlanFile, toStateFile } from "../render/planfile.ts";
import { renderState } from "../render/state.ts";
import { VERSION } from "../version.ts";

export class ShowCommand extends FileCommand {
  static override readonly paths = [["show"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "show the state, or a saved plan",
    examples: [
      ["What the state knows", "$0 show"],
      ["A plan of `images plan --out`", "$0 show plan.json"],
      ["The state in the shape of terraform show -json", "$0 show --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, {
    description: "JSON on stdout, in the shape of terraform show -json",
  });
  readonly plan = Option.String({ required: false, name: "FILE" });

  override async run(): Promise<number> {
    if (this.plan !== undefined) {
      const text = await readFile(resolve(this.context.cwd, this.plan), "utf8").catch((cause: unknown) => {
        throw new Failure("plan.file", `the plan ${this.plan} cannot be read`, {
          cause,
          hint: "write one with: images plan --out FILE",
        });
      });
      const plan = fromPlanFile(text);
      this.out.data.write(this.json ? text : renderPlan(plan, this.view("data")));
      return EXIT.done;
    }
    await using session = await this.session({ operation: "show", write: false, plugins: "none" });
    const { state } = await session.store();
    this.out.data.write(
      this.json
        ? `${JSON.stringify(toStateFile(state, VERSION), undefined, 2)}\n`
        : renderState(state, this.view("data")),
    );
    return EXIT.done;
  }
}
