import { availableParallelism } from "node:os";
import type { Algorithm } from "../model/digest.ts";

/** Memory that a thread and this one see: pieces are copied into it in turn, and each place is free again when the thread has been through it. */
const PLACES = 8;
const PLACE = 256 << 10;
/** Threads of all digests of the process: each costs memory of its own, and more of them than there are cores make nothing faster. */
const THREADS = Math.max(1, Math.min(3, availableParallelism() - 1));

/** Pieces after which the thread says that it has been through them: half of the places, so that neither waits for the other. */
const TOLD = PLACES / 2;

/**
 * What a thread runs. It is given as text, since a file of its own would have to be named when the binary is built. Each message is of one
 * digest: its beginning, where a piece of it lies, what it is until now, its end, or that it is not wanted any more.
 */
const PROGRAM = `
const hashers = new Map();
let memory;
let taken = 0;
onmessage = ({ data }) => {
  if (data.memory) memory = new Uint8Array(data.memory);
  else if (data.algorithm) hashers.set(data.id, new Bun.CryptoHasher(data.algorithm));
  else if (data.length) {
    hashers.get(data.id)?.update(memory.subarray(data.at, data.at + data.length));
    taken += 1;
    if (taken < ${TOLD}) return;
    postMessage(taken);
    taken = 0;
  } else if (data.soFar) {
    postMessage({ id: data.id, hex: hashers.get(data.id).copy().digest("hex") });
  } else {
    const hasher = hashers.get(data.id);
    hashers.delete(data.id);
    if (data.end) postMessage({ id: data.id, hex: hasher.digest("hex") });
  }
};
`;

type Reply = number | { readonly id: number; readonly hex: string };

/** A thread that takes any number of digests, piece by piece in the order in which they come. */
class HashThread {
  lanes = 0;
  readonly #worker: Worker;
  readonly #url: string;
  readonly #memory: Uint8Array;
  /** Pieces that were handed over, and those of them that the thread has been through. */
  #given = 0;
  #taken = 0;
  readonly #hexes = new Map<number, string>();
  #broken: Error | undefined;
  #waiting: (() => void)[] = [];

  constructor() {
    const memory = new SharedArrayBuffer(PLACES * PLACE);
    this.#memory = new Uint8Array(memory);
    this.#url = URL.createObjectURL(new Blob([PROGRAM], { type: "text/javascript" }));
    this.#worker = new Worker(this.#url, { smol: true });
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      if (typeof data === "number") this.#taken += data;
      else this.#hexes.set(data.id, data.hex);
      this.#wake();
    };
    this.#worker.onerror = (event) => {
      this.#broken = new Error(`the thread that hashes has failed: ${event.message}`);
      this.#wake();
    };
    this.#worker.postMessage({ memory });
  }

  begin(id: number, algorithm: Algorithm): void {
    this.lanes += 1;
    this.#worker.postMessage({ id, algorithm });
  }

  async update(id: number, bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; from += PLACE) {
      while (this.#given - this.#taken >= PLACES) await this.#woken();
      const piece = bytes.subarray(from, from + PLACE);
      const at = (this.#given % PLACES) * PLACE;
      this.#memory.set(piece, at);
      this.#given += 1;
      this.#worker.postMessage({ id, at, length: piece.length });
    }
  }

  /** The digest of what was handed over; with `end` it is over. */
  async digest(id: number, until: "end" | "soFar"): Promise<string> {
    this.#worker.postMessage({ id, [until]: true });
    for (;;) {
      const hex = this.#hexes.get(id);
      this.#hexes.delete(id);
      if (hex !== undefined) return hex;
      await this.#woken();
    }
  }

  /** True: it was the last one, and the thread is gone. */
  leave(id: number): boolean {
    this.lanes -= 1;
    if (this.lanes > 0) {
      this.#worker.postMessage({ id });
      return false;
    }
    this.#worker.terminate();
    URL.revokeObjectURL(this.#url);
    return true;
  }

  #wake(): void {
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }

  async #woken(): Promise<void> {
    if (this.#broken === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#broken !== undefined) throw this.#broken;
  }
}

const threads = new Set<HashThread>();
let last = 0;

/** The thread with the fewest digests; a new one as long as there may be more. */
function thread(): HashThread {
  const [least] = [...threads].sort((a, b) => a.lanes - b.lanes);
  if (least !== undefined && (least.lanes === 0 || threads.size >= THREADS)) return least;
  const made = new HashThread();
  threads.add(made);
  return made;
}

/** Threads that hash just now. */
export const hashThreads = (): number => threads.size;

/** Takes one digest on a thread beside this one, which others of the process may share. */
export class HashWorker implements Disposable {
  readonly #thread = thread();
  readonly #id = ++last;
  #isOver = false;

  constructor(algorithm: Algorithm) {
    this.#thread.begin(this.#id, algorithm);
  }

  /** Hands the bytes over; waits while too many are not yet worked off. They are copied, so they stay the caller's. */
  async update(bytes: Uint8Array): Promise<void> {
    await this.#thread.update(this.#id, bytes);
  }

  /** The digest of all, in hex. */
  async digest(): Promise<string> {
    return await this.#thread.digest(this.#id, "end");
  }

  /** The digest of what came until now, in hex; more may come. Asked for once at a time. */
  async soFar(): Promise<string> {
    return await this.#thread.digest(this.#id, "soFar");
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#thread.leave(this.#id)) threads.delete(this.#thread);
  }
}
