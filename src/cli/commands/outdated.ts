import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import type { Step } from "../../core/model/plan.ts";
import { everything } from "../../core/plan/context.ts";
import { makePlan } from "../../core/plan/planner.ts";
import { ended } from "../../core/stream.ts";
import { EXIT, FileCommand } from "../base.ts";
import { verificationOf } from "../render/step.ts";
import { printable, table } from "../render/text.ts";
import { showShown } from "../render/values.ts";

/** One image that is not made from what its source is now. */
interface Row {
  readonly address: string;
  readonly now: string;
  readonly source: string;
}

export class OutdatedCommand extends FileCommand {
  static override readonly paths = [["outdated"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "List images whose source has changed upstream",
    details: "Checks every source as if it had `follow = true`, so that pinned images are included. Downloads nothing.",
    examples: [
      ["As text", "$0 outdated"],
      ["In a pipeline: exit with 2 if there are any", "$0 outdated --exit-code --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });
  readonly exitCode = Option.Boolean("--exit-code", false, { description: "Exit with 2 if there are any" });
  readonly targets = Option.Array("--target", [], { description: "Limit to addresses (globs), backends or images" });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "outdated", write: false, plugins: "first use" });
    const context = await session.applyContext();
    const resources = session.config.resources.map((one) => ({
      ...one,
      want: one.want["follow"] === false ? { ...one.want, follow: true } : one.want,
      ...(one.source === undefined ? {} : { source: { ...one.source, follow: true } }),
    }));
    const plan = await ended(
      makePlan({ ...context, config: { ...session.config, resources } }, { ...everything, targets: this.targets }),
    );
    const rows = plan.steps.flatMap(rowOf);
    const text =
      rows.length === 0
        ? plan.steps.some((step) => verificationOf(step) !== undefined)
          ? "No image is known to be outdated.\n"
          : "All images are up to date.\n"
        : `${table([["ADDRESS", "MADE FROM", "SOURCE IS NOW"], ...rows.map((row) => [row.address, row.now, row.source])]).join("\n")}\n`;
    this.out.data.write(this.json ? `${JSON.stringify(rows, undefined, 2)}\n` : text);
    for (const step of plan.steps) {
      const unknown = verificationOf(step);
      if (unknown !== undefined)
        this.note(`${step.address}: unknown: ${printable(unknown.why)}; the next images apply verifies it`);
    }
    for (const { backend, message } of plan.outages)
      this.fail(new Failure("backend.unreachable", `${backend}: ${message}`));
    if (plan.outages.length > 0) return EXIT.failed;
    return this.exitCode && rows.length > 0 ? EXIT.changes : EXIT.done;
  }
}

function rowOf(step: Step): Row[] {
  const change =
    "changes" in step ? step.changes.find(({ name, kind }) => name === "content" && kind === "edit") : undefined;
  if (change?.kind !== "edit") return [];
  return [{ address: step.address, now: showShown(change.before), source: showShown(change.after) }];
}
