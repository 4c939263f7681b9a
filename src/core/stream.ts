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
export async function* streamed<T, R>(work: (channel: Channel<T>) => Promise<R>): AsyncGenerator<T, R> {
  const channel = new Channel<T>();
  const running = work(channel).then(
    (value) => {
      channel.close();
      return { value };
    },
    (error: unknown) => {
      channel.close();
      return { error };
    },
  );
  try {
    // Not `yield*`: thousands of events of a plan would each pass through two generators.
    do {
      for (let item = channel.take(); item !== undefined; item = channel.take()) yield item;
    } while (await channel.more());
  } finally {
    await running;
  }
  const ended = await running;
  if ("error" in ended) throw ended.error;
  return ended.value;
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
