import { asFailure } from "../failure.ts";
import { backendNamed, dependenciesOf, type Resource } from "../model/declaration.ts";
import { type Event, failureData } from "../model/event.ts";
import { type Address, addressesOf, type BackendName, backendOf } from "../model/name.ts";
import { type Basis, type Drift, isPending, type Plan, type Step } from "../model/plan.ts";
import type { Recorded } from "../model/state.ts";
import type { Plugin, ReadContext } from "../plugin.ts";
import { type Channel, inParallel, streamed } from "../stream.ts";
import { basisOf, driftBetween } from "./basis.ts";
import { orphan } from "./blocked.ts";
import { completed } from "./completed.ts";
import type { PlanContext, Selection } from "./context.ts";
import { contradicted, type GivenImage, givenImage } from "./contradicted.ts";
import { costOf } from "./cost.ts";
import { decide } from "./decide.ts";
import { DesiredImages } from "./desired.ts";
import { findDuplicates, type PhysicalImage } from "./duplicates.ts";
import { undetectableWhy } from "./evidence.ts";
import { type FoundImages, hasNoImages, NONE, noImages } from "./found.ts";
import { fromState } from "./from-state.ts";
import { Garbage } from "./garbage.ts";
import type { DecisionInput, DesiredImage } from "./input.ts";
import { LookAhead } from "./look-ahead.ts";
import { lookupOf } from "./lookup.ts";
import { nameMoves, orderByNameMoves } from "./name-moves.ts";
import { type ImageLookup, observe } from "./observe.ts";
import { ListedSizes } from "./physical.ts";
import { type DeclaredImage, declaredImage, physicalImages } from "./physical-images.ts";
import { afterSteps, dependentsFirst, wavesOf } from "./references.ts";
import { importOf, removalOf, resourceAt } from "./resources.ts";
import { type DecisionContext, decideWithBytes } from "./same-bytes.ts";
import { matches, select, withDependencies } from "./select.ts";
import type { StateIdentity } from "./siblings.ts";

/** Looks at everything that is selected and says what would be done. Changes nothing. One backend down is an outage, not a failure. */
export function makePlan(context: PlanContext, selection: Selection): AsyncGenerator<Event, Plan> {
  return streamed((channel) => new Planner(context, selection, channel).plan());
}

class Planner {
  readonly #context: PlanContext;
  readonly #selection: Selection;
  readonly #events: Channel<Event>;
  readonly #wants: DesiredImages;
  readonly #ahead: LookAhead;
  readonly #steps = new Map<Address, Step>();
  /** Addresses whose image has the very bytes that another one is to have. */
  readonly #bytesOf = new Map<Address, Address>();
  readonly #bodies: PhysicalImage[] = [];
  readonly #given = new Map<Address, GivenImage>();
  readonly #drift: Drift[] = [];
  readonly #observed: Record<Address, Basis> = {};
  readonly #outages: Plan["outages"][number][] = [];
  readonly #warnings = new Set<string>();
  readonly #garbage = new Garbage();

  constructor(context: PlanContext, selection: Selection, events: Channel<Event>) {
    this.#context = context;
    this.#selection = selection;
    this.#events = events;
    this.#ahead = new LookAhead(context, selection);
    this.#wants = new DesiredImages(this.#ahead.context);
  }

  async plan(): Promise<Plan> {
    const { config, state, signal, run } = this.#context;
    this.#events.send({ type: "run.started", run, command: "plan", at: this.#context.now().toISOString() });
    const declared = config.resources.filter((resource) => resource.state !== "ignored");
    const ignored = new Set(config.resources.flatMap(({ state, address }) => (state === "ignored" ? [address] : [])));
    const known = addressesOf(state.images);
    const kept = known.filter((address) => !ignored.has(address));
    const all = [...new Set([...declared.map(({ address }) => address), ...kept])].sort();
    const chosen = withDependencies(select(all, this.#selection), all, this.#selection, this.#resource);
    this.#garbage.expect(all.length);
    const backends = Map.groupBy([...chosen], backendOf);
    await inParallel(backends, config.settings.parallelism, ([name, addresses]) => this.#planBackend(name, addresses));
    signal.throwIfAborted();
    for (const [address, step] of findDuplicates(this.#bodies)) this.#steps.set(address, step);
    const read = { steps: this.#steps, given: this.#given, context: this.#context };
    for (const [address, step] of contradicted(read)) this.#steps.set(address, step);
    const turned = dependentsFirst(this.#steps, this.#context);
    const steps = all.flatMap((address) => turned.get(address) ?? []);
    const plan: Plan = {
      version: 1,
      mode: this.#selection.mode,
      made: this.#context.now().toISOString(),
      basis: { lineage: state.lineage, serial: state.serial, config: config.digest },
      steps: this.#selection.mode === "refresh-only" ? [] : steps,
      drift: this.#drift.sort((a, b) => (a.address < b.address ? -1 : 1)),
      cost: costOf(steps),
      observed: this.#observed,
      outages: this.#outages,
      warnings: [...this.#warnings].sort(),
    };
    this.#events.send({ type: "plan.done", plan });
    return plan;
  }

  /** All addresses of one backend. What fails here fails for this backend alone. */
  async #planBackend(name: BackendName, addresses: readonly Address[]): Promise<void> {
    try {
      if (!this.#context.plugins.has(name)) return this.#orphaned(name, addresses);
      this.#garbage.add(addresses.length);
      const backend = await this.#context.open(name);
      const plugin = this.#wants.plugin(name);
      const lookups = addresses.map((address) => this.#ask(address, plugin));
      for (const { address, known } of lookups) this.#events.send({ type: "read.started", address, ...idOf(known) });
      const reading: ReadContext = { signal: this.#context.signal, note: (text) => this.#warn(`${name}: ${text}`) };
      const sizes = new ListedSizes(backend, reading);
      const listing = () => observe(backend, this.#owner(name), lookups, reading, sizes, this.#garbage);
      const found = this.#selection.refresh
        ? await this.#ahead.during(listing(), plugin, lookups, reading)
        : new Map(lookups.map((one) => [one.address, fromState(one, this.#owner(name))]));
      for (const one of lookups) {
        const seen = found.get(one.address) ?? noImages;
        const id = seen.have === undefined ? {} : { id: seen.have.id };
        this.#events.send({ type: "read.done", address: one.address, ...id });
        this.#drifted(one, seen, plugin);
      }
      if (this.#selection.mode === "refresh-only") return;
      const scope = { plugin, backend, lookups, owner: this.#owner(name), sizes, context: this.#context };
      const images: DeclaredImage[] = [];
      for (const wave of wavesOf(lookups, this.#resource))
        await inParallel(wave, 8, async (one) => {
          const image = await this.#decide(one, found.get(one.address) ?? noImages, scope, reading);
          if (image !== undefined) images.push(image);
          this.#garbage.add(1);
          if (plugin.movesNames !== true) found.delete(one.address);
        });
      const bodies = this.#selection.mode === "normal" ? await physicalImages(images, scope, reading) : [];
      const resource = this.#resource;
      const moves = plugin.movesNames ? nameMoves({ lookups, found, holders: this.#bytesOf, resource }) : [];
      for (const [address, step] of orderByNameMoves(moves, this.#steps)) this.#steps.set(address, step);
      this.#bodies.push(...bodies);
      found.clear();
    } catch (thrown) {
      if (this.#context.signal.aborted) throw this.#context.signal.reason;
      // Also a bug of one plugin leaves the other backends alone: it is reported as one, by its code.
      for (const address of addresses) this.#steps.delete(address);
      const failure = failureData(asFailure(thrown));
      this.#outages.push({
        backend: name,
        code: failure.code,
        message: failure.message,
        addresses,
        ...(failure.hint === undefined ? {} : { hint: failure.hint }),
      });
      this.#events.send({ type: "backend.failed", backend: name, addresses, failure });
    }
  }

  #ask(address: Address, plugin: Plugin): ImageLookup {
    const { state, renamed, config } = this.#context;
    const importing = importOf(config, address)?.id;
    const of = { address, known: state.images[address], previous: renamed.get(address), importing };
    return lookupOf({ ...of, resource: this.#resource(address) }, plugin, this.#selection);
  }

  async #decide(
    lookups: ImageLookup,
    found: FoundImages,
    scope: DecisionContext,
    reading: ReadContext,
  ): Promise<DeclaredImage | undefined> {
    const { address, known, previous } = lookups;
    const { backend, plugin } = scope;
    const resource = this.#resource(address);
    const quick = !this.#selection.digests && known === undefined && hasNoImages(found);
    const resolved = resource && afterSteps(resource, this.#steps, this.#context.state);
    const isThere = this.#selection.refresh && known?.status === "ready" && found.have?.id === known.id;
    const wish = resolved && (await this.#wants.want(resolved, known, backend, reading, { quick, isThere }));
    const absent = resource?.state === "absent";
    this.#complain(address, wish, found);
    const removed = removalOf(this.#context.config, address);
    const dependencies = resource === undefined ? NONE : dependenciesOf(resource);
    const input: DecisionInput = {
      address,
      ...(previous === undefined ? {} : { previous }),
      mode: this.#selection.mode,
      known,
      want: wish,
      absent,
      ...found,
      after: dependencies.length + found.after.length === 0 ? NONE : [...new Set([...dependencies, ...found.after])],
      replace: this.#selection.replace.some((pattern) => matches(pattern, address)),
      adopt: this.#selection.adopt || resource?.adopt === true,
      ...(removed === undefined ? {} : { removed: removed.destroy ? "destroy" : "keep" }),
    };
    const {
      step: first,
      holder,
      want,
    } = this.#selection.refresh
      ? await decideWithBytes(input, scope, reading)
      : { step: decide(input), holder: undefined, want: wish };
    if (holder !== undefined) this.#bytesOf.set(address, holder);
    if (this.#wants.given.has(address)) this.#given.set(address, givenImage(found.have, want));
    const stays = first?.action === "create" || first?.action === "replace" ? undefined : found.have;
    const image = absent || want === undefined ? undefined : declaredImage(want, stays, plugin);
    if (first === undefined) return image;
    const have = this.#selection.refresh ? found.have : undefined;
    const deciding = { known, want, found, have, now: this.#context.now() };
    const isKept = first.action === "keep";
    const { step, warnings } = isKept
      ? { step: first, warnings: NONE }
      : await completed(first, deciding, backend, reading);
    for (const text of warnings) this.#warn(text);
    this.#steps.set(address, step);
    if (isPending(step)) this.#observed[address] = basisOf(found.have, want, plugin);
    return image;
  }

  #owner(name: BackendName): StateIdentity {
    const { config, state } = this.#context;
    const marks = backendNamed(config, name)?.mark !== false;
    return { file: config.settings.name, lineage: state.lineage, marks };
  }

  #complain(address: Address, want: DesiredImage | undefined, { have }: FoundImages): void {
    for (const { severity, message } of want?.complaints ?? [])
      if (severity === "warning") this.#warn(`${address}: ${message}`);
    const why = undetectableWhy(want, have, this.#context.state.images[address]);
    if (why !== undefined) this.#warn(`${address}: whether its source has changed is unknown: ${why}`);
    if (want?.originFailure !== undefined && have !== undefined)
      this.#warn(`${address}: its source cannot be read: ${want.originFailure.message}`);
  }

  /** What another user changed, or took away, since the state was written. */
  #drifted({ address, known }: ImageLookup, { have }: FoundImages, plugin: Plugin): void {
    if (known?.status !== "ready") return;
    const drift = driftBetween(address, known, have, plugin);
    if (drift === undefined) return;
    this.#drift.push(drift);
    this.#events.send({ type: "drift.found", drift });
    if (this.#selection.mode === "refresh-only") this.#observed[address] = basisOf(have, undefined, plugin);
  }

  /** The block of the backend is gone from the file, but the state still knows images there. */
  #orphaned(name: BackendName, addresses: readonly Address[]): void {
    for (const address of addresses) this.#steps.set(address, orphan(address, name));
  }

  readonly #resource = (address: Address): Resource | undefined => resourceAt(this.#context.config, address);

  #warn(text: string): void {
    this.#warnings.add(text);
  }
}

const idOf = (known: Recorded | undefined) => (known?.id === undefined ? {} : { id: known.id });
