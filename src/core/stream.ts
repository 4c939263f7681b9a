/** A queue with one writer side and one reader: the only bridge from callbacks to `for await`. */
export class Channel<T> implements AsyncIterable<T> {
  #queue: T[] = [];
  /** How many of the queue have been read: taking them out one by one would move all others each time. */
  #read = 0;
  #wake: (() => void) | undefined;
  #closed = false;
  #error: unknown;

  /** Never waits and never throws: a slow screen must not slow an upload. */
  send(item: T): void {
    if (this.#closed) return;
    this.#queue.push(item);
    this.#wake?.();
  }

  /** Puts `item` in the place of the waiting one that `isOlder` finds, else at the end: so that a slow reader's queue does not grow. */
  supersede(item: T, isOlder: (waiting: T) => boolean): void {
    const at = this.#queue.findLastIndex(isOlder);
    if (at < this.#read) this.send(item);
    else this.#queue[at] = item;
  }

  close(error?: unknown): void {
    this.#closed = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    do {
      for (let item = this.take(); item !== undefined; item = this.take()) yield item;
    } while (await this.more());
  }

  /** The next item, if one waits. */
  take(): T | undefined {
    const item = this.#queue[this.#read];
    if (item !== undefined) this.#advance();
    return item;
  }

  /** Waits until there is something to take; false: there never will be. @throws what it was closed with */
  async more(): Promise<boolean> {
    while (this.#queue[this.#read] === undefined && !this.#closed)
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    if (this.#queue[this.#read] !== undefined) return true;
    if (this.#error !== undefined) throw this.#error;
    return false;
  }

  #advance(): void {
    this.#read++;
    if (this.#read < this.#queue.length) return;
    this.#queue = [];
    this.#read = 0;
  }
}

/** Runs `work` and yields what it sends; returns what it returns, throws what it throws. A reader that leaves early still waits for the end. */
export function streamed<T, R>(work: (channel: Channel<T>) => Promise<R>): AsyncGenerator<T, R> {
  return new Stream(work);
}

/** No `async function*`: thousands of events of a plan would each take several turns in it. Begins with the first `next`. */
class Stream<T, R> implements AsyncGenerator<T, R> {
  readonly #work: (channel: Channel<T>) => Promise<R>;
  readonly #channel = new Channel<T>();
  #running: Promise<R> | undefined;

  constructor(work: (channel: Channel<T>) => Promise<R>) {
    this.#work = work;
  }

  next(): Promise<IteratorResult<T, R>> {
    if (this.#running === undefined) {
      this.#running = this.#begin();
      // Told to the reader when it has read all that was sent before.
      this.#running.catch(() => undefined);
    }
    const value = this.#channel.take();
    return value === undefined ? this.#later(this.#running) : Promise.resolve({ value, done: false });
  }

  async return(value: R | PromiseLike<R>): Promise<IteratorResult<T, R>> {
    await this.#left();
    return { value: await value, done: true };
  }

  async throw(error: unknown): Promise<IteratorResult<T, R>> {
    await this.#left();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#left();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #begin(): Promise<R> {
    try {
      return await this.#work(this.#channel);
    } finally {
      this.#channel.close();
    }
  }

  async #later(running: Promise<R>): Promise<IteratorResult<T, R>> {
    while (await this.#channel.more()) {
      const value = this.#channel.take();
      if (value !== undefined) return { value, done: false };
    }
    return { value: await running, done: true };
  }

  /** The reader has left: the work is awaited, and its outcome is dropped. */
  async #left(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }
}

/** Runs `work` for every item, `limit` at a time, in order of the items; waits for all, and throws the first error after that. */
export async function inParallel<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const worker = async () => {
    for (let next = queue.next(); next.done !== true; next = queue.next())
      await work(next.value).catch((error: unknown) => errors.push(error));
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, worker));
  if (errors.length > 0) throw errors[0];
}

/** Reads a stream to its end for what it returns. */
export async function ended<T, R>(stream: AsyncGenerator<T, R>): Promise<R> {
  for (;;) {
    const step = await stream.next();
    if (step.done === true) return step.value;
  }
}
