import { type Clock, Failure, systemClock } from "images";

interface Waiter<T> {
  readonly id: string;
  readonly look: (seen: T | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/** Milliseconds between the first look, which is at once, and the second; and what the wait grows to by doubling. */
const FIRST = 100;
const MOST = 10_000;

/** Milliseconds that the API may be out of reach meanwhile: what was uploaded in an hour is not given up for a minute. */
const PATIENCE = 600_000;

/** Waits for things of one kind: all that is waited for at a time is looked at together, by one listing. */
export class OutscaleWatch<T> {
  readonly #list: (ids: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, T>>;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter<T>>();
  #wait = 0;
  /** Ends a pause between two looks. */
  #pause = new AbortController();
  /** Ends a look. */
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
    this.#wait = 0;
    if (this.#running) this.#pause.abort();
    else void this.#run();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) {
        this.#pause.abort();
        this.#stop.abort(new Error("no longer awaited"));
      }
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let good = this.#clock.now(); this.#waiters.size > 0; ) {
      this.#pause = new AbortController();
      await this.#clock.sleep(this.#wait, this.#pause.signal).catch(() => undefined);
      if (this.#waiters.size === 0) break;
      this.#wait = Math.min(Math.max(this.#wait * 2, FIRST), MOST);
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      try {
        const asked = [...this.#waiters];
        const seen = await this.#list([...new Set(asked.map(({ id }) => id))], signal);
        for (const waiter of asked) waiter.look(seen.get(waiter.id));
        // Those that were just answered take themselves off the list before it is looked at again.
        await Promise.resolve();
        good = this.#clock.now();
      } catch (thrown) {
        const passes = thrown instanceof Failure && thrown.retry !== false && this.#clock.now() - good < PATIENCE;
        if (!signal.aborted && !passes) for (const waiter of this.#waiters) waiter.reject(thrown);
      }
    }
    this.#running = false;
  }
}
