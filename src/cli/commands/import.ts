import { Command, Option } from "clipanion";
import { importImage } from "../../core/apply/import.ts";
import { Failure } from "../../core/failure.ts";
import type { Event } from "../../core/model/event.ts";
import { imageId, imageOf, parseAddress } from "../../core/model/name.ts";
import { nearest } from "../../core/model/nearest.ts";
import { resourceAt } from "../../core/plan/resources.ts";
import { Channel } from "../../core/stream.ts";
import { EXIT, FileCommand, optionSeconds } from "../base.ts";
import { printable } from "../render/text.ts";

export class ImportCommand extends FileCommand {
  static override readonly paths = [["import"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Adopt an existing image",
    details:
      "ADDRESS must be declared in the file; ID is the id of the image on the backend (or another name that the plugin knows: an alias, the beginning of a fingerprint). The image is added to the state and gets an ownership marker; attributes that differ from the file are shown by the next plan and are not changed.",
    examples: [
      ["An image of Incus, by its alias", "$0 import lab/alpine alpine-edge"],
      ["An image of Glance", "$0 import ru/debian 89c60255-9bd6-460c-822a-e2b959ede9d2"],
    ],
  });

  readonly adopt = Option.Boolean("--adopt", false, {
    description: "Also if the image has the marker of another file or address",
  });
  readonly lockTimeout = Option.String("--lock-timeout", {
    description: "Time to wait for the state lock (30s, 5m)",
  });
  readonly address = Option.String({ required: true, name: "ADDRESS" });
  readonly id = Option.String({ required: true, name: "ID" });

  override async run(): Promise<number> {
    const address = parseAddress(this.address);
    if (address === undefined)
      throw new Failure("cli.usage", `invalid address ${JSON.stringify(this.address)}`, {
        hint: "write BACKEND/IMAGE",
      });
    await using session = await this.session({
      operation: "import",
      write: true,
      plugins: "first use",
      lockTimeout: optionSeconds("--lock-timeout", this.lockTimeout),
    });
    const resource = resourceAt(session.config, address);
    if (resource === undefined) {
      const near = nearest(
        address,
        session.config.resources.map((one) => one.address),
      );
      const hint = near === undefined ? `write [image.${imageOf(address)}] first` : `did you mean ${near}?`;
      throw new Failure("plan.target", `${address} is not declared in ${this.file}`, { hint });
    }
    const context = await session.applyContext();
    const content =
      resource.source === undefined ? undefined : await context.look(resource.source, undefined, this.context.signal);
    const events = new Channel<Event>();
    const image = await importImage(address, imageId(this.id), { run: context, events, adopt: this.adopt, content });
    events.close();
    for await (const event of events) if (event.type === "step.note") this.note(`${address}: ${printable(event.text)}`);
    const name = image.name === undefined || image.name === image.id ? "" : ` (${printable(image.name)})`;
    this.note(`${address}: Import complete [id=${printable(image.id)}]${name}`);
    return EXIT.done;
  }
}
