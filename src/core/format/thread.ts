import { Failure } from "../failure.ts";
import { ByteReader, type ByteStream, copyOf } from "./bytes.ts";
import { SLICE } from "./engine.ts";
import type { ThreadJob, ThreadReply } from "./thread-messages.ts";
import { JobThread } from "./thread-pool.ts";

/** Pieces that are asked for ahead, so that the thread works while the last one is used. */
const AHEAD = 2;

type Event = Exclude<ThreadReply, { readonly kind: "more" }> | { readonly kind: "broken"; readonly reason: unknown };

/**
 * Runs a job on a thread of its own. A few pieces wait on each side at most; failures are those of the job, of the input, or of the
 * thread. An aborted signal ends it at once, also while the input gives nothing.
 */
export async function* onThread(job: ThreadJob, input: ByteStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  await using work = await ThreadWork.begin(job, input, signal);
  for (let asked = 0; asked < AHEAD; asked += 1) work.ask();
  for (;;) {
    const event = await work.event();
    signal?.throwIfAborted();
    switch (event.kind) {
      case "piece":
        work.ask();
        yield event.bytes;
        break;
      case "end":
        return;
      case "failure":
        if (event.code === undefined) throw new Error(event.message);
        throw new Failure(event.code, event.message, { hint: event.hint });
      case "broken":
        throw event.reason;
      default:
        return event satisfies never;
    }
  }
}

/** A job on a thread, with its input. */
class ThreadWork implements AsyncDisposable {
  readonly #reader: ByteReader;
  readonly #signal: AbortSignal | undefined;
  readonly #events: Event[] = [];
  #thread: JobThread | undefined;
  #fed: Promise<void> = Promise.resolve();
  #isOver = false;
  #wake: () => void = () => undefined;

  private constructor(input: ByteStream, signal: AbortSignal | undefined) {
    this.#reader = new ByteReader(input, signal);
    this.#signal = signal;
    signal?.addEventListener("abort", this.#aborted);
  }

  static async begin(job: ThreadJob, input: ByteStream, signal: AbortSignal | undefined): Promise<ThreadWork> {
    const work = new ThreadWork(input, signal);
    work.#thread = await JobThread.begin(job, {
      said: (reply) => work.#said(reply),
      broken: (reason) => work.#happened({ kind: "broken", reason }),
    });
    return work;
  }

  /** For one more piece. */
  ask(): void {
    this.#thread?.tell({ kind: "next" });
  }

  /** What the thread said next. */
  async event(): Promise<Event> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#aborted);
    const closed = this.#fed.then(() => this.#reader[Symbol.asyncDispose]());
    // The next one that waits for memory gets that of this one.
    await (this.#isOver ? this.#thread?.release() : this.#thread?.end());
    // An input that gives nothing is not waited for when the run has ended: it closes when it wakes up.
    if (this.#signal?.aborted === true) closed.catch(() => undefined);
    else await closed;
  }

  readonly #aborted = (): void => this.#happened({ kind: "broken", reason: this.#signal?.reason });

  #said(reply: ThreadReply): void {
    if (reply.kind === "more") {
      this.#fed = this.#feed();
      return;
    }
    this.#isOver ||= reply.kind !== "piece";
    this.#happened(reply);
  }

  async #feed(): Promise<void> {
    try {
      const piece = await this.#reader.piece(SLICE);
      const bytes = piece && copyOf(piece);
      if (!this.#isOver) this.#thread?.tell({ kind: "input", bytes }, ...(bytes === undefined ? [] : [bytes.buffer]));
    } catch (reason) {
      this.#happened({ kind: "broken", reason });
    }
  }

  #happened(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }
}
