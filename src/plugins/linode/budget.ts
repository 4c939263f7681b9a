import { type Clock, systemClock } from "images";

/** GET /images may be asked so often in a minute (recorded: X-RateLimit-Limit 20); a second more, since clocks and ways differ. */
const MOST = 20;
const SPAN = 61_000;

/** Spreads requests so that at most so many begin in any minute; as long as there are fewer, none waits. */
export class Budget {
  readonly #clock: Clock;
  /** When the last ones begin, oldest first. */
  readonly #begin: number[] = [];

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Resolves when this request may begin; rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const now = this.#clock.now();
    const before = this.#begin.length < MOST ? undefined : this.#begin.shift();
    const at = before === undefined ? now : Math.max(now, before + SPAN);
    this.#begin.push(at);
    if (at > now) await this.#clock.sleep(at - now, signal);
  }
}
