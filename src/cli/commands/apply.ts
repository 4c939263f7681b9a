import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { ReadStream } from "node:tty";
import { Command, Option } from "clipanion";
import { type ApplyResult, apply, deletes } from "../../core/apply/apply.ts";
import { verifySavedPlan } from "../../core/apply/saved-plan.ts";
import { Failure } from "../../core/failure.ts";
import { hasChanges, type Plan, type PlanMode } from "../../core/model/plan.ts";
import { EXIT, optionCount } from "../base.ts";
import { PlanningCommand } from "../planning.ts";
import { failuresAgain } from "../render/failures.ts";
import { confirmation } from "../render/plan.ts";
import { fromPlanFile } from "../render/planfile.ts";
import type { Session } from "../session.ts";

/** What apply and destroy have in common: plan, ask, do. */
abstract class ApplyingCommand extends PlanningCommand {
  readonly yes = Option.Boolean("--yes,--auto-approve", false, { description: "Skip the approval prompt" });
  readonly maxDeletes = Option.String("--max-deletes", {
    description: "Fail if the plan deletes more objects than this",
  });

  protected override async prepare(): Promise<void> {
    await super.prepare();
    optionCount("--max-deletes", this.maxDeletes, 0);
  }

  protected async carryOut(session: Session, saved: Plan | undefined, mode: PlanMode): Promise<number> {
    const plan = saved ?? (await this.planned(session, mode));
    this.guard(plan);
    const idle = !hasChanges(plan) && !(plan.mode === "refresh-only" && plan.drift.length > 0);
    if (saved === undefined && !idle && !(await this.confirmed(plan))) {
      this.note("Apply cancelled.");
      return EXIT.failed;
    }
    const result = await this.perform(session, plan);
    await this.writeReports(plan, session);
    if (result.outcome === "interrupted") return EXIT.interrupted;
    if (result.outcome === "failed") return EXIT.failed;
    return this.detailedExitcode && !idle ? EXIT.changes : EXIT.done;
  }

  private async perform(session: Session, plan: Plan): Promise<ApplyResult> {
    const store = await session.store();
    const { renamed } = await session.moved();
    for (const [to, from] of renamed) await store.rename(from, to);
    const context = await session.applyContext();
    const result = await this.watch(apply(plan, context), session, store, plan);
    if (!this.isJsonOnly) this.out.diagnostics.write(failuresAgain(this.gathered.report, this.view("diagnostics")));
    return result;
  }

  private guard(plan: Plan): void {
    const most = optionCount("--max-deletes", this.maxDeletes, 0);
    const count = deletes(plan);
    if (most === undefined || count <= most) return;
    throw new Failure("plan.deletes", `this plan deletes ${count} objects, more than --max-deletes ${most}`, {
      hint: "check the plan; raise --max-deletes if it is intended",
    });
  }

  private async confirmed(plan: Plan): Promise<boolean> {
    if (this.yes) return true;
    const { stdin } = this.context;
    if (this.isJsonOnly || !(stdin instanceof ReadStream)) {
      throw new Failure("cli.confirm", "cannot ask for approval: stdin is not a terminal", {
        hint: "pass --yes, or apply a saved plan",
      });
    }
    this.out.diagnostics.write(confirmation(plan, this.view("diagnostics")));
    const lines = createInterface({ input: stdin, output: this.context.stderr });
    try {
      return (
        (await lines.question("Enter 'yes' to apply these changes: ", { signal: this.context.signal })).trim() === "yes"
      );
    } finally {
      lines.close();
    }
  }
}

export class ApplyCommand extends ApplyingCommand {
  static override readonly paths = [["apply"]];
  static override readonly usage = Command.Usage({
    category: "Everyday",
    description: "Create, update and delete images to match the configuration",
    details:
      "Plans, shows the plan, asks for approval, and applies it. An image that fails does not stop the others; the exit code is then 1. Ctrl-C once undoes creations in progress and finishes the rest, twice stops immediately; in both cases the next apply continues. With a FILE of `images plan --out`, applies exactly that plan, without asking.",
    examples: [
      ["Plan, ask, apply", "$0 apply"],
      ["In a pipeline", "$0 apply --yes --json"],
      ["A saved plan", "$0 apply plan.json"],
      ["At most one deletion", "$0 apply --yes --max-deletes 1"],
    ],
  });

  readonly plan = Option.String({ required: false, name: "FILE" });

  override async run(): Promise<number> {
    const saved = this.plan === undefined ? undefined : fromPlanFile(await this.read(this.plan));
    await using session = await this.session(this.wish("apply", true));
    if (saved !== undefined) await verifySavedPlan(saved, await session.applyContext());
    return await this.carryOut(session, saved, "normal");
  }

  private async read(path: string): Promise<string> {
    return await readFile(resolve(this.context.cwd, path), "utf8").catch((cause: unknown) => {
      throw new Failure("plan.file", `the plan ${path} cannot be read`, {
        cause,
        hint: "write one with: images plan --out FILE",
      });
    });
  }
}

export class DestroyCommand extends ApplyingCommand {
  static override readonly paths = [["destroy"]];
  static override readonly usage = Command.Usage({
    category: "Everyday",
    description: "Delete all managed images",
    details:
      "Deletes the images in the state, or removes them from the state only, according to `on_remove`. Protected images block.",
    examples: [
      ["Everything", "$0 destroy"],
      ["One backend", "$0 destroy --target lab"],
    ],
  });

  override async run(): Promise<number> {
    await using session = await this.session(this.wish("destroy", true));
    return await this.carryOut(session, undefined, "destroy");
  }
}
