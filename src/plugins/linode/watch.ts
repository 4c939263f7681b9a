import { type Clock, Failure, systemClock } from "images";
import type { LinodeClient } from "./client.ts";
import { creationFailure, failuresSince } from "./failures.ts";
import { MOST_RAW } from "./rules.ts";
import type { LinodeImageAnswer } from "./wire.ts";

interface Waiter {
  readonly id: string;
  /** Looks at the image as it is now; it settles the wait when that is what was waited for. */
  readonly look: (image: LinodeImageAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** Looks between two askings for failed uploads: an image of such a one may stay there as if it were still worked on. */
const EVENTS = 8;

/** Milliseconds that the API may be out of reach while an image is waited for: what was uploaded in an hour is not given up for a minute. */
const PATIENCE = 600_000;

/**
 * Waits for images. All that is waited for at a time is looked at together: one image by itself, several by the listing, which costs
 * the same for two and for fifty.
 */
export class LinodeWatch {
  readonly #client: LinodeClient;
  readonly #interval: number;
  readonly #clock: Clock;
  readonly #most: number;
  readonly #waiters = new Set<Waiter>();
  #running = false;
  #stop = new AbortController();

  /**
   * @param interval milliseconds between two looks
   * @param most bytes of the largest image that the account may have
   */
  constructor(client: LinodeClient, interval: number, clock: Clock = systemClock, most = MOST_RAW) {
    this.#most = most;
    this.#client = client;
    this.#interval = interval;
    this.#clock = clock;
  }

  /**
   * Resolves with the first thing but undefined that `seen` makes of the image. Rejects with what `seen` throws, with the signal's
   * reason, and with a Failure that says why when the image is gone or its making failed.
   */
  async until<T>(id: string, seen: (image: LinodeImageAnswer) => T | undefined, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = (image: LinodeImageAnswer): void => {
      try {
        const found = seen(image);
        if (found !== undefined) resolve(found);
      } catch (thrown) {
        reject(thrown);
      }
    };
    const waiter: Waiter = { id, look, reject };
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    this.#waiters.add(waiter);
    if (!this.#running) void this.#run();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.#stop.abort(new Failure("net.closed", "no longer awaited"));
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    let good = this.#clock.now();
    for (let round = 1; this.#waiters.size > 0; round++) {
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      try {
        await this.#clock.sleep(this.#interval, signal);
        await this.#look(signal);
        if (round % EVENTS === 0) await this.#lookForFailures(signal);
        good = this.#clock.now();
      } catch (thrown) {
        const passes = thrown instanceof Failure && thrown.retry !== false && this.#clock.now() - good < PATIENCE;
        if (!signal.aborted && !passes) for (const waiter of this.#waiters) waiter.reject(thrown);
      }
    }
    this.#running = false;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const ids = new Set([...this.#waiters].map(({ id }) => id));
    const seen = new Map<string, LinodeImageAnswer>();
    if (ids.size > 1)
      for await (const image of this.#client.images(signal, { is_public: false }))
        if (ids.has(image.id)) seen.set(image.id, image);
    for (const id of ids) {
      const image = seen.get(id) ?? (await this.#client.image(id, signal));
      if (image !== undefined) this.#tell(id, image);
      else await this.#gone(id, signal);
    }
  }

  #tell(id: string, image: LinodeImageAnswer): void {
    for (const waiter of this.#waiters) if (waiter.id === id) waiter.look(image);
    this.#pending.delete(id);
    if (image.status !== "available") this.#pending.set(id, image.created);
  }

  /** Images that are not made yet, with the time that the server says they were begun at. */
  readonly #pending = new Map<string, string>();

  async #gone(id: string, signal: AbortSignal): Promise<void> {
    const messages = await failuresSince(this.#client, this.#pending.get(id), signal);
    this.#pending.delete(id);
    for (const waiter of this.#waiters)
      if (waiter.id === id) waiter.reject(creationFailure(id, messages.get(id), this.#most));
  }

  async #lookForFailures(signal: AbortSignal): Promise<void> {
    const waited = [...this.#waiters].flatMap(({ id }) => this.#pending.get(id) ?? []).sort();
    if (waited.length === 0) return;
    const messages = await failuresSince(this.#client, waited[0], signal);
    for (const waiter of this.#waiters) {
      const message = this.#pending.has(waiter.id) ? messages.get(waiter.id) : undefined;
      if (message !== undefined) waiter.reject(creationFailure(waiter.id, message, this.#most));
    }
  }
}
