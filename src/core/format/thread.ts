import { Failure } from "../failure.ts";
import { ByteReader, type ByteStream, copyOf } from "./bytes.ts";
import { makeRoom } from "./collection.ts";
import { SLICE } from "./engine.ts";
import { lzmaModule } from "./lzma-module.ts";
import type { ThreadJob, ThreadOrder, ThreadReply } from "./thread-messages.ts";
import { threadProgram } from "./thread-program.ts" with { type: "macro" };

const PROGRAM: string = threadProgram();
/** Pieces that are asked for ahead, so that the thread works while the last one is used. */
const AHEAD = 2;
/** Bytes that a thread takes when it begins. */
const COST = 16 << 20;
const ENDED = "the thread that packs and unpacks has ended";

type Event = Exclude<ThreadReply, { readonly kind: "more" }> | { readonly kind: "broken"; readonly reason: unknown };

/**
 * Runs a job on a thread of its own. A few pieces wait on each side at most; failures are those of the job, of the input, or of the
 * thread. An aborted signal ends it at once, also while the input gives nothing.
 */
export async function* onThread(job: ThreadJob, input: ByteStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  await using thread = await Thread.start(job, input, signal);
  for (let asked = 0; asked < AHEAD; asked += 1) thread.tell({ kind: "next" });
  for (;;) {
    const event = await thread.event();
    signal?.throwIfAborted();
    switch (event.kind) {
      case "piece":
        thread.tell({ kind: "next" });
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

class Thread implements AsyncDisposable {
  readonly #url = URL.createObjectURL(new Blob([PROGRAM], { type: "text/javascript" }));
  readonly #worker = new Worker(this.#url, { smol: true });
  readonly #reader: ByteReader;
  readonly #signal: AbortSignal | undefined;
  readonly #events: Event[] = [];
  #fed: Promise<void> = Promise.resolve();
  readonly #gone = Promise.withResolvers<void>();
  #wake: () => void = () => undefined;

  private constructor(input: ByteStream, signal: AbortSignal | undefined) {
    this.#reader = new ByteReader(input, signal);
    this.#signal = signal;
    this.#worker.onmessage = ({ data }: MessageEvent<ThreadReply>) => {
      if (data.kind === "more") this.#fed = this.#feed();
      else this.#happened(data);
    };
    this.#worker.onerror = ({ message }) => this.#happened({ kind: "broken", reason: new Error(message) });
    this.#worker.onmessageerror = () => this.#happened({ kind: "broken", reason: new Error(ENDED) });
    this.#worker.addEventListener("close", () => {
      this.#gone.resolve();
      this.#happened({ kind: "broken", reason: new Error(ENDED) });
    });
    signal?.addEventListener("abort", this.#aborted);
  }

  static async start(job: ThreadJob, input: ByteStream, signal: AbortSignal | undefined): Promise<Thread> {
    const code = job.kind === "bunzip2" || job.kind === "unlz4" ? undefined : await lzmaModule();
    makeRoom(COST);
    const thread = new Thread(input, signal);
    thread.tell({ kind: "begin", job, code });
    return thread;
  }

  tell(order: ThreadOrder, ...given: ArrayBuffer[]): void {
    this.#worker.postMessage(order, given);
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
    this.#worker.terminate();
    URL.revokeObjectURL(this.#url);
    const closed = this.#fed.then(() => this.#reader[Symbol.asyncDispose]());
    // The next one that waits for memory gets that of this one.
    await this.#gone.promise;
    // An input that gives nothing is not waited for when the run has ended: it closes when it wakes up.
    if (this.#signal?.aborted === true) closed.catch(() => undefined);
    else await closed;
  }

  readonly #aborted = (): void => this.#happened({ kind: "broken", reason: this.#signal?.reason });

  async #feed(): Promise<void> {
    try {
      const piece = await this.#reader.piece(SLICE);
      const bytes = piece && copyOf(piece);
      this.tell({ kind: "input", bytes }, ...(bytes === undefined ? [] : [bytes.buffer]));
    } catch (reason) {
      this.#happened({ kind: "broken", reason });
    }
  }

  #happened(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }
}
