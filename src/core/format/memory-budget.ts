import { warmUpAll } from "../warm-up.ts";
import { LARGE, makeRoom } from "./collection.ts";
import { MemoryPressure } from "./memory-pressure.ts";

/** Bytes that the conversions of this process may hold together, beside what the run itself needs. */
const DEFAULT_BUDGET = 16 << 20;

interface Waiting {
  readonly weight: number;
  readonly go: () => void;
}

/**
 * Turns of work that holds memory: so much of it goes on at once as there is room for, the rest waits, in the order in which it came. What
 * needs more than all of the room goes alone.
 */
export class MemoryBudget {
  #free: number;
  readonly #room: number;
  readonly #waiting: Waiting[] = [];

  constructor(room = DEFAULT_BUDGET) {
    this.#room = room;
    this.#free = room;
  }

  /** Resolves with what ends the turn, once what is unused was given back; calling that again does nothing. Rejects with the signal's reason. */
  async take(bytes: number, signal?: AbortSignal): Promise<() => void> {
    const weight = Math.min(Math.max(bytes, 0), this.#room);
    signal?.throwIfAborted();
    if (this.#waiting.length > 0 || weight > this.#free) await this.#wait(weight, signal);
    else this.#free -= weight;
    // A second one beside this, or one that takes nearly all, makes memory short.
    if (bytes > LARGE || this.#free + weight < this.#room) warmUpAll();
    makeRoom(bytes);
    return this.#begun(weight, bytes);
  }

  /** For work that must not wait: it starts at once, even if the budget is used up. */
  force(bytes: number): () => void {
    const weight = Math.min(Math.max(bytes, 0), this.#room);
    this.#free -= weight;
    return this.#begun(weight, bytes);
  }

  #begun(weight: number, bytes: number): () => void {
    const pressure = MemoryPressure.of(bytes);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      pressure?.[Symbol.dispose]();
      this.#free += weight;
      this.#next();
    };
  }

  #wait(weight: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      reject(signal?.reason);
      this.#next();
    };
    const waiting: Waiting = {
      weight,
      go: () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      },
    };
    this.#waiting.push(waiting);
    signal?.addEventListener("abort", leave, { once: true });
    return promise;
  }

  #next(): void {
    for (let [first] = this.#waiting; first !== undefined && first.weight <= this.#free; [first] = this.#waiting) {
      this.#waiting.shift();
      this.#free -= first.weight;
      first.go();
    }
  }
}
