import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Pace, Progress } from "../kit/progress.ts";
import type { Account } from "./access.ts";
import type { Disk } from "./disk.ts";
import type { Image, ImageExportTask, Kept, Snapshot, SnapshotExportTask, Vm, Volume } from "./model.ts";
import { type Kind, prefixOf, refusals } from "./refusal.ts";

/** The object store that exports are written to. */
export interface ObjectStore {
  readonly endpoint: string;
  readonly region: string;
}

/** Work that takes time and can be told to fail. */
export type Work = "image" | "snapshot" | "imageExport" | "snapshotExport";

/** Why something failed; images show both in their StateComment, tasks show the message as their Comment. */
export interface Failing {
  readonly code: string;
  readonly message: string;
}

export interface Settings {
  readonly accounts: readonly Account[];
  readonly region: string;
  /** Of work that begins from now on. */
  pace: Pace;
  readonly store: ObjectStore | undefined;
  /** How many an account may have. */
  readonly quota: { readonly images: number; readonly snapshots: number };
  /** Entries of a page where the request does not say; at most 1000. */
  readonly pageSize: number;
  readonly now: () => number;
}

/** All that the emulated cloud knows. Records are replaced, not changed; tests may replace and remove them too. */
export class World implements AsyncDisposable {
  readonly settings: Settings;
  readonly images = new Map<string, Kept<Image>>();
  readonly snapshots = new Map<string, Kept<Snapshot>>();
  readonly volumes = new Map<string, Kept<Volume>>();
  readonly vms = new Map<string, Kept<Vm>>();
  readonly imageExports = new Map<string, Kept<ImageExportTask>>();
  readonly snapshotExports = new Map<string, Kept<SnapshotExportTask>>();
  /** What is on a snapshot or volume, by its id. */
  readonly disks = new Map<string, Disk>();
  /** VMs that were stopped and started again to make an image of them. */
  readonly rebooted: string[] = [];
  readonly progress: Progress;
  readonly #failing: { readonly work: Work; readonly why: Failing }[] = [];
  readonly #transfers = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #directory: string;
  #made = 0;

  private constructor(settings: Settings, directory: string) {
    this.settings = settings;
    this.progress = new Progress(settings.now);
    this.#directory = directory;
  }

  static async make(settings: Settings): Promise<World> {
    return new World(settings, await mkdtemp(join(tmpdir(), "outscale-emulator-")));
  }

  /** Aborted when the emulator is closed. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  date(): string {
    return new Date(this.settings.now()).toISOString();
  }

  /** A new id; the same ones in the same order in every run. */
  id(kind: Kind): string {
    return prefixOf(kind) + this.hex();
  }

  /** 8 hexadecimal digits that were not given out before. */
  hex(): string {
    this.#made += 1;
    return ((this.#made * 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  }

  /** A file that is removed with the emulator. */
  file(name: string): string {
    return join(this.#directory, `${this.hex()}-${name}`);
  }

  fail(work: Work, why: Failing): void {
    this.#failing.push({ work, why });
  }

  /** The failure that this work was told to have, used up by asking. */
  failing(work: Work): Failing | undefined {
    const index = this.#failing.findIndex((one) => one.work === work);
    return index < 0 ? undefined : this.#failing.splice(index, 1)[0]?.why;
  }

  /** Bytes on their way, which must not throw. */
  transfer(work: Promise<void>): void {
    const kept = work.finally(() => this.#transfers.delete(kept));
    this.#transfers.add(kept);
  }

  async transferred(): Promise<void> {
    while (this.#transfers.size > 0) await Promise.all(this.#transfers);
  }

  /** @throws Refused when the account has as many as it may */
  allowOneMore(kind: "images" | "snapshots", account: Account): void {
    const count = [...this[kind].values()].filter((kept) => kept.owner === account.id).length;
    if (count >= this.settings.quota[kind]) throw refusals.tooMany(`The quota of ${kind} is reached.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error("the emulator is closed"));
    await this.transferred();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
