import { dirname, resolve } from "node:path";
import { Command, Option } from "clipanion";
import { generateName } from "../../core/config/generated-name.ts";
import { Failure } from "../../core/failure.ts";
import { EXIT, FileCommand, optionSeconds } from "../base.ts";
import { plural } from "../render/format.ts";
import { printable } from "../render/text.ts";
import { rewrite } from "../rewrite.ts";
import type { Session } from "../session.ts";
import { adoptAll, lookAtAll } from "../terraform/adopt.ts";
import type { Adoption } from "../terraform/draft.ts";
import { addition, extended, type Prepared, prepare } from "../terraform/run.ts";

export class ImportTerraformCommand extends FileCommand {
  static override readonly paths = [["import"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Adopt the images of a Terraform or OpenTofu state",
    details:
      "Reads incus_image, vkcs_images_image, openstack_images_image_v2, linode_image and outscale_image, appends their blocks (and missing backends) to images.toml, adopts the images and writes their ownership markers, so that the following plan is empty. STATE is a state file, the output of `terraform show -json` or `state pull`, or a directory. Nothing is written until every image was read; blocks that are there stay as they are. Secrets of the state are not written down: where one is needed, a variable of the environment is named for it.",
    examples: [
      ["The state in this directory", "$0 import --from-terraform ."],
      ["A remote state, after terraform state pull", "$0 import --from-terraform state.json"],
      ["Only show what would be written", "$0 import --from-terraform . --dry-run"],
    ],
  });

  readonly from = Option.String("--from-terraform", {
    required: true,
    description: "Terraform state file or directory",
  });
  readonly dryRun = Option.Boolean("--dry-run", false, {
    description: "Print the blocks; do not contact backends or write files",
  });
  readonly backends = Option.Array("--backend", [], {
    description: "Backend to use if several have the same plugin",
  });
  readonly adopt = Option.Boolean("--adopt", false, {
    description: "Also adopt images with the marker of another file or address",
  });
  readonly lockTimeout = Option.String("--lock-timeout", {
    description: "Time to wait for the state lock (30s, 5m)",
  });

  override async run(): Promise<number> {
    const file = resolve(this.context.cwd, this.file);
    const path = resolve(this.context.cwd, this.from);
    const prepared = await prepare({ path, file, backends: this.backends }, () =>
      this.session({ operation: "import", write: false, plugins: "first use" }),
    );
    for (const text of [...prepared.passed, ...prepared.notes]) this.note(printable(text));
    if (prepared.images.length === 0) {
      this.note("There is nothing to adopt.");
      return EXIT.done;
    }
    if (this.dryRun) {
      this.out.data.write(addition(prepared.backends, prepared.images));
      return EXIT.done;
    }
    return await this.takeOver(file, prepared);
  }

  private async takeOver(file: string, { backends, images, secrets }: Prepared): Promise<number> {
    const { adopt } = this;
    const name = generateName(dirname(file));
    const text = await extended(file, addition(backends, images), name);
    await using session = await this.opened(text);
    for (const secret of secrets) session.secrets.maskSecret(secret);
    const context = await session.applyContext();
    const { there, gone } = await lookAtAll(images, session, { adopt, signal: this.context.signal });
    for (const { from, id } of gone) this.note(printable(`${from}: image ${id} no longer exists; skipped`));
    const added = addition(backends, there);
    if (added !== "") await rewrite(file, await extended(file, added, name));
    const taken = (one: Adoption, blind: Failure | undefined) => {
      this.note(printable(`${one.address}: Import complete [id=${one.id}] (${one.from})`));
      if (blind !== undefined)
        this.note(printable(`${one.address}: warning: its source cannot be read: ${blind.message}`));
    };
    await adoptAll(there, context, { adopt, said: { taken, noted: (text) => this.note(printable(text)) } });
    this.note(`${plural(there.length, "image")} adopted; next: images plan`);
    return EXIT.done;
  }

  /** The file as it is going to be. @throws Failure cli.terraform: it would not be right */
  private async opened(text: string): Promise<Session> {
    const options = {
      operation: "import",
      write: true,
      plugins: "first use" as const,
      lockTimeout: optionSeconds("--lock-timeout", this.lockTimeout),
    };
    try {
      return await this.openSession({ ...this.files, text }, options);
    } catch (thrown) {
      if (!(thrown instanceof Failure) || thrown.code !== "config.invalid") throw thrown;
      throw new Failure("cli.terraform", `the result is not a valid ${this.file}; nothing was written`, {
        problems: thrown.problems.map(({ at: _, ...problem }) => problem),
        hint: "see it with --dry-run, write it to the file by hand, and import each image",
      });
    }
  }
}
