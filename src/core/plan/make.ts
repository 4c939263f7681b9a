import { asFailure } from "../failure.ts";
import { backendNamed, dependenciesOf, type Resource } from "../model/declaration.ts";
import { type Event, told } from "../model/event.ts";
import { type Address, type BackendName, backendOf } from "../model/name.ts";
import { type Basis, type Drift, isPending, type Plan, type Step } from "../model/plan.ts";
import type { Recorded } from "../model/state.ts";
import type { Plugin, Reading } from "../plugin.ts";
import { type Channel, inParallel, streamed } from "../stream.ts";
import { withAdditions } from "./additions.ts";
import { basisOf, driftBetween } from "./basis.ts";
import { orphan } from "./blocked.ts";
import { bodiesOf, type DeclaredImage } from "./bodies.ts";
import { type DecisionSurroundings, decided } from "./body.ts";
import { costOf } from "./cost.ts";
import { decide } from "./decide.ts";
import { deletionsOf } from "./deletions.ts";
import { untold } from "./evidence.ts";
import { type FoundImages, isNothing, nothing } from "./found.ts";
import { lookedFor } from "./looked.ts";
import type { PlanContext, Selection } from "./means.ts";
import { type LookedFor, observe } from "./observe.ts";
import { withDeletions } from "./obstacles.ts";
import { ListedSizes } from "./physical.ts";
import { afterSteps, dependentsFirst, wavesOf } from "./references.ts";
import { remembered } from "./remembered.ts";
import { importOf, removalOf, resourceAt } from "./resources.ts";
import { matches, select, withDependencies } from "./select.ts";
import type { Owner } from "./siblings.ts";
import type { DecisionInput, Want } from "./sight.ts";
import { movesOf, takersFirst } from "./turn.ts";
import { type PhysicalImage, twins } from "./twins.ts";
import { Wants } from "./wants.ts";

/** Looks at everything that is selected and says what would be done. Changes nothing. One backend down is an outage, not a failure. */
export function makePlan(means: PlanContext, selection: Selection): AsyncGenerator<Event, Plan> {
  return streamed((channel) => new Planner(means, selection, channel).plan());
}

class Planner {
  readonly #means: PlanContext;
  readonly #selection: Selection;
  readonly #events: Channel<Event>;
  readonly #wants: Wants;
  readonly #steps = new Map<Address, Step>();
  /** Addresses whose image has the very bytes that another one is to have. */
  readonly #bytesOf = new Map<Address, Address>();
  readonly #bodies: PhysicalImage[] = [];
  readonly #drift: Drift[] = [];
  readonly #observed: Record<Address, Basis> = {};
  readonly #outages: Plan["outages"][number][] = [];
  readonly #warnings = new Set<string>();

  constructor(means: PlanContext, selection: Selection, events: Channel<Event>) {
    this.#means = means;
    this.#selection = selection;
    this.#events = events;
    this.#wants = new Wants(means);
  }

  async plan(): Promise<Plan> {
    const { config, state, signal, run } = this.#means;
    this.#events.send({ type: "run.started", run, command: "plan", at: this.#means.now().toISOString() });
    const declared = config.resources.filter((resource) => resource.state !== "ignored");
    const ignored = new Set(
      config.resources.filter((resource) => resource.state === "ignored").map(({ address }) => address),
    );
    const known = Object.keys(state.images).filter(isAddress(state.images));
    const all = [
      ...new Set([...declared.map(({ address }) => address), ...known.filter((address) => !ignored.has(address))]),
    ].sort();
    const chosen = withDependencies(select(all, this.#selection), all, this.#selection, (at) => this.#resource(at));
    const backends = Map.groupBy([...chosen], backendOf);
    await inParallel(backends, config.settings.parallelism, ([name, addresses]) => this.#planBackend(name, addresses));
    signal.throwIfAborted();
    for (const [address, step] of twins(this.#bodies)) this.#steps.set(address, step);
    const turned = dependentsFirst(this.#steps, this.#means);
    const steps = all.flatMap((address) => turned.get(address) ?? []);
    const plan: Plan = {
      version: 1,
      mode: this.#selection.mode,
      made: this.#means.now().toISOString(),
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
      if (!this.#means.plugins.has(name)) return this.#orphaned(name, addresses);
      const backend = await this.#means.open(name);
      const plugin = this.#wants.plugin(name);
      const asked = addresses.map((address) => this.#ask(address, plugin));
      for (const { address, known } of asked) this.#events.send({ type: "read.started", address, ...idOf(known) });
      const reading: Reading = { signal: this.#means.signal, note: (text) => this.#warn(`${name}: ${text}`) };
      const sizes = new ListedSizes(backend, reading);
      const found = this.#selection.refresh
        ? await observe(backend, this.#owner(name), asked, reading, sizes)
        : new Map(asked.map((one) => [one.address, remembered(one, this.#owner(name))]));
      for (const one of asked) {
        const seen = found.get(one.address) ?? nothing;
        this.#events.send({
          type: "read.done",
          address: one.address,
          ...(seen.have === undefined ? {} : { id: seen.have.id }),
        });
        this.#drifted(one, seen, plugin);
      }
      if (this.#selection.mode === "refresh-only") return;
      const around = { plugin, backend, asked, owner: this.#owner(name), sizes, means: this.#means };
      const images: DeclaredImage[] = [];
      for (const wave of wavesOf(asked, (address) => this.#resource(address)))
        await inParallel(wave, 8, async (one) => {
          const image = await this.#decide(one, found.get(one.address) ?? nothing, around, reading);
          if (image !== undefined) images.push(image);
        });
      const bodies = this.#selection.mode === "normal" ? await bodiesOf(images, around, reading) : [];
      const resource = (address: Address) => this.#resource(address);
      const moves = plugin.movesNames ? movesOf({ asked, found, holders: this.#bytesOf, resource }) : [];
      for (const [address, step] of takersFirst(moves, this.#steps)) this.#steps.set(address, step);
      this.#bodies.push(...bodies);
    } catch (thrown) {
      if (this.#means.signal.aborted) throw this.#means.signal.reason;
      // Also a bug of one plugin leaves the other backends alone: it is reported as one, by its code.
      for (const address of addresses) this.#steps.delete(address);
      const failure = told(asFailure(thrown));
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

  #ask(address: Address, plugin: Plugin): LookedFor {
    const { state, renamed, config } = this.#means;
    const importing = importOf(config, address)?.id;
    const of = { address, known: state.images[address], previous: renamed.get(address), importing };
    return lookedFor({ ...of, resource: this.#resource(address) }, plugin, this.#selection);
  }

  async #decide(
    asked: LookedFor,
    found: FoundImages,
    around: DecisionSurroundings,
    reading: Reading,
  ): Promise<DeclaredImage | undefined> {
    const { address, known, previous } = asked;
    const { backend, plugin } = around;
    const resource = this.#resource(address);
    const quick = !this.#selection.digests && known === undefined && isNothing(found);
    const resolved = resource && afterSteps(resource, this.#steps, this.#means.state);
    const isThere = this.#selection.refresh && known?.status === "ready" && found.have?.id === known.id;
    const wish = resolved && (await this.#wants.want(resolved, known, backend, reading, { quick, isThere }));
    const absent = resource?.state === "absent";
    this.#complain(address, wish, found);
    const removed = removalOf(this.#means.config, address);
    const dependencies = resource === undefined ? [] : dependenciesOf(resource);
    const sight: DecisionInput = {
      address,
      ...(previous === undefined ? {} : { previous }),
      mode: this.#selection.mode,
      known,
      want: wish,
      absent,
      ...found,
      after: [...new Set([...dependencies, ...found.after])],
      replace: this.#selection.replace.some((pattern) => matches(pattern, address)),
      adopt: this.#selection.adopt || resource?.adopt === true,
      ...(removed === undefined ? {} : { removed: removed.destroy ? "destroy" : "keep" }),
    };
    const {
      step: first,
      holder,
      want,
    } = this.#selection.refresh
      ? await decided(sight, around, reading)
      : { step: decide(sight), holder: undefined, want: wish };
    if (holder !== undefined) this.#bytesOf.set(address, holder);
    const stays = first?.action === "create" || first?.action === "replace" ? undefined : found.have;
    const image = absent || want === undefined ? undefined : { want, have: stays };
    if (first === undefined) return image;
    const deletes = deletionsOf(first, known, want, this.#means.now());
    const { step: guarded, warnings } = await withDeletions(first, deletes, found, backend, reading);
    for (const text of warnings) this.#warn(text);
    const have = this.#selection.refresh ? found.have : undefined;
    const step = await withAdditions(guarded, { known, have, want }, backend, reading);
    this.#steps.set(address, step);
    if (isPending(step)) this.#observed[address] = basisOf(found.have, want, plugin);
    return image;
  }

  #owner(name: BackendName): Owner {
    const { config, state } = this.#means;
    const marks = backendNamed(config, name)?.mark !== false;
    return { file: config.settings.name, lineage: state.lineage, marks };
  }

  #complain(address: Address, want: Want | undefined, { have }: FoundImages): void {
    for (const { severity, message } of want?.complaints ?? [])
      if (severity === "warning") this.#warn(`${address}: ${message}`);
    const why = untold(want, have, this.#means.state.images[address]);
    if (why !== undefined) this.#warn(`${address}: whether its source has changed is unknown: ${why}`);
    if (want?.blind !== undefined && have !== undefined)
      this.#warn(`${address}: its source cannot be read: ${want.blind.message}`);
  }

  /** What another user changed, or took away, since the state was written. */
  #drifted({ address, known }: LookedFor, { have }: FoundImages, plugin: Plugin): void {
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

  #resource(address: Address): Resource | undefined {
    return resourceAt(this.#means.config, address);
  }

  #warn(text: string): void {
    this.#warnings.add(text);
  }
}

const isAddress =
  (images: Readonly<Record<Address, Recorded>>) =>
  (text: string): text is Address =>
    Object.hasOwn(images, text);

const idOf = (known: Recorded | undefined) => (known?.id === undefined ? {} : { id: known.id });
