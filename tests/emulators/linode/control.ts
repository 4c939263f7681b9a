import type { Aim, Planned } from "../kit/planned.ts";
import type { Pace } from "../kit/progress.ts";
import type { Api } from "./api.ts";
import type { Fault } from "./faults.ts";
import { blankImage } from "./images.ts";
import { regions } from "./regions.ts";
import { addGroup, share } from "./sharegroups.ts";
import { expireUploads } from "./storage.ts";
import type { Disk, DiskStatus, Event, Image, Instance, RegionStatus } from "./wire.ts";
import type { Place, Received, World } from "./world.ts";

export interface GivenDisk {
  readonly label?: string;
  /** MB; default 25088. */
  readonly size?: number;
  /** MB that an image of it takes; default 366, or the size if that is less. */
  readonly used?: number;
  readonly filesystem?: Disk["filesystem"];
  /** Default true. A pace makes it ready after so many looks or so long; false leaves it until `setDisk`. */
  readonly ready?: boolean | Pace;
}

export interface GivenInstance {
  readonly label?: string;
  readonly region?: string;
  readonly disks?: readonly GivenDisk[];
}

/** What a test can do to an emulated account behind its back. */
export class Control {
  readonly #world: World;
  readonly #api: Api;
  readonly #faults: Planned<Fault>;

  constructor(world: World, api: Api, faults: Planned<Fault>) {
    this.#world = world;
    this.#api = api;
    this.#faults = faults;
  }

  /** Adds an available private image of 1 MB, or one with other traits. */
  addImage(traits: Partial<Image> = {}): Image {
    const world = this.#world;
    const id = traits.id ?? `private/${world.number()}`;
    const image: Image = {
      ...blankImage(id, world.timestamp(), world.username),
      label: "added",
      size: 1,
      total_size: 1,
      regions: [{ region: "us-ord", status: "available" }],
      capabilities: ["distributed-sites"],
      ...traits,
    };
    world.images.set(id, image);
    return image;
  }

  /** Changes an image as somebody else would. */
  changeImage(id: string, traits: Partial<Image>): void {
    this.#world.changeIfThere(id, () => traits);
  }

  /** Takes an image away as somebody else would. */
  removeImage(id: string): void {
    this.#world.removeImage(id);
  }

  setRegion(id: string, region: string, status: RegionStatus): void {
    this.#world.progress.forget(`${id}@${region}`);
    this.#world.changeIfThere(id, (image) => ({
      regions: [...(image.regions ?? []).filter((one) => one.region !== region), { region, status }],
    }));
  }

  /** Every image that is not public. */
  images(): readonly Image[] {
    return this.#world.listing().filter((image) => !image.is_public);
  }

  /** Shares a private image in a new group; answers the shared one. */
  shareImage(id: string, label = "a group"): Image {
    const image = this.#world.images.get(id);
    if (image === undefined) throw new Error(`no image ${id}`);
    return share(this.#world, addGroup(this.#world, label).id, image, {});
  }

  addInstance(given: GivenInstance = {}): { readonly id: number; readonly disks: readonly number[] } {
    const world = this.#world;
    const id = world.number();
    const place: Place = { instance: this.#instance(id, given), disks: new Map(), isBusy: false };
    world.places.set(id, place);
    for (const disk of given.disks ?? [{}, { label: "512 MB Swap Image", size: 512, filesystem: "swap" }]) {
      this.#addDisk(place, disk);
    }
    return { id, disks: [...place.disks.keys()] };
  }

  setDisk(id: number, status: DiskStatus): void {
    for (const { disks } of this.#world.places.values()) {
      const kept = disks.get(id);
      if (kept !== undefined) kept.disk = { ...kept.disk, status };
    }
  }

  /** While true, the instance answers "Linode busy." to what would make an image of it. */
  setBusy(id: number, isBusy: boolean): void {
    const place = this.#world.places.get(id);
    if (place !== undefined) place.isBusy = isBusy;
  }

  /** How long what is begun from now on takes. */
  pace(pace: Pace): void {
    this.#world.pace = pace;
  }

  /** Finishes all work that is going on, or that of one subject: an image id, "image@region", "disk 123". */
  settle(subject?: string): void {
    this.#world.progress.settle(subject);
  }

  /** Sets the clock of the server ahead. */
  advance(ms: number): void {
    this.#world.advance(ms);
  }

  /** Makes the next uploaded image fail; with `leaves` it stays as it is instead of vanishing. */
  failUpload(message = "Failed to decompress image", leaves = false): void {
    this.#world.uploadFailures.push({ message, leaves });
  }

  /** Whether uploads without a Content-Length are refused with 411, as some object storages do; default false. */
  wantLength(wants: boolean): void {
    this.#world.wantsLength = wants;
  }

  /** From now on the object storage answers with the digest of other bytes. */
  corruptUploads(): void {
    this.#world.wrongDigest = true;
  }

  /** Makes the next replication of an image to a region end as "timedout". */
  failReplica(): void {
    this.#world.failingReplicas += 1;
  }

  /** Ends the day of every upload URL. The containers go too, with an event, unless they are to be kept. */
  expireUploads(keep = false): void {
    for (const upload of this.#world.uploads.values()) {
      upload.expires = Math.min(upload.expires, this.#world.now());
      upload.isKept = keep;
    }
    expireUploads(this.#world);
  }

  /** Plans a trouble for coming requests: the next one, or those aimed at. */
  next(fault: Fault, aim: Aim = {}): void {
    this.#faults.plan(fault, aim);
  }

  /** Planned troubles that no request has met yet. */
  get plannedFaults(): number {
    return this.#faults.left;
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** Whether requests beyond the rates are refused. */
  limit(isLimiting: boolean): void {
    this.#api.isLimiting = isLimiting;
  }

  /** What upload URLs have received, in order. */
  received(): readonly Received[] {
    return this.#world.received;
  }

  events(): readonly Event[] {
    return this.#world.events;
  }

  #instance(id: number, given: GivenInstance): Instance {
    const region = given.region ?? "us-ord";
    return {
      id,
      label: given.label ?? `linode${id}`,
      group: "",
      status: "running",
      created: this.#world.timestamp(),
      updated: this.#world.timestamp(),
      type: "g6-nanode-1",
      ipv4: ["192.0.2.10"],
      ipv6: "2001:db8::10/128",
      image: "linode/debian12",
      region,
      site_type: regions.find((one) => one.id === region)?.site_type ?? "core",
      specs: { disk: 25600, memory: 1024, vcpus: 1, gpus: 0, transfer: 1000, accelerated_devices: 0 },
      hypervisor: "kvm",
      watchdog_enabled: true,
      tags: [],
      disk_encryption: "enabled",
    };
  }

  #addDisk(place: Place, given: GivenDisk): void {
    const world = this.#world;
    const id = world.number();
    const ready = given.ready ?? true;
    const size = given.size ?? 25_088;
    const disk: Disk = {
      id,
      status: ready === true ? "ready" : "not ready",
      label: given.label ?? "Debian 12 Disk",
      created: world.timestamp(),
      updated: world.timestamp(),
      filesystem: given.filesystem ?? "ext4",
      size,
      disk_encryption: "enabled",
    };
    place.disks.set(id, { disk, used: given.used ?? Math.min(size, 366), making: undefined });
    if (typeof ready !== "boolean") world.progress.begin(`disk ${id}`, ready, () => this.setDisk(id, "ready"));
  }
}
