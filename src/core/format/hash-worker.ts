import type { Algorithm } from "../model/digest.ts";

/**
 * What the thread runs. It is given as text, since a file of its own would have to be named when the binary is built. Each message is
 * a piece of bytes, answered with its length, or `null`, answered with the digest.
 */
const PROGRAM = `
let hasher;
onmessage = ({ data }) => {
  if (typeof data === "string") hasher = new Bun.CryptoHasher(data);
  else if (data === null) postMessage(hasher.digest("hex"));
  else {
    hasher.update(data);
    postMessage(data.length);
  }
};
`;
/** Bytes that may wait for the thread. */
const WAITING = 4 << 20;

/** Takes one digest on a thread of its own. */
export class HashWorker implements Disposable {
  readonly #worker: Worker;
  readonly #url: string;
  #waiting = 0;
  #hex: string | undefined;
  #broken: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(algorithm: Algorithm) {
    this.#url = URL.createObjectURL(new Blob([PROGRAM], { type: "text/javascript" }));
    this.#worker = new Worker(this.#url);
    this.#worker.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === "number") this.#waiting -= data;
      else if (typeof data === "string") this.#hex = data;
      this.#wake();
    };
    this.#worker.onerror = (event) => {
      this.#broken = new Error(`the thread that hashes has failed: ${event.message}`);
      this.#wake();
    };
    this.#worker.postMessage(algorithm);
  }

  /** Hands the bytes over; waits while too many are not yet worked off. They are copied, so they stay the caller's. */
  async update(bytes: Uint8Array): Promise<void> {
    while (this.#waiting >= WAITING) await this.#woken();
    // Not slice(): that of a Buffer is no copy, and the caller's bytes would be gone with it.
    const copy = new Uint8Array(bytes);
    this.#waiting += copy.length;
    this.#worker.postMessage(copy, [copy.buffer]);
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
