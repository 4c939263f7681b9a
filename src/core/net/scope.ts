/** The life of a call or of one try: ends with any of the signals above it, with a time limit, or when it is asked to. */
export class Scope implements Disposable {
  readonly #controller = new AbortController();
  readonly #above: readonly AbortSignal[];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(...above: readonly (AbortSignal | undefined)[]) {
    this.#above = above.filter((signal) => signal !== undefined);
    for (const signal of this.#above) {
      if (signal.aborted) this.#controller.abort(signal.reason);
      signal.addEventListener("abort", this.#follow);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends with `reason()` after so many milliseconds. */
  limit(ms: number, reason: () => unknown): void {
    this.unlimited();
    this.#timer = setTimeout(() => this.#controller.abort(reason()), ms);
  }

  unlimited(): void {
    clearTimeout(this.#timer);
  }

  /** Lets go of the signals above, which may live much longer. */
  [Symbol.dispose](): void {
    this.unlimited();
    for (const signal of this.#above) signal.removeEventListener("abort", this.#follow);
  }

  readonly #follow = (event: Event): void => {
    if (event.target instanceof AbortSignal) this.#controller.abort(event.target.reason);
  };
}

/** What ends a wait for a turn or for another try. */
export const abortable = ({ until }: { readonly until?: AbortSignal }, { signal }: Scope): AbortSignal =>
  until === undefined ? signal : AbortSignal.any([signal, until]);

/** What the promise gives, unless the signal is aborted first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
