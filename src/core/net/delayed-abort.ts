/** Milliseconds that an answer may still take. */
const GRACE = 10_000;

/**
 * A signal that follows another one a while later. For a request that makes something: who is stopped in the middle of it would never
 * learn what was made.
 */
export class DelayedAbort implements Disposable {
  readonly #stop = new AbortController();
  readonly #from: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(from: AbortSignal) {
    this.#from = from;
    from.throwIfAborted();
    from.addEventListener("abort", this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  readonly #follow = (): void => {
    this.#timer = setTimeout(() => this.#stop.abort(this.#from.reason), GRACE);
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#from.removeEventListener("abort", this.#follow);
  }
}
