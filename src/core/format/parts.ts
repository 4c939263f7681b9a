import { free } from "./collection.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { MemoryPressure } from "./memory-pressure.ts";

/** Bytes of parts that all uploads of this process may hold together. */
const ROOM = 10 << 20;

/** A part of an upload. Until its release it counts against what all uploads may hold together. */
export interface HeldPart {
  /** From 1. */
  readonly n: number;
  readonly bytes: Uint8Array;
  /**
   * It counts no more, and its buffer is used again or given back, so that `bytes` may be empty; `isSent` false: the buffer is not, since the
   * bytes may still be read somewhere.
   */
  release(isSent?: boolean): void;
}

/** Buffers of all uploads of the process. */
class PartBuffers {
  readonly #turns = new MemoryBudget(ROOM);
  #free: Uint8Array[] = [];
  #uploads = 0;

  begin(): void {
    this.#uploads += 1;
  }

  /** With the last one the buffers go, at once: the collector would come after the next ones were made. */
  end(): void {
    this.#uploads -= 1;
    if (this.#uploads === 0) this.#drop();
  }

  async take(size: number, signal: AbortSignal) {
    const end = await this.#turns.take(MemoryPressure.isOn ? Math.max(size, ROOM) : size, signal);
    const at = this.#free.findIndex(({ length }) => length === size);
    const [buffer] = at < 0 ? [] : this.#free.splice(at, 1);
    // Those of other sizes count as well: they are not kept beside the new one, nor is any where memory is short.
    if (buffer === undefined || MemoryPressure.isOn) this.#drop();
    let isOver = false;
    const bytes = buffer ?? new Uint8Array(size);
    return {
      bytes,
      leave: (isSent: boolean): void => {
        if (isOver) return;
        isOver = true;
        if (isSent && this.#uploads > 0) this.#free.push(bytes);
        else if (isSent) free(bytes);
        end();
      },
    };
  }

  #drop(): void {
    for (const buffer of this.#free) free(buffer);
    this.#free = [];
  }
}

const buffers = new PartBuffers();

/**
 * Bytes in parts of `sizeOf(n)` bytes, the last one smaller; none for no bytes. A part is begun once there is room for it beside the parts
 * of all uploads of the process. The receiver of a part releases it, however its upload ends, and waits for no part of another upload before.
 */
export async function* inParts(
  pieces: AsyncIterable<Uint8Array>,
  sizeOf: (n: number) => number,
  signal: AbortSignal,
): AsyncGenerator<HeldPart> {
  let n = 1;
  let job: Filling | undefined;
  buffers.begin();
  try {
    for await (const piece of pieces) {
      for (let rest = piece; rest.byteLength > 0; ) {
        job ??= { ...(await buffers.take(sizeOf(n), signal)), filled: 0 };
        const taken = rest.subarray(0, job.bytes.byteLength - job.filled);
        job.bytes.set(taken, job.filled);
        job.filled += taken.byteLength;
        rest = rest.subarray(taken.byteLength);
        if (job.filled < job.bytes.byteLength) continue;
        const full = partOf(n++, job);
        job = undefined;
        yield full;
      }
    }
    const last = job && partOf(n, job);
    job = undefined;
    if (last !== undefined) yield last;
  } finally {
    job?.leave(true);
    buffers.end();
  }
}

type Filling = Awaited<ReturnType<PartBuffers["take"]>> & { filled: number };

const partOf = (n: number, { bytes, filled, leave }: Filling): HeldPart => ({
  n,
  bytes: bytes.subarray(0, filled),
  release: (isSent = true) => leave(isSent),
});
