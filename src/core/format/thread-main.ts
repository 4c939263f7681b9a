import { Failure } from "../failure.ts";
import { bunzip2 } from "./bunzip2.ts";
import type { ByteStream } from "./bytes.ts";
import { countAllocated } from "./collection.ts";
import type { ThreadJob, ThreadOrder, ThreadReply } from "./thread-messages.ts";
import { unlz4 } from "./unlz4.ts";
import { unxz, xz } from "./xz.ts";

declare const self: Worker;

// What a thread runs: one job over a stream that is asked for and handed on in messages.

const say = (reply: ThreadReply, ...given: ArrayBufferLike[]): void =>
  self.postMessage(
    reply,
    given.filter((one) => one instanceof ArrayBuffer),
  );

let receive: (bytes: Uint8Array | undefined) => void = () => undefined;
function ask(): Promise<Uint8Array | undefined> {
  const answer = new Promise<Uint8Array | undefined>((resolve) => {
    receive = resolve;
  });
  say({ kind: "more" });
  return answer;
}

/** The input, asked for one piece ahead. */
async function* input(): AsyncGenerator<Uint8Array> {
  for (let coming = ask(); ; ) {
    const bytes = await coming;
    if (bytes === undefined) return;
    coming = ask();
    yield bytes;
    countAllocated(bytes);
  }
}

function begin(job: ThreadJob, code: WebAssembly.Module | undefined): ByteStream {
  const lzma = async (): Promise<WebAssembly.Module> => {
    if (code === undefined) throw new Error(`a thread needs liblzma for ${job.kind}`);
    return code;
  };
  switch (job.kind) {
    case "bunzip2":
      return bunzip2(input());
    case "unlz4":
      return unlz4(input());
    case "unxz":
      return unxz(input(), lzma);
    case "unlzma":
      return unxz(input(), lzma, undefined, "lzma");
    case "xz":
      return xz(input(), job.level, lzma);
    default:
      return job satisfies never;
  }
}

let work: AsyncIterator<Uint8Array> | undefined;

async function next(): Promise<void> {
  try {
    const step = await work?.next();
    if (step === undefined || step.done === true) say({ kind: "end" });
    else say({ kind: "piece", bytes: step.value }, step.value.buffer);
  } catch (thrown) {
    const { code, hint } = thrown instanceof Failure ? thrown : {};
    say({ kind: "failure", code, hint, message: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}

self.onmessage = ({ data }: MessageEvent<ThreadOrder>) => {
  switch (data.kind) {
    case "begin":
      work = begin(data.job, data.code)[Symbol.asyncIterator]();
      return;
    case "next":
      void next();
      return;
    case "input":
      receive(data.bytes);
      return;
    default:
      data satisfies never;
  }
};
