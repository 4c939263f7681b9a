import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { EXIT, FileCommand } from "../base.ts";
import { renderMatrix } from "../render/matrix.ts";
import { renderPlan } from "../render/plan.ts";
import { fromPlanFile, toStateFile } from "../render/planfile.ts";
import { renderState } from "../render/state.ts";
import { VERSION } from "../version.ts";

export class ShowCommand extends FileCommand {
  static override readonly paths = [["show"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Show the state or a saved plan",
    examples: [
      ["The state", "$0 show"],
      ["A plan of `images plan --out`", "$0 show plan.json"],
      ["Images and backends as a table", "$0 show --matrix"],
      ["The state in the format of terraform show -json", "$0 show --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, {
    description: "Print JSON, in the format of terraform show -json",
  });
  readonly matrix = Option.Boolean("--matrix", false, {
    description: "Show images and backends as a table",
  });
  readonly plan = Option.String({ required: false, name: "FILE" });

  override async run(): Promise<number> {
    if (this.matrix && (this.json || this.plan !== undefined))
      throw new Failure("cli.usage", "--matrix shows the state: it excludes --json and a saved plan");
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
    if (this.matrix) {
      this.out.data.write(renderMatrix(session.config.resources, state, this.view("data")));
      return EXIT.done;
    }
    this.out.data.write(
      this.json
        ? `${JSON.stringify(toStateFile(state, VERSION), undefined, 2)}\n`
        : renderState(state, this.view("data")),
    );
    return EXIT.done;
  }
}
