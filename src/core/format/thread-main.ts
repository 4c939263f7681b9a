import { Failure } from "../failure.ts";
import { bunzip2 } from "./bunzip2.ts";
import type { ByteStream } from "./bytes.ts";
import { countAllocated } from "./collection.ts";
import type { ThreadAnswer, ThreadJob, ThreadOrder } from "./thread-messages.ts";
import { unlz4 } from "./unlz4.ts";
import { unxz, xz } from "./xz.ts";

declare const self: Worker;

// What a thread runs: one job after the other, each over a stream that is asked for and handed on in messages.

class Work {
  readonly #turn: number;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #receive: (bytes: Uint8Array | undefined) => void = () => undefined;

  constructor(turn: number, job: ThreadJob, binary: ArrayBuffer | undefined) {
    this.#turn = turn;
    this.#pieces = piecesOf(job, this.#input(), binary)[Symbol.asyncIterator]();
  }

  get turn(): number {
    return this.#turn;
  }

  received(bytes: Uint8Array | undefined): void {
    this.#receive(bytes);
  }

  async next(): Promise<void> {
    try {
      const step = await this.#pieces.next();
      if (step.done !== true) return this.#say({ kind: "piece", bytes: step.value }, step.value.buffer);
      this.#over();
      this.#say({ kind: "end" });
    } catch (thrown) {
      this.#over();
      const { code, hint } = thrown instanceof Failure ? thrown : {};
      this.#say({ kind: "failure", code, hint, message: thrown instanceof Error ? thrown.message : String(thrown) });
    }
  }

  /** The input, asked for one piece ahead. */
  async *#input(): AsyncGenerator<Uint8Array> {
    for (let coming = this.#ask(); ; ) {
      const bytes = await coming;
      if (bytes === undefined) return;
      coming = this.#ask();
      yield bytes;
      countAllocated(bytes);
    }
  }

  #ask(): Promise<Uint8Array | undefined> {
    const answer = new Promise<Uint8Array | undefined>((resolve) => {
      this.#receive = resolve;
    });
    this.#say({ kind: "more" });
    return answer;
  }

  #say(answer: ThreadAnswer, ...given: ArrayBufferLike[]): void {
    self.postMessage(
      { turn: this.#turn, ...answer },
      given.filter((one) => one instanceof ArrayBuffer),
    );
  }

  /** Dictionaries and blocks do not wait for the next job. */
  #over(): void {
    if (work === this) work = undefined;
    Bun.gc(true);
  }
}

function piecesOf(job: ThreadJob, input: ByteStream, binary: ArrayBuffer | undefined): ByteStream {
  const lzma = async (): Promise<ArrayBuffer> => binary ?? new ArrayBuffer(0);
  switch (job.kind) {
    case "bunzip2":
      return bunzip2(input);
    case "unlz4":
      return unlz4(input);
    case "unxz":
      return unxz(input, lzma);
    case "unlzma":
      return unxz(input, lzma, undefined, "lzma");
    case "xz":
      return xz(input, job.level, lzma);
    default:
      return job satisfies never;
  }
}

let work: Work | undefined;

self.onmessage = ({ data }: MessageEvent<ThreadOrder>) => {
  if (data.kind === "begin") work = new Work(data.turn, data.job, data.binary);
  // Orders that were on their way when an earlier job ended.
  if (work?.turn !== data.turn) return;
  if (data.kind === "next") void work.next();
  if (data.kind === "input") work.received(data.bytes);
};
