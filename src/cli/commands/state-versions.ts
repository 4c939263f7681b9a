import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text as textOfStream } from "node:stream/consumers";
import { Command, Option } from "clipanion";
import { Failure } from "../../core/failure.ts";
import { isTable } from "../../core/model/value.ts";
import { rowsOf } from "../../core/store/changes.ts";
import { parseState } from "../../core/store/document.ts";
import { migrate } from "../../core/store/migrate.ts";
import { push } from "../../core/store/push.ts";
import type { Storage } from "../../core/store/storage.ts";
import { EXIT, FileCommand, optionSeconds } from "../base.ts";
import { table } from "../render/text.ts";
import { EditCommand } from "./state.ts";

const category = "State";
const lockTimeout = () => Option.String("--lock-timeout", { description: "Time to wait for the state lock (30s, 5m)" });

export class StateVersionsCommand extends FileCommand {
  static override readonly paths = [["state", "list-versions"]];
  static override readonly usage = Command.Usage({
    category,
    description: "List previous versions of the state",
    examples: [["All, oldest first", "$0 state list-versions"]],
  });

  readonly json = Option.Boolean("--json", false, { description: "Print JSON" });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "state list-versions", write: false });
    const found = await this.#versions(session.storage);
    const head = ["VERSION", "KEPT SINCE", "SERIAL", "IMAGES"];
    const rows = found.map(({ id, at, serial, images }) => [id, at, `${serial}`, `${images}`]);
    this.out.data.write(
      this.json
        ? `${JSON.stringify(found, undefined, 2)}\n`
        : found.length === 0
          ? "The state has no previous versions.\n"
          : `${table([head, ...rows], this.view("data").columns).join("\n")}\n`,
    );
    return EXIT.done;
  }

  async #versions(storage: Storage) {
    const { signal } = this.context;
    const versions = (await storage.versions(signal)) ?? unlisted(storage);
    const found: { id: string; at: string; serial: number; images: number }[] = [];
    for (const { id, at } of versions) {
      const text = await storage.readVersion(id, signal);
      if (text === undefined || isNote(text)) continue;
      const { serial, images } = parseState(text, { where: `version ${id} of ${storage.where}` });
      found.push({ id, at, serial, images: Object.keys(images).length });
    }
    return found;
  }
}

/** What a move of the state has left is no version of it. */
function isNote(text: string): boolean {
  const value: unknown = JSON.parse(text);
  return isTable(value) && ("moved" in value || "arriving" in value);
}

function unlisted({ where }: Storage): never {
  throw new Failure("state.version", `the HTTP protocol cannot list the previous versions of ${where}`, {
    hint: "the server may keep them (GitLab: Operate > Terraform states); download one there, then: images state push FILE",
  });
}

export class StateRestoreCommand extends EditCommand {
  static override readonly paths = [["state", "restore"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Restore a previous version of the state",
    details:
      "Writes the rows of that version with the next serial; images are not touched. The next plan shows the differences. VERSION is one of `images state list-versions`.",
    examples: [["A version", "$0 state restore 20261120T151500123Z-1a2b3c4d5e6f"]],
  });

  readonly version = Option.String({ required: true, name: "VERSION" });

  override async run(): Promise<number> {
    await using session = await this.session({ operation: "state restore", write: false });
    const { storage } = session;
    const text = await storage.readVersion(this.version, this.context.signal);
    if (text === undefined)
      throw new Failure("state.version", `${storage.where} has no version ${this.version}`, {
        hint: "list them with: images state list-versions",
      });
    const former = parseState(text, { where: `version ${this.version} of ${storage.where}` });
    return await this.edit("state restore", (current) => {
      if (rowsOf(current.images).length > 0 && current.lineage !== former.lineage)
        throw new Failure("state.version", `version ${this.version} belongs to another state: its lineage differs`);
      return { ...current, images: former.images };
    });
  }
}

export class StatePushCommand extends FileCommand {
  static override readonly paths = [["state", "push"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Replace the state with a document",
    details: "The document must be newer and of the same lineage; --force accepts any. `-` reads stdin.",
    examples: [
      ["A document that was edited", "$0 state push state.json"],
      ["From stdin", "$0 state push -"],
    ],
  });

  readonly force = Option.Boolean("--force", false, { description: "Also if it is older or of another lineage" });
  readonly lockTimeout = lockTimeout();
  readonly document = Option.String({ required: true, name: "FILE" });

  override async run(): Promise<number> {
    const seconds = optionSeconds("--lock-timeout", this.lockTimeout);
    await using session = await this.session({ operation: "state push", write: true, lockTimeout: seconds });
    const text = await this.#text();
    const where = this.document === "-" ? "stdin" : this.document;
    const { serial } = await push(text, where, { ...session.keeper.holding, force: this.force });
    this.note(`the state in ${session.storage.where} has serial ${serial}`);
    return EXIT.done;
  }

  async #text(): Promise<string> {
    if (this.document === "-") return await textOfStream(this.context.stdin);
    const path = resolve(this.context.cwd, this.document);
    return await readFile(path, "utf8").catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      throw new Failure("cli.usage", `${this.document} cannot be read: ${why}`);
    });
  }
}

export class StateMigrateCommand extends FileCommand {
  static override readonly paths = [["state", "migrate"]];
  static override readonly usage = Command.Usage({
    category,
    description: "Move the state to another location",
    details:
      "TO is a path or a URL without a state. The state is in exactly one of the two locations at any time; the old one then points to the new one, so that no run continues there. The same command completes an interrupted migration.",
    examples: [
      ["To S3", "$0 state migrate s3://team-state/images/prod.json"],
      [
        "To GitLab",
        "$0 state migrate https://gitlab.example.org/api/v4/projects/7/terraform/state/images --username ci --password env:TOKEN",
      ],
    ],
  });

  readonly username = Option.String("--username", { description: "User name at the new location" });
  readonly password = Option.String("--password", {
    description: "Reference to its password: env:NAME, file:PATH or cmd:COMMAND",
  });
  readonly lockTimeout = lockTimeout();
  readonly to = Option.String({ required: true, name: "TO" });

  override async run(): Promise<number> {
    const seconds = optionSeconds("--lock-timeout", this.lockTimeout);
    await using session = await this.session({ operation: "state migrate", write: true, lockTimeout: seconds });
    const { username, password } = this;
    const to = session.keeper.elsewhere(this.to, "TO", {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    });
    const { storage: from, me, patience } = session.keeper.holding;
    const { state, runs } = await migrate(from, to, me, patience);
    const count = Object.keys(state.images).length;
    this.note(`moved the state of ${count} images and ${runs} runs to ${to.where}`);
    this.note(`write in [settings]: state = ${JSON.stringify(this.to)}`);
    return EXIT.done;
  }
}
