/** After so many looks in one turn of the event loop it gets its own: signals, the screen, other backends. */
const TURN = 64;
/** Milliseconds: what a look may take on average, and what all of them may take beyond that, before the file system counts as slow. */
const EACH = 0.1;
const BEYOND = 20;

/**
 * Small looks at a file system, thousands of them. A local one answers in less time than it takes to ask it through a thread, so it is
 * asked at once; one that is slow (a network's, a disk that has to wake up) is asked side by side.
 */
export class Glances {
  #count = 0;
  #spent = 0;

  /** What `now` answers at once, or `beside` in its own time: the same. */
  async look<T>(now: () => T, beside: () => Promise<T>): Promise<T> {
    this.#count++;
    if (this.#count % TURN === 0 || this.#spent > BEYOND + this.#count * EACH) return await beside();
    const begun = performance.now();
    try {
      return now();
    } finally {
      this.#spent += performance.now() - begun;
    }
  }
}
