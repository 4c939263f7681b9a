import type { Digest } from "../model/digest.ts";
import type { Event, PhaseUnder } from "../model/event.ts";
import type { Phase } from "../model/image.ts";
import type { Address } from "../model/name.ts";
import type { Channel } from "../stream.ts";

/** Phases that may go on under an upload, which is then the one that is reported: it is as far as the slowest of them. */
const UNDERNEATH: ReadonlySet<Phase> = new Set(["download", "verify", "convert"]);

/** Turns what a plugin says of its progress into events: a start and an end for every phase, a new attempt when the count goes back. */
export class StepProgress {
  readonly #address: Address;
  readonly #events: Channel<Event>;
  readonly #now: () => Date;
  #phase: { readonly name: Phase; readonly began: number; readonly attempt: number; done: number } | undefined;

  readonly #under = new Map<Phase, { readonly from: number; until: number; done: number }>();

  constructor(address: Address, events: Channel<Event>, now: () => Date) {
    this.#address = address;
    this.#events = events;
    this.#now = now;
  }

  readonly report = (phase: Phase, done: number, total?: number, what?: string): void => {
    const size = total === undefined ? {} : { total };
    const before = this.#phase;
    if (before?.name === "upload" && UNDERNEATH.has(phase)) {
      this.#note(phase, done);
      return;
    }
    if (before?.name !== phase || done < before.done) {
      const attempt = before?.name === phase ? before.attempt + 1 : 1;
      if (before !== undefined && before.name !== phase) this.end();
      this.#phase = { name: phase, began: this.#now().getTime(), attempt, done };
      this.#events.send({ type: "transfer.started", address: this.#address, phase, ...size, attempt });
    } else before.done = done;
    this.#events.supersede(
      {
        type: "transfer.progress",
        address: this.#address,
        phase,
        done,
        ...size,
        ...(what === undefined ? {} : { what }),
      },
      (waiting) => waiting.type === "transfer.progress" && waiting.address === this.#address && waiting.phase === phase,
    );
  };

  /** The phase that goes on just now has come to its end. */
  end(digest?: Digest): void {
    if (this.#phase === undefined) return;
    const { name, began, done } = this.#phase;
    const ms = this.#now().getTime() - began;
    this.#events.send({
      type: "transfer.done",
      address: this.#address,
      phase: name,
      done,
      ms,
      ...(digest === undefined ? {} : { digest }),
      ...(this.#under.size === 0 ? {} : { under: this.#noted(began) }),
    });
    this.#phase = undefined;
    this.#under.clear();
  }

  #note(phase: Phase, done: number): void {
    const now = this.#now().getTime();
    const known = this.#under.get(phase);
    if (known === undefined) this.#under.set(phase, { from: now, until: now, done });
    else [known.until, known.done] = [now, Math.max(known.done, done)];
  }

  #noted(began: number): readonly PhaseUnder[] {
    return [...this.#under].map(([phase, { from, until, done }]) => {
      return { phase, done, after: from - began, ms: until - from };
    });
  }
}
