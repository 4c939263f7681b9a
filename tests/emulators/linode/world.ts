import { type Pace, Progress } from "../kit/progress.ts";
import { publicImages } from "./public-images.ts";
import { regions } from "./regions.ts";
import {
  type Disk,
  type Entity,
  type Event,
  type EventStatus,
  type Image,
  type Instance,
  type Member,
  type Region,
  type Sharegroup,
  timestamp,
} from "./wire.ts";

/** An instance and its disks. The server answers "Linode busy." while one of them is at work, or `isBusy` is set. */
export interface Place {
  readonly instance: Instance;
  readonly disks: Map<number, KeptDisk>;
  isBusy: boolean;
}

export interface KeptDisk {
  disk: Disk;
  /** MB that an image of it takes. */
  readonly used: number;
  /** The image that is being made of it. */
  making: string | undefined;
}

/** What has been sent to an upload URL. */
export interface Received {
  /** The id of the image. */
  readonly image: string;
  /** The bytes as sent, and their digests in hex. */
  readonly bytes: number;
  readonly sha256: string;
  readonly md5: string;
  /** The same of what they inflate to; undefined when they do not. */
  readonly raw: { readonly bytes: number; readonly sha256: string } | undefined;
  /** Of the request: its Content-Length, or undefined for a chunked body. */
  readonly contentLength: number | undefined;
  /** False when the client went away before the end. */
  readonly isWhole: boolean;
}

/** A signed place for the bytes of an image. */
export interface Upload {
  readonly number: number;
  readonly image: string;
  readonly region: string;
  readonly event: number;
  /** Milliseconds since 1970. */
  expires: number;
  /** False once the container is gone: its URL is refused. */
  isOpen: boolean;
  /** True while the container stays after the URL has expired. */
  isKept: boolean;
}

export interface Limits {
  /** Bytes of an upload, compressed. */
  readonly compressed: number;
  /** MB of an image. */
  readonly raw: number;
}

/** A planned failure of an upload: with which words, and whether the image stays as it is. */
export interface UploadFailure {
  readonly message: string;
  readonly leaves: boolean;
}

/** Everything that the emulated account holds. */
export class World {
  readonly username = "emulated-user";
  readonly regions: readonly Region[] = regions;
  readonly images = new Map<string, Image>();
  readonly places = new Map<number, Place>();
  readonly events: Event[] = [];
  readonly uploads = new Map<number, Upload>();
  readonly received: Received[] = [];
  readonly groups = new Map<number, Sharegroup>();
  readonly members = new Map<number, readonly Member[]>();
  readonly uploadFailures: UploadFailure[] = [];
  readonly progress: Progress;
  readonly limits: Limits;
  pace: Pace;
  /** Whether the object storage refuses a body whose length it is not told. */
  wantsLength = false;
  /** Whether the object storage tells another digest than that of what it got, as if the way had changed it. */
  wrongDigest = false;
  /** Replications that are to time out. */
  failingReplicas = 0;
  readonly #clock: () => number;
  #ahead = 0;
  #numbers = 27_347_332;

  constructor(clock: () => number, pace: Pace, limits: Limits) {
    this.#clock = clock;
    this.pace = pace;
    this.limits = limits;
    this.progress = new Progress(() => this.now());
    for (const image of publicImages) this.images.set(image.id, image);
  }

  now(): number {
    return this.#clock() + this.#ahead;
  }

  /** Sets the clock ahead, in milliseconds. */
  advance(ms: number): void {
    this.#ahead += ms;
  }

  timestamp(): string {
    return timestamp(this.now());
  }

  /** A number that nothing else has. */
  number(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  /** Private images by number, then shared ones, then the public ones. */
  listing(): readonly Image[] {
    const rank = (image: Image) => ["private", "shared", "linode"].indexOf(kindOf(image));
    return [...this.images.values()].toSorted((a, b) => rank(a) - rank(b));
  }

  change(image: Image, changes: Partial<Image>): Image {
    const changed = { ...image, ...changes };
    this.images.set(image.id, changed);
    return changed;
  }

  /** Changes an image if it is still there. */
  changeIfThere(id: string, changes: (image: Image) => Partial<Image>): void {
    const image = this.images.get(id);
    if (image !== undefined) this.change(image, changes(image));
  }

  removeImage(id: string): void {
    const image = this.images.get(id);
    this.images.delete(id);
    this.progress.forget(id);
    for (const { region } of image?.regions ?? []) this.progress.forget(`${id}@${region}`);
    for (const upload of this.uploads.values()) if (upload.image === id) upload.isOpen = false;
    this.release(id);
  }

  /** Ends the work of the disk that an image was made of. */
  release(image: string): void {
    for (const { disks } of this.places.values()) {
      for (const kept of disks.values()) {
        if (kept.making !== image) continue;
        kept.making = undefined;
        kept.disk = { ...kept.disk, status: "ready" };
      }
    }
  }

  /** To be called before images are shown to a client. */
  show(images: readonly Image[]): void {
    for (const image of images) {
      for (const { region } of image.regions ?? []) this.progress.look(`${image.id}@${region}`);
      this.progress.look(image.id);
    }
  }

  addEvent(action: Event["action"], status: EventStatus, entity: Entity, secondary: Entity | null = null): Event {
    const event: Event = {
      id: this.number(),
      created: this.timestamp(),
      seen: false,
      read: false,
      percent_complete: percentOf(status),
      time_remaining: null,
      rate: null,
      duration: null,
      action,
      username: this.username,
      entity,
      status,
      secondary_entity: secondary,
      message: "",
      details: {},
    };
    this.events.push(event);
    return event;
  }

  changeEvent(id: number, status: EventStatus, message = ""): void {
    const index = this.events.findIndex((event) => event.id === id);
    const event = this.events[index];
    if (event === undefined) return;
    const isOver = status === "finished" || status === "failed";
    this.events[index] = {
      ...event,
      status,
      message,
      percent_complete: percentOf(status),
      duration: isOver ? Math.max(0, (this.now() - Date.parse(`${event.created}Z`)) / 1000) : null,
    };
  }
}

/** How an event names an image: by its number, without "private/". */
export function imageEntity(image: Pick<Image, "id" | "label">): Entity {
  return { label: image.label, id: numberOf(image.id), type: "image", url: `/v4/images/${image.id}` };
}

export function linodeEntity({ id, label }: Instance): Entity {
  return { label, id, type: "linode", url: `/v4/linode/instances/${id}` };
}

/** "private", "shared" or "linode". */
export function kindOf(image: Pick<Image, "id">): string {
  return image.id.split("/")[0] ?? "";
}

function numberOf(id: string): number {
  const number = Number(id.split("/")[1]);
  return Number.isSafeInteger(number) ? number : 0;
}

function percentOf(status: EventStatus): number | null {
  if (status === "notification") return null;
  return status === "finished" || status === "failed" ? 100 : status === "started" ? 50 : 0;
}
