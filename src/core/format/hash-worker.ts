import type { Algorithm } from "../model/digest.ts";

/** Memory that both threads see: pieces are copied into it in turn, and each place is free again when the thread has been through it. */
const PLACES = 4;
const PLACE = 1 << 20;

/**
 * What the thread runs. It is given as text, since a file of its own would have to be named when the binary is built. Each message is
 * where a piece lies, answered with a number, or `null`, answered with the digest.
 */
const PROGRAM = `
let hasher, memory;
onmessage = ({ data }) => {
  if (data === null) postMessage(hasher.digest("hex"));
  else if (data.algorithm) {
    hasher = new Bun.CryptoHasher(data.algorithm);
    memory = new Uint8Array(data.memory);
  } else {
    hasher.update(memory.subarray(data.at, data.at + data.length));
    postMessage(1);
  }
};
`;

/** Takes one digest on a thread of its own. */
export class HashWorker implements Disposable {
  readonly #worker: Worker;
  readonly #url: string;
  readonly #memory: Uint8Array;
  /** Pieces that were handed over, and those of them that the thread has been through. */
  #given = 0;
  #taken = 0;
  #hex: string | undefined;
  #broken: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(algorithm: Algorithm) {
    const memory = new SharedArrayBuffer(PLACES * PLACE);
    this.#memory = new Uint8Array(memory);
    this.#url = URL.createObjectURL(new Blob([PROGRAM], { type: "text/javascript" }));
    this.#worker = new Worker(this.#url);
    this.#worker.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === "number") this.#taken += data;
      else if (typeof data === "string") this.#hex = data;
      this.#wake();
    };
    this.#worker.onerror = (event) => {
      this.#broken = new Error(`the thread that hashes has failed: ${event.message}`);
      this.#wake();
    };
    this.#worker.postMessage({ algorithm, memory });
  }

  /** Hands the bytes over; waits while too many are not yet worked off. They are copied, so they stay the caller's. */
  async update(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; from += PLACE) {
      while (this.#given - this.#taken >= PLACES) await this.#woken();
      const piece = bytes.subarray(from, from + PLACE);
      const at = (this.#given % PLACES) * PLACE;
      this.#memory.set(piece, at);
      this.#given += 1;
      this.#worker.postMessage({ at, length: piece.length });
    }
  }

  /** The digest of all, in hex. */
  async digest(): Promise<string> {
    this.#worker.postMessage(null);
    while (this.#hex === undefined) await this.#woken();
    return this.#hex;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
    URL.revokeObjectURL(this.#url);
  }

  async #woken(): Promise<void> {
    if (this.#broken === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#broken !== undefined) throw this.#broken;
  }
}
