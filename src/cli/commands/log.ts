import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { readRun, runs } from "../../core/store/runs.ts";
import { EXIT, FileCommand } from "../base.ts";
import { renderRun, renderRuns } from "../render/state.ts";

export class LogCommand extends FileCommand {
  static override readonly paths = [["log"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Show the run history, or one run",
    examples: [
      ["All runs", "$0 log"],
      ["One of them", "$0 log 20261120T151500-1a2b3c"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });
  readonly id = Option.String({ required: false, name: "RUN" });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "log", write: false, plugins: "none" });
    const { signal } = this.context;
    if (this.id === undefined) {
      const all = await runs(session.storage, signal);
      this.out.data.write(this.json ? `${JSON.stringify(all, undefined, 2)}\n` : renderRuns(all, this.view("data")));
      return EXIT.done;
    }
    const entries = await readRun(session.storage, this.id, signal);
    if (entries === undefined)
      throw new Failure("state.run", `there is no run ${this.id} in the history`, {
        hint: "list them with: images log",
      });
    this.out.data.write(
      this.json ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join("") : renderRun(entries, this.view("data")),
    );
    return EXIT.done;
  }
}
