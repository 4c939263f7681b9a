import type { Limits } from "../model/declaration.ts";
import { type Clock, systemClock } from "./clock.ts";

/**
 * Requests that hold a place. Uploads are counted apart: small calls, and the download that an upload reads from, never wait behind
 * one, so that nothing can wait for itself.
 */
type Lane = "calls" | "uploads";

/** Lets so many requests through at once and so many a second, in the order in which they came. */
export class RateGate {
  readonly #clock: Clock;
  readonly #free: Record<Lane, number>;
  readonly #waiting: Record<Lane, Set<() => void>> = { calls: new Set(), uploads: new Set() };
  /** Milliseconds between two requests, and how far ahead of that beat a burst may be. */
  readonly #gap: number;
  readonly #burst: number;
  /** When the next request is due if all come at the beat. */
  #due = 0;

  constructor({ parallelism = 8, rateLimit }: Limits, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#free = { calls: Math.max(1, parallelism), uploads: Math.max(1, parallelism) };
    this.#gap = rateLimit === undefined ? 0 : 1000 / rateLimit;
    this.#burst = rateLimit === undefined ? 0 : this.#gap * (Math.max(1, Math.floor(rateLimit)) - 1);
  }

  /** Resolves with the way to leave again; rejects with the signal's reason. `onWait` gets the milliseconds that the rate makes it wait. */
  async enter(lane: Lane, signal: AbortSignal, onWait?: (wait: number) => void): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#gap > 0) onWait?.(this.#waiting[lane].size * this.#gap + Math.max(0, this.#due - this.#clock.now()));
    await this.#place(lane, signal);
    try {
      await this.#beat(signal);
    } catch (error) {
      this.#leave(lane);
      throw error;
    }
    let held = true;
    return () => {
      if (held) this.#leave(lane);
      held = false;
    };
  }

  #place(lane: Lane, signal: AbortSignal): Promise<void> {
    if (this.#free[lane] > 0) {
      this.#free[lane] -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting[lane];
      const go = (): void => {
        signal.removeEventListener("abort", stop);
        resolve();
      };
      const stop = (): void => {
        waiting.delete(go);
        reject(signal.reason);
      };
      waiting.add(go);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  /** The place goes to the longest waiting request. */
  #leave(lane: Lane): void {
    const [next] = this.#waiting[lane];
    if (next === undefined) {
      this.#free[lane] += 1;
      return;
    }
    this.#waiting[lane].delete(next);
    next();
  }

  async #beat(signal: AbortSignal): Promise<void> {
    if (this.#gap === 0) return;
    const now = this.#clock.now();
    const due = Math.max(this.#due, now);
    this.#due = due + this.#gap;
    const wait = due - this.#burst - now;
    if (wait > 0) await this.#clock.sleep(wait, signal);
  }
}
