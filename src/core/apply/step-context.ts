import { Failure } from "../failure.ts";
import type { Resource } from "../model/declaration.ts";
import { backendNamed } from "../model/declaration.ts";
import type { Event } from "../model/event.ts";
import type { Marker, Observed } from "../model/image.ts";
import { type Address, backendOf, type ImageId } from "../model/name.ts";
import type { Deletion } from "../model/plan.ts";
import { withoutSensitive } from "../model/schema.ts";
import type { Content } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import { contentKey } from "../plan/content-key.ts";
import { useOf } from "../plan/obstacles.ts";
import { originNow } from "../plan/origin.ts";
import { markerStatus, names, nonceOf } from "../plan/ownership.ts";
import { resourceAt } from "../plan/resources.ts";
import { type Backend, type Context, type Plugin, plain } from "../plugin.ts";
import type { Channel } from "../stream.ts";
import type { ApplyContext } from "./context.ts";
import { declarationAt } from "./declaration.ts";
import { StepProgress } from "./progress.ts";

/** One address while its step is carried out: what there is to work with, and the rows that can be written of it. */
export class StepContext {
  readonly address: Address;
  readonly run: ApplyContext;
  readonly events: Channel<Event>;
  readonly progress: StepProgress;
  readonly plugin: Plugin;
  readonly backend: Backend;
  /** The row as it was before the step. */
  readonly known: Recorded | undefined;
  /** What this step may delete, by id, with what goes with each: as the plan has it. */
  readonly #deletable: ReadonlyMap<ImageId, readonly string[]>;
  /** Ids of images that this step itself made. */
  readonly #made = new Set<ImageId>();
  /** What `#claimed` answered. */
  #names: ReadonlySet<string> | undefined;

  private constructor(
    address: Address,
    run: ApplyContext,
    events: Channel<Event>,
    plugin: Plugin,
    backend: Backend,
    deletes: readonly Deletion[],
  ) {
    this.address = address;
    this.run = run;
    this.events = events;
    this.plugin = plugin;
    this.backend = backend;
    this.progress = new StepProgress(address, events, run.now);
    this.known = run.records.recorded(address);
    this.#deletable = new Map(deletes.map(({ id, owns = [] }) => [id, owns]));
  }

  /** @param deletes what the plan says that this step deletes; anything else cannot be. */
  static async open(
    address: Address,
    run: ApplyContext,
    events: Channel<Event>,
    deletes: readonly Deletion[] = [],
  ): Promise<StepContext> {
    const plugin = run.plugins.get(backendOf(address));
    if (plugin === undefined)
      throw new Failure("plan.backend", `there is no backend ${backendOf(address)} in the file`, { address });
    return new StepContext(address, run, events, plugin, await run.open(backendOf(address)), deletes);
  }

  /** @throws Failure plan.moved: the file does not declare the address, which a plan made from it cannot ask for. */
  get resource(): Resource {
    return declarationAt(this.run, this.address);
  }

  /** What the image is made from: as planned, but where that names images whose ids were not known then. */
  async origin(planned: Content | undefined): Promise<Content | undefined> {
    const { source, references, want } = this.resource;
    if (source !== undefined || references === undefined || planned !== undefined) return planned;
    return await originNow(this.plugin, this.backend, want, this.context(this.run.signal));
  }

  put(recorded: Recorded | undefined): Promise<void> {
    return this.run.records.put(this.address, recorded);
  }

  note(text: string): void {
    this.events.send({ type: "step.note", address: this.address, text });
  }

  /** The mark that an image made from `content` is to carry; undefined where the user wants none. */
  markerFor(content: Content | undefined): Marker | undefined {
    const wanted = backendNamed(this.run.config, backendOf(this.address))?.mark !== false;
    if (!wanted) return undefined;
    const { config, state } = this.run;
    return { file: config.settings.name, owner: this.address, content: contentKey(content), lineage: state.lineage };
  }

  context(
    signal: AbortSignal,
    more: Partial<
      Pick<
        Context,
        | "sourceDate"
        | "desiredMarker"
        | "replaces"
        | "identified"
        | "pull"
        | "nonce"
        | "completed"
        | "retireOld"
        | "restored"
        | "owns"
      >
    > = {},
  ): Context {
    const { desiredMarker } = more;
    const claimed = () => (this.#names ??= this.#claimed());
    return {
      address: this.address,
      desiredMarker: undefined,
      marker: (self) => (desiredMarker === undefined ? undefined : { ...desiredMarker, self }),
      nonce: "",
      completed: () => undefined,
      // Of all images of the backend: only made where a plugin asks for it.
      get claimed() {
        return claimed();
      },
      signal,
      note: (text) => this.note(text),
      progress: this.progress.report,
      identified: async () => undefined,
      secret: (reference) => this.run.secret(reference),
      ...more,
    };
  }

  /** Unique names that the file gives to other images of the backend. */
  #claimed(): ReadonlySet<string> {
    const { backend } = resourceAt(this.run.config, this.address) ?? { backend: backendOf(this.address) };
    const others = this.run.config.resources.filter(
      (one) => one.backend === backend && one.address !== this.address && one.state === "present",
    );
    return new Set(others.flatMap(({ want, address }) => this.plugin.names?.(want, address) ?? []));
  }

  /** The signal of a step that the image's or backend's `timeout` ends as well. */
  deadline(signal: AbortSignal): AbortSignal {
    const seconds = this.#timeout();
    return seconds === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  }

  /** A thrown TimeoutError in the words of whoever set the timeout. */
  explain(thrown: unknown): unknown {
    if (!(thrown instanceof DOMException && thrown.name === "TimeoutError")) return thrown;
    const hint = "set a longer `timeout` on the image or its backend";
    return new Failure("run.timeout", `timed out after ${this.#timeout()} s`, {
      address: this.address,
      hint,
      cause: thrown,
    });
  }

  #timeout(): number | undefined {
    const backend = backendNamed(this.run.config, backendOf(this.address));
    return (
      resourceAt(this.run.config, this.address)?.lifecycle.timeout ?? backend?.limits.timeout ?? this.plugin.timeout
    );
  }

  /** What every row of this address says, whatever its status. */
  common(content: Content | undefined) {
    const { want, lifecycle } = this.resource;
    return {
      backend: backendOf(this.address),
      plugin: this.plugin.name,
      want: withoutSensitive(this.plugin.image, want),
      protect: lifecycle.protect,
      onRemove: lifecycle.onRemove,
      ...(content === undefined ? {} : { content }),
      ...(this.known?.retained === undefined ? {} : { retained: this.known.retained }),
    };
  }

  ready(content: Content | undefined, observed: Observed): Recorded & { status: "ready" } {
    const digests = observed.digests === undefined ? {} : { digests: observed.digests };
    return { ...this.common(content), status: "ready", id: observed.id, have: this.have(observed), ...digests };
  }

  have(observed: Observed) {
    return withoutSensitive(this.plugin.image, plain(observed.attributes));
  }

  /** The run has made this image, and may take it away again. */
  made(id: ImageId): void {
    this.#made.add(id);
  }

  isDeletable(id: ImageId): boolean {
    return this.#deletable.has(id);
  }

  /**
   * Deletes one image that the plan names, or that this step made; only the second Ctrl-C stops that. Answers whether it was still there.
   * @throws Failure plan.foreign: it bears another state's marker by now, plan.used: it is in use by now
   */
  async remove(id: ImageId): Promise<boolean> {
    if (!this.#deletable.has(id) && !this.#made.has(id))
      throw new Error(`${id} is not deleted: it is neither in the plan nor created by this run`);
    const owns = this.#made.has(id) ? undefined : this.#deletable.get(id);
    const context = this.context(this.run.hard, owns === undefined ? {} : { owns });
    const found = await this.backend.read({ address: this.address, id }, context);
    if (found !== undefined && found.id !== id) return await this.#removeUnnamed(id, found);
    if (found !== undefined && this.#isForeign(found))
      throw new Failure("plan.foreign", `${id} is not deleted: it is now managed by another state or file`, {
        address: this.address,
        hint: "plan again",
      });
    const use = found === undefined || this.#made.has(id) ? undefined : await useOf(id, this.backend, context);
    if (use !== undefined)
      throw new Failure("plan.used", `${id} is not deleted: ${use}`, {
        address: this.address,
        hint: "stop using it, then apply again",
      });
    await this.backend.delete(id, context);
    return found !== undefined;
  }

  /** What this step began under an id of a job, or of its nonce, and that has an id of its own by now: it bears the nonce. */
  async #removeUnnamed(id: ImageId, { id: own, marker }: Observed): Promise<boolean> {
    const nonce = nonceOf(this.run.records.recorded(this.address));
    if (!this.#made.has(id) || nonce === undefined || marker?.self !== `~${nonce}`) return false;
    this.made(own);
    return await this.remove(own);
  }

  /** What this step made under an id that another user's image has by now is theirs; so is what was marked by another state since. */
  #isForeign(found: Observed): boolean {
    if (this.markerFor(undefined) === undefined) return false;
    const worth = markerStatus(found);
    const { marker } = found;
    const lineage = marker?.lineage;
    const isOurs = lineage === this.run.state.lineage;
    // A backend may write the lineage last, so that what is not complete has none.
    const claim = { file: this.run.config.settings.name, address: this.address, previous: undefined };
    const isBegun = marker !== undefined && lineage === undefined && worth === "genuine" && names(marker, claim);
    if (this.#made.has(found.id)) return (!isOurs && !isBegun) || worth === "inherited";
    return worth === "genuine" && lineage !== undefined && !isOurs;
  }
}
