import { dirname, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { keepVersions } from "../../core/apply/versions.ts";
import { generateName } from "../../core/config/generated-name.ts";
import type { Event } from "../../core/model/event.ts";
import { Channel } from "../../core/stream.ts";
import { EXIT, FileCommand, optionSeconds } from "../base.ts";
import { readDefinitions } from "../imagemanager/definition.ts";
import { existing, liveOn, type PreparedImages, prepare, targetOf } from "../imagemanager/run.ts";
import { plural } from "../render/format.ts";
import { printable } from "../render/text.ts";
import { rewrite } from "../rewrite.ts";
import { adoptAll, lookAtAll } from "../terraform/adopt.ts";
import { extended } from "../terraform/run.ts";

export class ImportImageManagerCommand extends FileCommand {
  static override readonly paths = [["import"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Adopt the images of openstack-image-manager",
    details:
      "Reads image definitions of openstack-image-manager (files, or directories with *.yml), appends a block for each enabled image to images.toml, and adopts the images that openstack-image-manager has created from them, so that the following plan is empty. An image that is `multi` becomes one block with `retain`; its older versions become kept versions. Images without a definition are not touched.",
    examples: [
      ["The definitions of a site", "$0 import --from-image-manager etc/images/"],
      ["Only show what would be written", "$0 import --from-image-manager ubuntu.yml --dry-run"],
    ],
  });

  readonly from = Option.Array("--from-image-manager", {
    required: true,
    description: "Image definition file or directory",
  });
  readonly dryRun = Option.Boolean("--dry-run", false, {
    description: "Print the blocks; do not contact backends or write files",
  });
  readonly backend = Option.String("--backend", { description: "Backend to use if several are OpenStack" });
  readonly cloud = Option.String("--cloud", "openstack", {
    description: "Cloud in clouds.yaml, if the file has no OpenStack backend (default: openstack)",
  });
  readonly tag = Option.String("--tag", "managed_by_osism", {
    description: "Tag of the images that openstack-image-manager manages (default: managed_by_osism)",
  });
  readonly adopt = Option.Boolean("--adopt", false, {
    description: "Also adopt images with the marker of another file or address",
  });
  readonly lockTimeout = Option.String("--lock-timeout", {
    description: "Time to wait for the state lock (30s, 5m)",
  });

  override async run(): Promise<number> {
    const { cwd, signal } = this.context;
    const file = resolve(cwd, this.file);
    const name = generateName(dirname(file));
    const files = await readDefinitions(this.from.map((path) => resolve(cwd, path)));
    const options = { backend: this.backend, cloud: this.cloud, tag: this.tag, directory: dirname(file) };
    const before = await existing(file, () =>
      this.session({ operation: "import", write: false, plugins: "first use" }),
    );
    const target = targetOf(before, options);
    const blind = prepare(files, target, before, { ...options, live: [] });
    if (this.dryRun || blind.text === "") {
      for (const text of blind.notes) this.note(printable(text));
      if (blind.text === "") this.note("There is nothing to adopt.");
      this.out.data.write(blind.text);
      return EXIT.done;
    }
    const live = await this.#live(await extended(file, blind.text, name), target.name, signal);
    const prepared = prepare(files, target, before, { ...options, live });
    for (const text of prepared.notes) this.note(printable(text));
    return await this.#adopt(file, await extended(file, prepared.text, name), prepared);
  }

  async #live(text: string, backend: string, signal: AbortSignal) {
    await using session = await this.openSession(
      { ...this.files, text },
      { operation: "import", write: false, plugins: "first use" },
    );
    return await liveOn(session, backend, signal);
  }

  async #adopt(file: string, text: string, { images }: PreparedImages): Promise<number> {
    const { adopt } = this;
    await using session = await this.openSession(
      { ...this.files, text },
      {
        operation: "import",
        write: true,
        plugins: "first use",
        lockTimeout: optionSeconds("--lock-timeout", this.lockTimeout),
      },
    );
    const context = await session.applyContext();
    await lookAtAll(images, session, { adopt, signal: this.context.signal });
    await rewrite(file, text);
    await adoptAll(images, context, {
      adopt,
      said: {
        noted: (text) => this.note(printable(text)),
        taken: (one, blind) => {
          this.note(printable(`${one.address}: Import complete [id=${one.id}] (${one.from})`));
          if (blind !== undefined)
            this.note(printable(`${one.address}: warning: its source cannot be read: ${blind.message}`));
        },
      },
    });
    const events = new Channel<Event>();
    for (const { address, older } of images) {
      const kept = await keepVersions(
        address,
        older.map(({ id, created }) => ({ id, replaced: created })),
        { run: context, events },
      );
      if (kept.length > 0) this.note(`${address}: ${plural(kept.length, "older version")} kept`);
    }
    this.note(`${plural(images.length, "image")} adopted; next: images plan`);
    return EXIT.done;
  }
}
