import { Command, Option } from "clipanion";
import { forceUnlock } from "../../core/store/lock.ts";
import { EXIT, FileCommand } from "../base.ts";
import { printable } from "../render/text.ts";

export class UnlockCommand extends FileCommand {
  static override readonly paths = [["unlock"]];
  static override readonly usage = Command.Usage({
    category: "State",
    description: "Release a stale state lock",
    details:
      "ID is in the error message. The lock of a dead process on this host is released automatically by the next run.",
    examples: [["The lock that an error named", "$0 unlock 20261120T151500-1a2b3c"]],
  });

  readonly force = Option.Boolean("--force", false, { description: "Even if its holder is running" });
  readonly id = Option.String({ required: true, name: "ID" });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "unlock", write: false, plugins: "none" });
    const holder = await forceUnlock(session.storage, this.id, { force: this.force, signal: this.context.signal });
    this.note(
      `removed the lock of ${printable(holder.user)}@${printable(holder.host)}, process ${holder.pid}, ${printable(holder.operation)}`,
    );
    return EXIT.done;
  }
}
