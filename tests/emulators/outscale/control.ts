import type { Planned } from "../kit/planned.ts";
import type { Pace } from "../kit/progress.ts";
import type { Disk } from "./disk.ts";
import type { Fault } from "./faults.ts";
import { patch } from "./lookup.ts";
import type { Image, Snapshot, VmState, Volume } from "./model.ts";
import { addImage, addSnapshot, type Seeded } from "./seed.ts";
import type { Limit, Throttle } from "./throttle.ts";
import type { Failing, Work, World } from "./world.ts";

/** What a test can do to an emulated account behind its back. */
export class Control {
  /** What was in it from the start. */
  readonly seeded: Seeded;
  readonly #world: World;
  readonly #faults: Planned<Fault>;
  readonly #throttle: Throttle;
  readonly #advance: (ms: number) => void;
  /** Snapshots that were not made by a request. */
  readonly #given: Set<string>;

  constructor(world: World, seeded: Seeded, faults: Planned<Fault>, throttle: Throttle, advance: (ms: number) => void) {
    this.#world = world;
    this.seeded = seeded;
    this.#faults = faults;
    this.#throttle = throttle;
    this.#advance = advance;
    this.#given = new Set(world.snapshots.keys());
  }

  /** All images, also those that are not seen by the first account. */
  images(): readonly Image[] {
    return [...this.#world.images.values()].map((kept) => kept.view);
  }

  image(id: string): Image | undefined {
    return this.#world.images.get(id)?.view;
  }

  /** Adds an available image of the first account, as somebody else would. */
  async addImage(name: string, traits: Partial<Image> = {}): Promise<string> {
    const [own] = this.#world.settings.accounts;
    if (own === undefined) throw new Error("there are no accounts");
    const id = await addImage(this.#world, own, name);
    this.changeImage(id, traits);
    for (const { Bsu } of this.image(id)?.BlockDeviceMappings ?? []) this.#given.add(Bsu?.SnapshotId ?? "");
    return id;
  }

  /** Changes an image as somebody else would. */
  changeImage(id: string, traits: Partial<Image>): void {
    patch(this.#world.images, id, traits);
  }

  /** Takes an image away as somebody else would. */
  removeImage(id: string): void {
    this.#world.progress.forget(id);
    this.#world.images.delete(id);
  }

  /** All snapshots, also those that are not seen by the first account. */
  snapshots(): readonly Snapshot[] {
    return [...this.#world.snapshots.values()].map((kept) => kept.view);
  }

  /** Adds a completed snapshot of the first account, of a size in GiB. */
  async addSnapshot(size: number): Promise<string> {
    const [own] = this.#world.settings.accounts;
    if (own === undefined) throw new Error("there are no accounts");
    const id = await addSnapshot(this.#world, own, size);
    this.#given.add(id);
    return id;
  }

  /** Changes a snapshot as somebody else would. */
  changeSnapshot(id: string, traits: Partial<Snapshot>): void {
    patch(this.#world.snapshots, id, traits);
  }

  /** The snapshots that requests have made and that no image uses. */
  orphans(): readonly string[] {
    const used = new Set(this.images().flatMap((one) => one.BlockDeviceMappings.map(({ Bsu }) => Bsu?.SnapshotId)));
    return [...this.#world.snapshots.keys()].filter((id) => !used.has(id) && !this.#given.has(id));
  }

  removeSnapshot(id: string): void {
    this.#world.progress.forget(id);
    this.#world.snapshots.delete(id);
  }

  setVolume(id: string, State: Volume["State"]): void {
    patch(this.#world.volumes, id, { State });
  }

  setVm(id: string, State: VmState): void {
    patch(this.#world.vms, id, { State });
  }

  /** VMs that were stopped and started again to make images of them, in order. */
  get rebooted(): readonly string[] {
    return this.#world.rebooted;
  }

  /** What is on a snapshot or volume; undefined while it has not come yet. */
  disk(id: string): Disk | undefined {
    return this.#world.disks.get(id);
  }

  /** How long work takes that begins from now on. */
  pace(pace: Pace): void {
    this.#world.settings.pace = pace;
  }

  /** Waits for bytes that are on their way, then finishes all work, or that of one id. */
  async settle(id?: string): Promise<void> {
    await this.#world.transferred();
    this.#world.progress.settle(id);
  }

  /** Waits until no bytes are on their way to or from the object store. */
  async transferred(): Promise<void> {
    await this.#world.transferred();
  }

  /** Makes the next work of a kind fail after its time. */
  fail(work: Work, why: Failing = { code: "InternalError", message: "told to fail" }): void {
    this.#world.fail(work, why);
  }

  /** Sets the clock of the server ahead. */
  advance(ms: number): void {
    this.#advance(ms);
  }

  /** Plans a trouble for the next request of an action, or of any. */
  next(fault: Fault, action = "", { skip = 0, times = 1 } = {}): void {
    this.#faults.plan(fault, { path: new RegExp(`/${action === "" ? "\\w+" : action}$`), skip, times });
  }

  /** Planned troubles that no request has met yet. */
  get plannedFaults(): number {
    return this.#faults.left;
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** Refuses requests beyond a limit from now on; without one, all are let through. */
  limit(limit?: Partial<Limit>): void {
    const usual: Limit = { requests: 5, ms: 1000, status: 429, tellsWhen: true };
    this.#throttle.limit = limit === undefined ? undefined : { ...usual, ...limit };
  }
}
