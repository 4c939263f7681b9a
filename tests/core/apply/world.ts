import { createHash } from "node:crypto";
import { apply } from "../../../src/core/apply/apply.ts";
import type { ApplyContext, Records } from "../../../src/core/apply/context.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { Config, Resource } from "../../../src/core/model/declaration.ts";
import { digest } from "../../../src/core/model/digest.ts";
import type { Event } from "../../../src/core/model/event.ts";
import type { Marker, Observed } from "../../../src/core/model/image.ts";
import { type Address, address, backendName, type ImageId, imageId, imageName } from "../../../src/core/model/name.ts";
import type { Plan } from "../../../src/core/model/plan.ts";
import type { Content } from "../../../src/core/model/source.ts";
import type { Recorded, State } from "../../../src/core/model/state.ts";
import { optional, string } from "../../../src/core/model/types.ts";
import type { Attributes } from "../../../src/core/model/value.ts";
import { everything, type Selection } from "../../../src/core/plan/context.ts";
import { makePlan } from "../../../src/core/plan/planner.ts";
import type { Backend, Context, Plugin } from "../../../src/core/plugin.ts";
import { ended } from "../../../src/core/stream.ts";

// The engine on a backend that records what it is asked, in the order of the durable writes: both stand in one log.

const name = backendName("m");
const place = { file: "images.toml", line: 1, column: 1 };
export const AT = (image: string): Address => address(name, imageName(image));

/** An image of the backend. */
export interface Kept {
  readonly id: ImageId;
  readonly name: string;
  readonly mark?: Marker;
  readonly label?: string;
  /** What it was made from. */
  readonly bytes: string;
  readonly status?: "pending";
}

export interface Declared {
  readonly bytes: string;
  readonly label?: string;
  readonly retain?: number;
  readonly absent?: boolean;
  /** An attribute whose origin tells nothing: a disk. */
  readonly disk?: string;
  /** There are no bytes of ours: it is made from the disk alone. */
  readonly isOfDisk?: boolean;
}

/** How the backend is. */
export interface Nature {
  /** A name is there once: the old image goes as the last step before the new one is made. */
  readonly unique?: boolean;
  /** It says what others added to an image: a label given by hand. */
  readonly tells?: boolean;
  /** It says the id of a new image last: until then that bears the nonce, and is known by it or by a job. */
  readonly late?: "nonce" | "job";
  /** It reports a digest of the bytes. */
  readonly digests?: boolean;
  /** It promises the digest of what it takes from a disk; this is what it takes. */
  readonly takes?: (disk: string) => string;
}

const image = {
  label: optional(string(), "A label.", { unset: "" }),
  disk: optional(string(), "An origin that tells nothing.", { onChange: "replace", compare: "recorded" }),
};

/** What happens just before a call or durable write: throws to fail or to kill. */
export type Interrupt = (call: string) => void;

/** Thrown where a run is killed: nothing that it would do afterwards is done. */
export class Killed extends Error {}

export class World {
  readonly images = new Map<ImageId, Kept>();
  readonly log: string[] = [];
  interrupt: Interrupt = () => undefined;
  /** What uses an image. */
  uses: (id: ImageId) => string | undefined = () => undefined;
  /** What a new image would not have of an old one. */
  lost: () => readonly string[] = () => [];
  /** The plan of the last run. */
  planned: Plan | undefined;
  readonly #nature: Nature;
  #next = 1;
  #dead = false;

  constructor(nature: Nature = {}) {
    this.#nature = nature;
  }

  /** Puts an image there by other hands. */
  plant(kept: Omit<Kept, "id"> & { readonly id?: string }): ImageId {
    const id = imageId(kept.id ?? `f-${this.#next++}`);
    this.images.set(id, { ...kept, id });
    return id;
  }

  call(what: string): void {
    if (this.#dead) throw new Killed("the process is gone");
    try {
      this.interrupt(what);
    } catch (thrown) {
      if (thrown instanceof Killed) this.#dead = true;
      throw thrown;
    }
    this.log.push(what);
  }

  revive(): void {
    this.#dead = false;
    this.interrupt = () => undefined;
  }

  plugin(): Plugin {
    const { unique = false, takes } = this.#nature;
    return {
      api: 1,
      name: "memory",
      doc: "Images in memory.",
      config: {},
      image,
      ...(takes === undefined ? {} : { origins: [{ name: "from a disk", needs: ["disk"], digest: true }] }),
      bytes: () => ({ formats: "any", compressions: "any" }),
      ...(unique ? { names: (_: unknown, at: Address) => [at], order: () => "delete-first", deletesLast: true } : {}),
      open: async () => this.backend(),
    } satisfies Plugin;
  }

  backend(): Backend & { usedBy(id: ImageId): Promise<string | undefined> } {
    const seen = (kept: Kept): Observed => ({
      id: kept.id,
      name: kept.name,
      ...(kept.mark === undefined ? {} : { marker: kept.mark }),
      attributes: kept.label === undefined ? {} : { label: kept.label },
      ...(this.#nature.unique === true ? { names: [kept.name] } : {}),
      ...(this.#nature.digests === true ? { digests: { sha256: digestOf(kept.bytes) } } : {}),
      status: kept.status ?? "ready",
    });
    const find = (id: ImageId) => {
      const kept = this.images.get(id);
      return kept === undefined ? undefined : seen(kept);
    };
    const signed = (context: Context, id: ImageId) => {
      const marker = context.marker(id);
      return marker === undefined ? {} : { mark: marker };
    };
    const images = this.images;
    const { takes } = this.#nature;
    return {
      ...(takes === undefined ? {} : { resolve: async (want: Attributes) => promised(diskOf(want)) }),
      read: async ({ id }) => {
        // A job has one image; an id that is a nonce is that of the image which bears it.
        const unnamed = this.#nature.late === undefined ? [] : [...images.values()].map(seen);
        const isOf = ({ marker }: Observed) =>
          id?.startsWith("job:") ? marker?.self?.startsWith("~") : marker?.self === id;
        return id === undefined ? undefined : (find(id) ?? unnamed.find(isOf));
      },
      async *list() {
        for (const kept of [...images.values()]) yield seen(kept);
      },
      create: async (want, source, context) => {
        const id = imageId(`i-${this.#next++}`);
        const hash = createHash("sha256");
        let bytes = "";
        for await (const piece of source?.open(context.signal) ?? []) {
          hash.update(piece);
          bytes += new TextDecoder().decode(piece);
        }
        if (source === undefined) bytes = takes?.(diskOf(want)) ?? "";
        await context.retireOld?.();
        if (this.#nature.unique === true && [...images.values()].some((one) => one.name === context.address))
          throw new Failure("backend.conflict", "the name is taken");
        this.call(`create ${id}`);
        const { late } = this.#nature;
        const kept: Kept = { id, name: context.address, ...signed(context, id), bytes, status: "pending" };
        const unnamed = imageId(`~${context.nonce}`);
        if (late !== undefined) await context.identified(late === "job" ? imageId("job:1") : unnamed);
        images.set(id, late === undefined ? kept : { ...kept, ...signed(context, unnamed) });
        if (late !== undefined) this.call(`answer ${id}`);
        await context.identified(id);
        this.call(`upload ${id}`);
        const { status: _, ...ready } = kept;
        images.set(id, { ...ready, ...labelOf(want) });
        context.completed();
        this.call(`finish ${id}`);
        return seen({ ...ready, ...labelOf(want) });
      },
      update: async (have, want, cleared, context) => {
        this.call(`update ${have.id}`);
        const kept = images.get(have.id);
        if (kept === undefined) throw new Failure("backend.missing", "gone");
        const { label: was, ...rest } = kept;
        const label = cleared.includes("label") || was === undefined ? {} : { label: was };
        const next = { ...rest, ...label, ...labelOf(want), ...signed(context, have.id) };
        images.set(have.id, next);
        return seen(next);
      },
      delete: async (id) => {
        this.call(`delete ${id}`);
        images.delete(id);
      },
      usedBy: async (id) => this.uses(id),
      ...(this.#nature.tells === true
        ? {
            additions: async ({ id }: Observed) => {
              const label = images.get(id)?.label;
              return { attributes: label === undefined ? {} : { label }, lost: this.lost() };
            },
          }
        : {}),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

const labelOf = (want: Attributes) => (typeof want["label"] === "string" ? { label: want["label"] } : {});
const diskOf = (want: Attributes) => (typeof want["disk"] === "string" ? want["disk"] : "");
const promised = (disk: string) => ({
  content: disk,
  digests: { sha256: digestOf(disk) },
  serverSide: true,
  verified: true,
});
export const digestOf = (bytes: string) => digest("sha256", createHash("sha256").update(bytes).digest("hex"));

/** A checkout with its state: what declares and runs. */
export class Checkout implements Records {
  readonly world: World;
  readonly file: string;
  readonly lineage: string;
  rows = new Map<Address, Recorded>();
  #serial = 0;

  constructor(world: World, file: string, lineage: string) {
    this.world = world;
    this.file = file;
    this.lineage = lineage;
  }

  recorded(at: Address): Recorded | undefined {
    return this.rows.get(at);
  }

  async put(at: Address, row: Recorded | undefined): Promise<void> {
    const id = row === undefined ? "gone" : `${row.status}${row.id === undefined ? "" : ` ${row.id}`}`;
    const next = row?.status === "replacing" && row.next !== undefined ? ` -> ${row.next}` : "";
    this.world.call(`put ${id}${next}`);
    this.#serial++;
    if (row === undefined) this.rows.delete(at);
    else this.rows.set(at, row);
  }

  record(_: Event): void {}

  async plan(declared: Readonly<Record<string, Declared>>, more: Partial<Selection> = {}): Promise<Plan> {
    return await ended(makePlan(this.means(declared), { ...everything, ...more }));
  }

  /** Plans and applies. @throws Killed where it was killed */
  async apply(declared: Readonly<Record<string, Declared>>, more: Partial<Selection> = {}): Promise<string> {
    const means = this.means(declared);
    const plan = await ended(makePlan(means, { ...everything, ...more }));
    this.world.planned = plan;
    return (await ended(apply(plan, means))).outcome;
  }

  /** Applies a plan that was made before. */
  async carryOut(plan: Plan, declared: Readonly<Record<string, Declared>>): Promise<string> {
    return (await ended(apply(plan, this.means(declared)))).outcome;
  }

  /** As a fresh checkout has it. */
  forget(): void {
    this.rows = new Map();
  }

  means(declared: Readonly<Record<string, Declared>>): ApplyContext {
    const never = new AbortController().signal;
    const opened = this.world.backend();
    const state: State = {
      version: 1,
      lineage: this.lineage,
      serial: this.#serial,
      images: Object.fromEntries(this.rows),
    };
    return {
      config: this.#config(declared),
      plugins: new Map([[name, this.world.plugin()]]),
      state,
      renamed: new Map(),
      records: this,
      run: "run",
      open: async () => opened,
      look: async (spec) => contentOf(spec.kind === "file" ? spec.path : ""),
      fetch: async (spec) => {
        const bytes = spec.kind === "file" ? spec.path : "";
        const sha256 = digestOf(bytes);
        return {
          format: "raw",
          compression: "none",
          filename: "x.img",
          size: bytes.length,
          digest: sha256,
          async *open() {
            yield new TextEncoder().encode(bytes);
          },
          digests: async () => ({ sha256 }),
          content: async () => contentOf(bytes),
          release: () => undefined,
        };
      },
      secret: async () => "",
      signal: never,
      hard: never,
      parallelism: 1,
      now: () => new Date(),
    };
  }

  #config(declared: Readonly<Record<string, Declared>>): Config {
    return {
      file: "/images.toml",
      directory: "/",
      settings: { state: "/images.state.json", name: this.file, parallelism: 1 },
      policy: { require: [] },
      backends: [{ name, plugin: "memory", settings: {}, limits: {}, mark: true, at: place }],
      resources: Object.entries(declared).map(([image, one]) => resource(image, one)),
      moved: [],
      removed: [],
      imports: [],
      digest: "x",
    };
  }
}

const contentOf = (bytes: string): Content => ({ where: "/x", digest: digestOf(bytes), size: bytes.length });

function resource(image: string, { bytes, label, retain, absent, disk, isOfDisk }: Declared): Resource {
  const want = { ...(label === undefined ? {} : { label }), ...(disk === undefined ? {} : { disk }) };
  // biome-ignore lint/suspicious/noThenProperty: it is the name that images.toml has for it.
  const kept = retain === undefined ? {} : { retain: { last: retain, then: "delete" as const } };
  return {
    address: AT(image),
    backend: name,
    image: imageName(image),
    want,
    written: Object.keys(want),
    ...(isOfDisk === true ? {} : { source: { kind: "file", path: bytes, follow: true, at: place } as const }),
    lifecycle: { protect: false, onRemove: "delete", ignoreChanges: [], existing: false, ...kept },
    state: absent === true ? "absent" : "present",
    adopt: false,
    at: place,
    places: {},
  };
}
