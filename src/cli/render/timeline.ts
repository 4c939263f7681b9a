import type { Event } from "../../core/model/event.ts";
import type { Phase } from "../../core/model/image.ts";
import type { Address } from "../../core/model/name.ts";
import type { Action } from "../../core/model/plan.ts";

/** A part of a step. Milliseconds from the beginning of the run. */
export interface TimedPhase {
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
  /** Bytes, of a phase that moves them. */
  readonly done: number;
}

/** When one address was worked on, and what went on meanwhile. Milliseconds from the beginning of the run. */
export interface TimedStep {
  readonly address: Address;
  readonly action: Action;
  readonly from: number;
  readonly to: number;
  readonly phases: readonly TimedPhase[];
}

interface Going {
  readonly action: Action;
  readonly from: number;
  readonly phases: TimedPhase[];
  open: { readonly phase: Phase; readonly from: number } | undefined;
}

/** Watches a run for when what went on. Phases of one kind that follow each other, as in further attempts, are one. */
export class Timeline {
  readonly #now: () => number;
  readonly #going = new Map<Address, Going>();
  readonly #ended: TimedStep[] = [];
  #began: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  take(event: Event): void {
    if (event.type === "run.started") this.#began = this.#now();
    this.#began ??= this.#now();
    const now = this.#now() - this.#began;
    switch (event.type) {
      case "step.started":
        this.#going.set(event.address, { action: event.action, from: now, phases: [], open: undefined });
        break;
      case "transfer.started": {
        const going = this.#going.get(event.address);
        if (going !== undefined && going.open?.phase !== event.phase) going.open = { phase: event.phase, from: now };
        break;
      }
      case "transfer.done":
        this.#phase(event, now);
        break;
      case "step.done":
      case "step.failed":
        this.#end(event.address, now);
        break;
      case "run.done":
        for (const address of [...this.#going.keys()]) this.#end(address, now);
        break;
      default:
    }
  }

  /** Steps in the order in which they began. */
  get steps(): readonly TimedStep[] {
    return this.#ended.toSorted((a, b) => a.from - b.from);
  }

  #phase({ address, phase, ms, done, under = [] }: Extract<Event, { type: "transfer.done" }>, now: number): void {
    const going = this.#going.get(address);
    if (going === undefined) return;
    const from = going.open?.phase === phase ? going.open.from : Math.max(going.from, now - ms);
    going.open = undefined;
    for (const one of under) {
      const at = from + one.after;
      put(going.phases, { phase: one.phase, from: at, to: at + one.ms, done: one.done });
    }
    put(going.phases, { phase, from, to: now, done });
  }

  #end(address: Address, now: number): void {
    const going = this.#going.get(address);
    if (going === undefined) return;
    const { action, from, phases, open } = going;
    if (open !== undefined) put(phases, { ...open, to: now, done: 0 });
    this.#ended.push({ address, action, from, to: now, phases });
    this.#going.delete(address);
  }
}

/** A download that began by itself and went on underneath an upload is one download. */
function put(phases: TimedPhase[], next: TimedPhase): void {
  const at = phases.findLastIndex(({ phase }) => phase === next.phase);
  const before = phases[at];
  const goesOn = before !== undefined && phases.slice(at + 1).every(({ from }) => from >= next.from);
  if (!goesOn) phases.push(next);
  else phases[at] = { ...next, from: Math.min(before.from, next.from), done: Math.max(before.done, next.done) };
}
