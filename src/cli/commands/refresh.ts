import { Command, Option } from "clipanion";
import { refreshImage } from "../../core/apply/refresh.ts";
import { Failure } from "../../core/failure.ts";
import type { Event } from "../../core/model/event.ts";
import { parseAddress } from "../../core/model/name.ts";
import { resourceAt } from "../../core/plan/resources.ts";
import { Channel } from "../../core/stream.ts";
import { EXIT, FileCommand, optionSeconds } from "../base.ts";

export class RefreshCommand extends FileCommand {
  static override readonly paths = [["refresh"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Make the backend update images itself",
    details:
      "Like `incus image refresh`: the server checks the remote that it copied the image from. The refreshed image stays managed, with its marker, aliases and declared attributes. Other backends return an error; `images apply` creates a new image if a source has changed.",
    examples: [["An image of an Incus server", "$0 refresh lab/alpine"]],
  });

  readonly lockTimeout = Option.String("--lock-timeout", {
    description: "Time to wait for the state lock (30s, 5m)",
  });
  readonly addresses = Option.Rest({ required: 1, name: "ADDRESS" });

  protected override async prepare(): Promise<void> {
    await super.prepare();
    const bad = this.addresses.find((text) => parseAddress(text) === undefined);
    if (bad !== undefined)
      throw new Failure("cli.usage", `invalid address ${JSON.stringify(bad)}`, { hint: "write BACKEND/IMAGE" });
  }

  override async run(): Promise<number> {
    await using session = await this.session({
      operation: "refresh",
      write: true,
      plugins: "first use",
      lockTimeout: optionSeconds("--lock-timeout", this.lockTimeout),
    });
    const context = await session.applyContext();
    const request = this.addresses.map((text) => {
      const address = parseAddress(text);
      if (address !== undefined && resourceAt(session.config, address) !== undefined) return address;
      throw new Failure("plan.target", `${text} is not declared in ${this.file}`, { hint: "write BACKEND/IMAGE" });
    });
    for (const address of request) {
      const events = new Channel<Event>();
      const changed = await refreshImage(address, context, events);
      this.note(
        `${address}: ${changed ? "Refreshed" : "Up to date"} [id=${(await session.store()).recorded(address)?.id}]`,
      );
    }
    return EXIT.done;
  }
}
