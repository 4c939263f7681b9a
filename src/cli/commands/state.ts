import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { parseAddress } from "../../core/model/name.ts";
import type { State } from "../../core/model/state.ts";
import { changesBetween } from "../../core/store/changes.ts";
import { showState } from "../../core/store/document.ts";
import { stateList, stateMove, stateRemove } from "../../core/store/edit.ts";
import { EXIT, FileCommand, optionSeconds } from "../base.ts";
import { renderRecorded } from "../render/state.ts";
import { printable } from "../render/text.ts";

const category = "State";

export class StateListCommand extends FileCommand {
  static override readonly paths = [["state", "list"]];
  static override readonly usage = Command.Usage({
    category,
    description: "List addresses in the state",
    examples: [
      ["All", "$0 state list"],
      ["Those of one backend, as JSON", "$0 state list 'lab/*' --json"],
    ],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });
  readonly id = Option.String("--id", { description: "Limit to the image with this id" });
  readonly globs = Option.Rest({ name: "GLOB" });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "state list", write: false, plugins: "none" });
    const { state } = await session.store();
    const found = stateList(state, this.globs).filter(
      (address) => this.id === undefined || state.images[address]?.id === this.id,
    );
    this.out.data.write(this.json ? `${JSON.stringify(found)}\n` : found.map((address) => `${address}\n`).join(""));
    return EXIT.done;
  }
}

export class StateShowCommand extends FileCommand {
  static override readonly paths = [["state", "show"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Show one address of the state",
    examples: [["One address", "$0 state show lab/debian"]],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });
  readonly address = Option.String({ required: true, name: "ADDRESS" });

  override async run(): Promise<number> {
    const address = parseAddress(this.address);
    if (address === undefined)
      throw new Failure("cli.usage", `invalid address ${JSON.stringify(this.address)}`, {
        hint: "write BACKEND/IMAGE",
      });
    await using session = await this.session({ operation: "state show", write: false, plugins: "none" });
    const { state } = await session.store();
    const row = state.images[address];
    if (row === undefined) {
      throw new Failure("state.address", `the state has no ${this.address}`, {
        hint: "list addresses with: images state list",
      });
    }
    this.out.data.write(
      this.json
        ? `${JSON.stringify({ address, ...row }, undefined, 2)}\n`
        : renderRecorded(address, row, this.view("data")),
    );
    return EXIT.done;
  }
}

const dryRun = () => Option.Boolean("--dry-run", false, { description: "Only show what would change" });

/** A command that writes another state in the place of the one there is. */
export abstract class EditCommand extends FileCommand {
  readonly lockTimeout = Option.String("--lock-timeout", {
    description: "Time to wait for the state lock (30s, 5m)",
  });

  /** `isDry`: nothing is written, and no lock is taken. */
  protected async edit(operation: string, change: (state: State) => State, isDry = false): Promise<number> {
    const lockTimeout = optionSeconds("--lock-timeout", this.lockTimeout);
    await using session = await this.session({ operation, write: !isDry, plugins: "none", lockTimeout });
    const store = await session.store();
    const changes = changesBetween(store.state.images, change(store.state).images);
    if (!isDry) await store.putAll(changes);
    return EXIT.done;
  }
}

export class StateMoveCommand extends EditCommand {
  static override readonly paths = [["state", "mv"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Rename an address",
    details:
      "FROM and TO are addresses, or two backend names. The image is not touched; the next apply updates its ownership marker.",
    examples: [
      ["An image was renamed in the file", "$0 state mv lab/debian lab/debian-12"],
      ["A backend was renamed in the file", "$0 state mv lab prod"],
    ],
  });

  readonly dryRun = dryRun();
  readonly from = Option.String({ required: true, name: "FROM" });
  readonly to = Option.String({ required: true, name: "TO" });

  override run(): Promise<number> {
    const change = (state: State) => {
      const { state: next, renamed } = stateMove(state, this.from, this.to);
      for (const [to, from] of renamed)
        this.note(`${this.dryRun ? "would rename" : "renamed"} ${printable(from)} to ${printable(to)}`);
      return next;
    };
    return this.edit("state mv", change, this.dryRun);
  }
}

export class StateRemoveCommand extends EditCommand {
  static override readonly paths = [["state", "rm"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Remove images from the state (the backend is not touched)",
    details: "Images that are still declared and have their marker are adopted again by the next apply.",
    examples: [
      ["One address", "$0 state rm lab/debian"],
      ["All images of a backend", "$0 state rm 'lab/*'"],
    ],
  });

  readonly dryRun = dryRun();
  readonly globs = Option.Rest({ required: 1, name: "ADDRESS" });

  override run(): Promise<number> {
    const change = (state: State) => {
      const { state: next, removed } = stateRemove(state, this.globs);
      for (const address of removed)
        this.note(`${this.dryRun ? "would remove" : "removed"} ${printable(address)} from the state`);
      return next;
    };
    return this.edit("state rm", change, this.dryRun);
  }
}

export class StatePullCommand extends FileCommand {
  static override readonly paths = [["state", "pull"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Print the state document",
    examples: [["To inspect or back up", "$0 state pull > state.json"]],
  });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "state pull", write: false, plugins: "none" });
    this.out.data.write(showState((await session.store()).state));
    return EXIT.done;
  }
}
