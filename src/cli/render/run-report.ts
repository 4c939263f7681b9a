import type { Command, Counts, Event, FailureData, Outcome } from "../../core/model/event.ts";
import type { Address } from "../../core/model/name.ts";
import { type TimedStep, Timeline } from "./timeline.ts";

/** How one address fared in a run. Times in milliseconds. */
export type StepResult =
  /** `same`: the bytes were compared with the source, and the image was kept. */
  | { readonly result: "done"; readonly ms: number; readonly same?: true }
  | { readonly result: "failed"; readonly ms: number; readonly failure: FailureData }
  | { readonly result: "skipped"; readonly because: string };

/** What came of a run, for a report. */
export interface RunReport {
  readonly command: Command | undefined;
  readonly outcome: Outcome;
  readonly counts: Counts;
  readonly ms: number;
  readonly steps: ReadonlyMap<Address, StepResult>;
  readonly timeline: readonly TimedStep[];
}

/** Gathers what came of a run while it goes on: one more reader of its events. */
export class RunCollector {
  readonly #steps = new Map<Address, StepResult>();
  readonly #timeline: Timeline;
  #command: Command | undefined;
  #end: Extract<Event, { type: "run.done" }> | undefined;

  constructor(now: () => number = Date.now) {
    this.#timeline = new Timeline(now);
  }

  take(event: Event): void {
    this.#timeline.take(event);
    if (event.type === "run.started") this.#command = event.command;
    else if (event.type === "step.done") {
      const same = event.same === undefined ? {} : { same: event.same };
      this.#steps.set(event.address, { result: "done", ms: event.ms, ...same });
    } else if (event.type === "step.failed")
      this.#steps.set(event.address, { result: "failed", ms: event.ms, failure: event.failure });
    else if (event.type === "step.skipped")
      this.#steps.set(event.address, { result: "skipped", because: event.because });
    else if (event.type === "run.done") this.#end = event;
  }

  /** Undefined for a run that came to no end. */
  get report(): RunReport | undefined {
    if (this.#end === undefined) return undefined;
    const { outcome, counts, ms } = this.#end;
    return { command: this.#command, outcome, counts, ms, steps: this.#steps, timeline: this.#timeline.steps };
  }
}
