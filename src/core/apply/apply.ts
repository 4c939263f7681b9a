import { asFailure, type Failure, isInterrupted } from "../failure.ts";
import { type Counts, type Event, failureData, type Outcome } from "../model/event.ts";
import type { Address } from "../model/name.ts";
import { deletedBy, isPending, type Plan, type Step } from "../model/plan.ts";
import { type Channel, inParallel, streamed } from "../stream.ts";
import type { ApplyContext } from "./context.ts";
import { Slots, sharersOf } from "./slots.ts";
import { acceptDrift, runStep, updateRecord } from "./step.ts";

/** How a run ended. */
export interface ApplyResult {
  readonly outcome: Outcome;
  readonly counts: Counts;
}

/** Carries out a plan: N steps at a time, each when those before it are done; a failure stops only what depends on it. */
export function apply(plan: Plan, run: ApplyContext): AsyncGenerator<Event, ApplyResult> {
  return streamed((channel) => new Run(plan, run, channel).run());
}

const COMMAND = { normal: "apply", destroy: "destroy", "refresh-only": "refresh" } as const;

class Run {
  readonly #plan: Plan;
  readonly #run: ApplyContext;
  readonly #events: Channel<Event>;
  readonly #failed = new Set<Address>();
  readonly #counts = {
    added: 0,
    changed: 0,
    destroyed: 0,
    imported: 0,
    forgotten: 0,
    verified: 0,
    failed: 0,
    stopped: 0,
    skipped: 0,
  };

  constructor(plan: Plan, run: ApplyContext, events: Channel<Event>) {
    this.#plan = plan;
    this.#run = run;
    this.#events = events;
  }

  async run(): Promise<ApplyResult> {
    const began = this.#run.now().getTime();
    const at = this.#run.now().toISOString();
    this.#events.send({ type: "run.started", run: this.#run.run, command: COMMAND[this.#plan.mode], at });
    if (this.#plan.mode === "refresh-only") await this.#refresh();
    else await this.#steps();
    const failed = this.#counts.failed > 0 || this.#plan.outages.length > 0;
    const outcome = this.#run.signal.aborted ? "interrupted" : failed ? "failed" : "succeeded";
    const ms = this.#run.now().getTime() - began;
    this.#events.send({ type: "run.done", outcome, counts: this.#counts, ms });
    return { outcome, counts: this.#counts };
  }

  async #refresh(): Promise<void> {
    for (const drift of this.#plan.drift) {
      await acceptDrift(drift, this.#run, this.#events);
      this.#counts[drift.kind === "vanished" ? "forgotten" : "changed"]++;
    }
  }

  async #steps(): Promise<void> {
    for (const step of this.#plan.steps) if (step.action === "keep") await updateRecord(step, this.#run);
    const steps = this.#plan.steps.filter(isPending);
    const running = new Map<Address, Promise<void>>();
    const slots = new Slots(this.#run.parallelism);
    const sharers = sharersOf(this.#run);
    const ordered = inOrder(steps);
    await inParallel(ordered, ordered.length, (step) => {
      const before = (step.after ?? []).flatMap((address) => running.get(address) ?? []);
      const work = Promise.all(before).then(() => slots.use(() => this.#step(step), sharers(step)));
      running.set(step.address, work);
      return work;
    });
  }

  async #step(step: Step): Promise<void> {
    const { address, action } = step;
    const missing = (step.after ?? []).find((before) => this.#failed.has(before));
    if (missing !== undefined) return this.#skip(step, `${missing} failed`);
    if (this.#run.signal.aborted) return this.#skip(step, "interrupted");
    const began = this.#run.now().getTime();
    const took = () => this.#run.now().getTime() - began;
    this.#events.send({ type: "step.started", address, action, ...("id" in step ? { id: step.id } : {}) });
    try {
      const carried = await runStep(step, this.#run, this.#events);
      if (carried.same === true) this.#counts.verified++;
      else this.#count(step);
      this.#events.send({ type: "step.done", address, action, ms: took(), ...carried });
    } catch (thrown) {
      this.#fail(step, asFailure(thrown), took());
    }
  }

  #fail({ address, action }: Step, failure: Failure, ms: number): void {
    this.#failed.add(address);
    this.#counts[isInterrupted(failure) ? "stopped" : "failed"]++;
    this.#events.send({ type: "step.failed", address, action, failure: failureData(failure), ms });
  }

  #skip({ address, action }: Step, because: string): void {
    this.#failed.add(address);
    this.#counts.skipped++;
    this.#events.send({ type: "step.skipped", address, action, because });
  }

  #count(step: Step): void {
    this.#counts.destroyed += deletedBy(step);
    switch (step.action) {
      case "create":
        this.#counts.added++;
        break;
      case "replace":
        this.#counts.added++;
        break;
      case "adopt":
        this.#counts.imported++;
        if (step.changes.length > 0) this.#counts.changed++;
        break;
      case "update":
        this.#counts.changed++;
        if (step.verifies !== undefined) this.#counts.verified++;
        break;
      case "retire":
      case "forget":
        this.#counts.forgotten++;
        break;
      case "delete":
      case "verify":
      case "keep":
      case "block":
        break;
      default:
        step satisfies never;
    }
  }
}

/** Every step behind those that come before it; a circle is cut where it closes. Pure. */
function inOrder(steps: readonly Step[]): readonly Step[] {
  const byAddress = new Map(steps.map((step) => [step.address, step]));
  const ordered = new Set<Step>();
  const walk = (step: Step, path: ReadonlySet<Address>): void => {
    if (ordered.has(step) || path.has(step.address)) return;
    const through = new Set([...path, step.address]);
    for (const before of step.after ?? []) {
      const other = byAddress.get(before);
      if (other !== undefined) walk(other, through);
    }
    ordered.add(step);
  };
  for (const step of steps) walk(step, new Set());
  return [...ordered];
}

/** What a plan deletes, all of it: what `--max-deletes` counts. */
export const deletes = (plan: Plan): number => plan.steps.reduce((sum, step) => sum + deletedBy(step), 0);
