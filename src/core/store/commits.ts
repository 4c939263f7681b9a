interface Waiting<T> {
  readonly item: T;
  readonly done: (() => void) | undefined;
  readonly failed: (error: unknown) => void;
}

/**
 * One writer for many: what comes while it writes goes together in the next write, so that concurrent callers share one sync. The
 * order is that of the calls. A failed write fails the items that were in it, and no others.
 */
export class Commits<T> {
  readonly #write: (items: readonly T[]) => Promise<void>;
  #waiting: Waiting<T>[] = [];
  #running: Promise<void> | undefined;

  constructor(write: (items: readonly T[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the item has been written. */
  add(item: T): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#push({ item, done: resolve, failed: reject });
    return promise;
  }

  /** The same without a promise: `failed` is called when it cannot be written. */
  send(item: T, failed: (error: unknown) => void): void {
    this.#push({ item, done: undefined, failed });
  }

  #push(waiting: Waiting<T>): void {
    this.#waiting.push(waiting);
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was added has been written, or has failed. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Calls in this turn of the loop belong to the first write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch.map(({ item }) => item));
        for (const { done } of batch) done?.();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#running = undefined;
  }
}
