import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { backendName, isName } from "../../core/model/name.ts";
import type { Attributes } from "../../core/model/value.ts";
import { markerStatus } from "../../core/plan/ownership.ts";
import { plain } from "../../core/plugin.ts";
import { EXIT, FileCommand } from "../base.ts";
import { bytes } from "../render/format.ts";
import { printable, table } from "../render/text.ts";

/** One live image, as `images info BACKEND --json` prints it. */
interface Row {
  readonly id: string;
  readonly name: string;
  /** Made by this file: its marker, or the state, says so. */
  readonly ours: boolean;
  readonly attributes: Attributes;
}

export class InfoCommand extends FileCommand {
  static override readonly paths = [["info"]];
  static override readonly usage = Command.Usage({
    category: "Looking",
    description: "Show images that exist on a backend, managed or not",
    details: "With IMAGE (name, or id on the backend): only that image, with all its attributes.",
    examples: [
      ["All images of a backend", "$0 info lab"],
      ["For a script", "$0 info lab --json"],
      ["One of them", "$0 info lab alpine"],
    ],
  });

  readonly backend = Option.String({ required: true, name: "BACKEND" });
  readonly image = Option.String({ required: false, name: "IMAGE" });
  readonly json = Option.Boolean("--json", false, { description: "Print a JSON array" });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "info", write: false, plugins: "first use" });
    if (!isName(this.backend)) throw new Failure("cli.usage", `${JSON.stringify(this.backend)} is not a backend name`);
    const name = backendName(this.backend);
    const backend = await session.backend(name);
    const { state } = await session.store();
    const known = new Set(
      Object.values(state.images).flatMap((row) => (row.backend === name && row.id !== undefined ? [row.id] : [])),
    );
    const rows: Row[] = [];
    const sizes = new Map<string, number>();
    for await (const image of backend.list({ signal: this.context.signal, note: (text) => this.note(text) })) {
      const isMarked = markerStatus(image) === "genuine" && image.marker?.file === session.config.settings.name;
      const ours = isMarked || known.has(image.id);
      if (image.size !== undefined) sizes.set(image.id, image.size);
      const row = { id: image.id, name: image.name ?? image.id, ours, attributes: plain(image.attributes) };
      if (
        this.image === undefined ||
        row.id.startsWith(this.image) ||
        row.name === this.image ||
        image.marker?.owner === `${name}/${this.image}` ||
        image.names?.includes(this.image)
      )
        rows.push(row);
    }
    rows.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1));
    if (this.image !== undefined && rows.length === 0) {
      throw new Failure("backend.missing", `${this.backend} has no image ${JSON.stringify(this.image)}`, {
        hint: `list them with: images info ${this.backend}`,
      });
    }
    this.out.data.write(this.json ? `${JSON.stringify(rows, undefined, 2)}\n` : this.text(rows, sizes));
    return EXIT.done;
  }

  private text(rows: readonly Row[], sizes: ReadonlyMap<string, number>): string {
    if (this.image !== undefined) {
      return rows
        .map(({ id, name, ours, attributes }) => {
          const pairs = Object.entries({ id, name, managed: ours, ...attributes });
          return table(pairs.map(([key, value]) => [`${key}`, "=", printable(JSON.stringify(value))])).join("\n");
        })
        .join("\n\n")
        .concat("\n");
    }
    const size = ({ id }: Row) => {
      const found = sizes.get(id);
      return found === undefined ? "" : bytes(found);
    };
    const lines = table([
      ["NAME", "ID", "MANAGED", "SIZE"],
      ...rows.map((row) => [printable(row.name), printable(row.id), row.ours ? "yes" : "no", size(row)]),
    ]);
    return `${lines.join("\n")}\n`;
  }
}
