import type { Event } from "../../core/model/event.ts";

/** Where text goes: a terminal, a pipe, a file. `process.stdout` and `process.stderr` are such. */
export interface TextSink {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly isTTY?: boolean | undefined;
}

/** `data` is stdout: what scripts read. `talk` is stderr: everything else. */
export interface Output {
  readonly data: TextSink;
  readonly diagnostics: TextSink;
}

/** Eats the events of a run and owns the screen meanwhile. Resolves with their end, rejects as they do. */
export type Renderer = (events: AsyncIterable<Event>, out: Output) => Promise<void>;

/** Anything that reads the events of a run: a renderer with its sinks, the journal. */
export type EventReader = (events: AsyncIterable<Event>) => Promise<void>;

/** The time that a renderer goes by. Milliseconds since 1970. */
export interface RenderClock {
  now(): number;
  /** Calls `work` again and again until it is disposed of; does not keep the process alive. */
  every(ms: number, work: () => void): Disposable;
}

export const systemClock: RenderClock = {
  now: () => Date.now(),
  every: (ms, work) => {
    const timer = setInterval(work, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};

/**
 * Gives every reader all events, each at its own pace, and answers what the stream itself answered. A slow reader delays no other;
 * while it lags, only the newest progress of each transfer waits for it. A reader that leaves early is no error; when one fails, the
 * others still see the end, and then its error is thrown. The stream is read to its end in any case: what it stands for goes on.
 */
export async function tee<R>(events: AsyncIterable<Event, R>, ...readers: readonly EventReader[]): Promise<R> {
  const queues = readers.map(() => new Queue());
  const reading = readers.map(async (read, i) => {
    try {
      await read(queues[i] ?? new Queue());
    } finally {
      queues[i]?.leave();
    }
  });
  const settled = Promise.allSettled(reading);
  const source = events[Symbol.asyncIterator]();
  try {
    for (let step = await source.next(); ; step = await source.next()) {
      if (step.done === true) {
        for (const queue of queues) queue.end();
        await throwFirst(settled);
        return step.value;
      }
      for (const queue of queues) queue.put(step.value);
    }
  } catch (thrown) {
    for (const queue of queues) queue.end();
    await settled;
    throw thrown;
  }
}

async function throwFirst(settled: Promise<readonly PromiseSettledResult<void>[]>): Promise<void> {
  const failed = (await settled).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Events that wait for one reader. */
class Queue implements AsyncIterable<Event> {
  #waiting: Event[] = [];
  /** Where in `#waiting` the newest progress of an address stands. */
  readonly #progress = new Map<string, number>();
  #isEnded = false;
  #hasLeft = false;
  #wake: (() => void) | undefined;

  /** Waiting events; for tests of what a slow reader costs. */
  get length(): number {
    return this.#waiting.length;
  }

  put(event: Event): void {
    if (this.#hasLeft) return;
    if (event.type === "transfer.progress") {
      const at = this.#progress.get(event.address);
      const before = at === undefined ? undefined : this.#waiting[at];
      if (at !== undefined && before?.type === "transfer.progress" && before.phase === event.phase) {
        this.#waiting[at] = event;
        return;
      }
      this.#progress.set(event.address, this.#waiting.length);
    } else if ("address" in event) this.#progress.delete(event.address);
    this.#waiting.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  leave(): void {
    this.#hasLeft = true;
    this.#waiting = [];
    this.#progress.clear();
  }

  /** No generator, which takes several turns for each of thousands. */
  [Symbol.asyncIterator](): AsyncIterator<Event, undefined> {
    let batch: readonly Event[] = [];
    let at = 0;
    const take = (): IteratorResult<Event, undefined> | undefined => {
      if (at === batch.length) {
        batch = this.#waiting;
        at = 0;
        this.#waiting = [];
        this.#progress.clear();
      }
      const value = batch[at++];
      if (value !== undefined) return { value, done: false };
      at = batch.length;
      return this.#isEnded ? { value: undefined, done: true } : undefined;
    };
    const later = async (): Promise<IteratorResult<Event, undefined>> => {
      for (;;) {
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
        this.#wake = undefined;
        const found = take();
        if (found !== undefined) return found;
      }
    };
    return {
      next: () => {
        const found = take();
        return found === undefined ? later() : Promise.resolve(found);
      },
    };
  }
}
