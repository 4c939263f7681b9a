/** After so many reads in one turn of the event loop it gets its own: signals, the screen, other backends. */
const TURN = 64;
/** As many are asked asynchronously before the first has returned: a thousand of them would each take a thread. */
const FIRST = 16;
/** Milliseconds: what a read may take on average, and what all of them may take beyond that, before the file system counts as slow. */
const EACH = 0.1;
const BEYOND = 20;

/**
 * Thousands of small reads of a file system. A local one answers in less time than it takes to ask it through a thread, so it is read
 * synchronously; a slow one (a network's, a disk that has to wake up) is read asynchronously. The first reads are asynchronous, and all
 * others wait until one of them has returned: a file system that hangs blocks neither signals nor the screen.
 */
export class SmallReads {
  #count = 0;
  #spent = 0;
  #hasAnswered = false;
  #asked = 0;
  readonly #answer = Promise.withResolvers<void>();
  readonly #clock: () => number;

  /** `clock`: the time in milliseconds. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Returns what `now` or `later` returns: the same, at once or asynchronously. */
  async read<T>(now: () => T, later: () => Promise<T>): Promise<T> {
    return await this.soon(now, later);
  }

  /** The same, without a promise where it is made at once; what `now` throws is thrown at once as well. */
  soon<T>(now: () => T, later: () => Promise<T>): T | Promise<T> {
    this.#count++;
    if (!this.#hasAnswered) return this.#first(now, later);
    return this.#count % TURN === 0 || this.#isSlow() ? later() : this.#now(now);
  }

  async #first<T>(now: () => T, later: () => Promise<T>): Promise<T> {
    if (this.#asked >= FIRST) await this.#answer.promise;
    return this.#hasAnswered ? this.#now(now) : await this.#ask(later);
  }

  #now<T>(now: () => T): T {
    const begun = this.#clock();
    try {
      return now();
    } finally {
      this.#spent += this.#clock() - begun;
    }
  }

  /** What `now` returns, at once; undefined: this one is to be read by `read`. */
  readNow<T>(now: () => T): T | undefined {
    if (!this.#hasAnswered || (this.#count + 1) % TURN === 0 || this.#isSlow()) return undefined;
    this.#count++;
    return this.#now(now);
  }

  /** The same for each of some: at once one after the other, asynchronously side by side. */
  async each<I, T>(items: readonly I[], now: (item: I) => T, later: (item: I) => Promise<T>): Promise<readonly T[]> {
    const found: T[] = [];
    for (const item of items) {
      if (!this.#hasAnswered || this.#isSlow()) break;
      this.#count++;
      if (this.#count % TURN === 0) found.push(await later(item));
      else found.push(this.#now(() => now(item)));
    }
    if (found.length === items.length) return found;
    const rest = items.slice(found.length).map((item) =>
      this.read(
        () => now(item),
        () => later(item),
      ),
    );
    return [...found, ...(await Promise.all(rest))];
  }

  async #ask<T>(later: () => Promise<T>): Promise<T> {
    this.#asked++;
    try {
      return await later();
    } finally {
      this.#hasAnswered = true;
      this.#answer.resolve();
    }
  }

  #isSlow(): boolean {
    return this.#spent > BEYOND + this.#count * EACH;
  }
}
