import { type Clock, systemClock } from "images";

interface Waiter<T> {
  readonly id: string;
  readonly look: (seen: T | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/** Milliseconds before the first look, and what the wait between two grows to: as terraform's provider does it. */
const FIRST = 100;
const MOST = 10_000;

/** Waits for things of one kind: all that is waited for at a time is looked at together, by one listing. */
export class Watch<T> {
  readonly #list: (ids: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, T>>;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter<T>>();
  #wait = FIRST;
  #stop = new AbortController();
  #running = false;

  constructor(
    list: (ids: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, T>>,
    clock: Clock = systemClock,
  ) {
    this.#list = list;
    this.#clock = clock;
  }

  /**
   * Resolves with the first thing but undefined that `seen` makes of it; it is given undefined when there is nothing of that id. Rejects
   * with what `seen` or the listing throws, and with the signal's reason.
   */
  async until<R>(id: string, seen: (found: T | undefined) => R | undefined, signal: AbortSignal): Promise<R> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const look = (found: T | undefined): void => {
      try {
        const made = seen(found);
        if (made !== undefined) resolve(made);
      } catch (thrown) {
        reject(thrown);
      }
    };
    const waiter: Waiter<T> = { id, look, reject };
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    this.#waiters.add(waiter);
    this.#wait = FIRST;
    if (!this.#running) void this.#run();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.#stop.abort(new Error("nobody waits any more"));
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiters.size > 0) {
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      try {
        await this.#clock.sleep(this.#wait, signal);
        this.#wait = Math.min(this.#wait * 2, MOST);
        const asked = [...this.#waiters];
        const seen = await this.#list([...new Set(asked.map(({ id }) => id))], signal);
        for (const waiter of asked) waiter.look(seen.get(waiter.id));
        // Those that were just answered take themselves off the list before it is looked at again.
        await Promise.resolve();
      } catch (thrown) {
        if (!signal.aborted) for (const waiter of this.#waiters) waiter.reject(thrown);
      }
    }
    this.#running = false;
  }
}
