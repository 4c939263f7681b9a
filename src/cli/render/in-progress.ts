import type { Event } from "../../core/model/event.ts";
import type { Phase } from "../../core/model/image.ts";
import type { Address, ImageId } from "../../core/model/name.ts";
import type { Action } from "../../core/model/plan.ts";
import { bytes, percent } from "./format.ts";
import { type Meter, measure, rateAt, secondsLeft } from "./meter.ts";
import { printable } from "./text.ts";

/** The phase of a step that goes on just now. */
interface PhaseInProgress {
  readonly phase: Phase;
  readonly attempt: number;
  readonly began: number;
  readonly done: number;
  readonly total: number | undefined;
  /** What is waited for. */
  readonly what?: string | undefined;
  readonly meter: Meter | undefined;
}

/** A step that goes on just now. Times in milliseconds of the renderer's clock. */
export interface StepInProgress {
  readonly address: Address;
  readonly action: Action;
  readonly id: ImageId | undefined;
  readonly began: number;
  readonly moving: PhaseInProgress | undefined;
}

/** Phases whose counts are bytes. */
export const COUNTS_BYTES: ReadonlySet<Phase> = new Set(["download", "verify", "convert", "upload", "import"]);

/** What goes on, as the events tell it: the one place where renderers keep count. */
export class Running {
  readonly #steps = new Map<Address, StepInProgress>();

  /** In the order in which they began. */
  get all(): readonly StepInProgress[] {
    return [...this.#steps.values()];
  }

  get(address: Address): StepInProgress | undefined {
    return this.#steps.get(address);
  }

  take(event: Event, now: number): void {
    switch (event.type) {
      case "step.started":
        if (event.action !== "block")
          this.#steps.set(event.address, {
            address: event.address,
            action: event.action,
            id: event.id,
            began: now,
            moving: undefined,
          });
        break;
      case "step.identified":
        this.#change(event.address, { id: event.id });
        break;
      case "transfer.started": {
        const { phase, attempt, total } = event;
        this.#change(event.address, {
          moving: { phase, attempt, total, began: now, done: 0, meter: measure(undefined, 0, now) },
        });
        break;
      }
      case "transfer.progress": {
        const before = this.#steps.get(event.address)?.moving;
        const same = before?.phase === event.phase ? before : undefined;
        const { phase, done, total, what } = event;
        const meter = measure(same?.meter, done, now);
        const [attempt, began] = [same?.attempt ?? 1, same?.began ?? now];
        this.#change(event.address, { moving: { phase, attempt, began, done, total, what, meter } });
        break;
      }
      case "transfer.done":
        if (this.#steps.get(event.address)?.moving?.phase === event.phase)
          this.#change(event.address, { moving: undefined });
        break;
      case "step.done":
      case "step.failed":
      case "step.skipped":
        this.#steps.delete(event.address);
        break;
      default:
        break;
    }
  }

  #change(address: Address, more: Partial<StepInProgress>): void {
    const before = this.#steps.get(address);
    if (before !== undefined) this.#steps.set(address, { ...before, ...more });
  }
}

/** `upload 512.0 MiB/4.1 GiB (12 %)`, `convert 1.2 GiB`, `wait for the image to become active (queued)`; "" where nothing is known. */
export function movingText({ moving }: Pick<StepInProgress, "moving">): string {
  if (moving === undefined) return "";
  const { phase, done, total, what } = moving;
  const share = total === undefined ? "" : ` (${percent(done, total)} %)`;
  if (!COUNTS_BYTES.has(phase)) return `${phase}${what === undefined ? "" : ` for ${printable(what)}`}${share}`;
  if (done === 0 && total === undefined) return phase;
  return `${phase} ${bytes(done)}${total === undefined ? "" : `/${bytes(total)}`}${share}`;
}

/** How far a phase has come, as fields of the JSON stream: bytes where it counts bytes, `done` of `total` where it does not. */
export function countFacts(phase: Phase, done: number, total: number | undefined): Readonly<Record<string, number>> {
  if (COUNTS_BYTES.has(phase)) return { bytes: done, ...(total === undefined ? {} : { total_bytes: total }) };
  return { done, ...(total === undefined ? {} : { total }) };
}

/** What goes on, as fields of the JSON stream. */
export function movingFacts({ moving }: StepInProgress, now: number): Readonly<Record<string, string | number>> {
  if (moving === undefined) return {};
  const { phase, done, total, attempt, meter, what } = moving;
  const rate = COUNTS_BYTES.has(phase) ? rateAt(meter, now) : undefined;
  const left = secondsLeft(meter, done, total, now);
  return {
    phase,
    ...countFacts(phase, done, total),
    ...(rate === undefined ? {} : { rate_bps: Math.round(rate) }),
    ...(left === undefined ? {} : { eta_seconds: Math.ceil(left) }),
    attempt,
    ...(what === undefined ? {} : { waiting_for: what }),
  };
}
