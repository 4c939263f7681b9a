import { makeRoom } from "./collection.ts";
import { lzmaBinary } from "./lzma-binary.ts";
import type { ThreadJob, ThreadReply, ThreadRequest } from "./thread-messages.ts";
import { threadProgram } from "./thread-program.ts" with { type: "macro" };

const PROGRAM: string = threadProgram();
/** Bytes that a thread takes when it begins. */
const COST = 16 << 20;
/** Milliseconds that a thread waits for another job. */
const PATIENCE = 100;
const ENDED = "the thread that packs and unpacks has ended";

/** Who hears what a thread says of its job. */
interface ThreadListener {
  said(reply: ThreadReply): void;
  broken(reason: unknown): void;
}

/** A thread whose job has ended: its compiler knows the decoders already. One at most, since each has a heap of its own. */
let idle: JobThread | undefined;

/** A thread that has one job at a time. */
export class JobThread {
  readonly #url = URL.createObjectURL(new Blob([PROGRAM], { type: "text/javascript" }));
  readonly #worker = new Worker(this.#url, { smol: true });
  readonly #gone = Promise.withResolvers<void>();
  #listener: ThreadListener | undefined;
  #turn = 0;
  #leave: ReturnType<typeof setTimeout> | undefined;

  private constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<ThreadReply>) => {
      if (data.turn === this.#turn) this.#listener?.said(data);
    };
    this.#worker.onerror = ({ message }) => this.#broken(new Error(message));
    this.#worker.onmessageerror = () => this.#broken(new Error(ENDED));
    this.#worker.addEventListener("close", () => {
      this.#gone.resolve();
      this.#broken(new Error(ENDED));
    });
  }

  /** A thread that has begun the job, and says to `listener` how it goes. */
  static async begin(job: ThreadJob, listener: ThreadListener): Promise<JobThread> {
    const binary = job.kind === "bunzip2" || job.kind === "unlz4" ? undefined : await lzmaBinary();
    if (idle === undefined) makeRoom(COST);
    const thread = idle ?? new JobThread();
    thread.#busy(listener);
    thread.tell({ kind: "begin", job, binary });
    return thread;
  }

  tell(request: ThreadRequest, ...given: ArrayBuffer[]): void {
    this.#worker.postMessage({ turn: this.#turn, ...request }, given);
  }

  /** After the last words of its job: it waits a moment for the next one. */
  async release(): Promise<void> {
    this.#listener = undefined;
    // What follows the last words must not run within their message: until that has returned, the thread's next ones are not heard.
    await new Promise((resolve) => setImmediate(resolve));
    if (idle !== undefined) return await this.end();
    idle = this;
    this.#worker.unref();
    this.#leave = setTimeout(() => void this.end(), PATIENCE);
    this.#leave.unref();
  }

  /** At any time. Resolves once its memory is free. */
  async end(): Promise<void> {
    if (idle === this) idle = undefined;
    clearTimeout(this.#leave);
    this.#listener = undefined;
    this.#worker.terminate();
    URL.revokeObjectURL(this.#url);
    await this.#gone.promise;
  }

  #busy(listener: ThreadListener): void {
    if (idle === this) idle = undefined;
    clearTimeout(this.#leave);
    this.#worker.ref();
    this.#listener = listener;
    this.#turn += 1;
  }

  #broken(reason: Error): void {
    if (idle === this) idle = undefined;
    this.#listener?.broken(reason);
  }
}
