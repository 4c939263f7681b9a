import { Failure } from "../failure.ts";

/** A clock that runs only while the other side is to move: it barks when nothing has moved for too long. */
export class IdleTimeout {
  readonly #bark: (failure: Failure) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ms = 0;

  constructor(bark: (failure: Failure) => void) {
    this.#bark = bark;
  }

  /** From now on, something has to happen within so many milliseconds. */
  arm(ms: number, words: string): void {
    if (this.#timer !== undefined && this.#ms === ms) {
      this.#timer.refresh();
      return;
    }
    this.off();
    this.#ms = ms;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#bark(new Failure("net.timeout", `${words} for ${ms / 1000} s`, { retry: true, hint: HINT }));
    }, ms);
  }

  /** Nothing is awaited of the other side. */
  off(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

const HINT = "the server or the network is stalled: try again";
