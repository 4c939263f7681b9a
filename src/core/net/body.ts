import { setImmediate as immediate } from "node:timers/promises";
import { Failure } from "../failure.ts";

/** A body that is opened again for each try. */
export interface BodyFactory {
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly size?: number;
}

/** Bytes handed to the socket at once: small enough that a slow line still shows that it moves. */
const PIECE = 256 * 1024;
/** Pieces after which timers and signals get their turn, where giver and socket are both so quick that neither waits. */
const TURN = 64;
/** Milliseconds that a giver has to close what it opened, once it was asked to stop. */
const GRACE = 1000;

/**
 * A body on its way out. One piece is held back until the giver has said what comes next: if it ends in an error, the last piece it gave
 * has not been sent, so that the other side can never take what it got for the whole.
 */
export class OutgoingBody implements AsyncIterable<Uint8Array> {
  /** Bytes that have left. */
  sent = 0;
  /** The giver has ended well and all of it has been handed to the socket. */
  complete = false;
  /** What the giver threw. */
  error: unknown;
  readonly size: number | undefined;
  readonly #open: BodyFactory["open"];
  #giver: AsyncIterator<Uint8Array> | undefined;
  #given = 0;
  #isHeld = false;
  readonly #stop = new AbortController();
  /** Ends what is awaited just now. One function for one wait: a promise for all of them would keep every wait of a long body. */
  #leave: ((reason: unknown) => void) | undefined;
  readonly #onSent: (sent: number) => void;
  /** Called when the socket is to take a piece (true) and when the giver is to give one (false). */
  readonly #waits: (forSocket: boolean) => void;

  constructor({ open, size }: BodyFactory, onSent: (sent: number) => void, waits: (forSocket: boolean) => void) {
    this.size = size;
    this.#open = open;
    this.#onSent = onSent;
    this.#waits = waits;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      let pieces = 0;
      for await (const piece of this.#heldBack()) {
        if (++pieces % TURN === 0) await immediate();
        if (this.#isHeld) await this.#unlessStopped(new Promise<never>(() => undefined));
        this.#waits(true);
        yield piece;
        this.#waits(false);
        this.#left(this.sent + piece.byteLength);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.error ??= error;
      throw error;
    }
  }

  /** The other side said that it has everything: it may have been quicker than the socket's own word. */
  arrived(): void {
    if (this.complete) this.#left(this.#given);
  }

  /** No further piece goes out, while an early answer is read over the same connection. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Ends the giver, and waits a little until it has closed what it opened. */
  async stop(reason: unknown): Promise<void> {
    if (this.complete) return;
    this.#stop.abort(reason);
    this.#leave?.(reason);
    const closed = (async () => void (await this.#giver?.return?.()))().catch(() => undefined);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GRACE);
    });
    await Promise.race([closed, grace]);
    clearTimeout(timer);
  }

  #unlessStopped<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#leave = reject;
      if (this.#stop.signal.aborted) reject(this.#stop.signal.reason);
      work.then(resolve, reject);
    });
  }

  #left(sent: number): void {
    if (sent <= this.sent) return;
    this.sent = sent;
    this.#onSent(sent);
  }

  async *#heldBack(): AsyncGenerator<Uint8Array, void, undefined> {
    const giver = this.#open(this.#stop.signal)[Symbol.asyncIterator]();
    this.#giver = giver;
    let held: Uint8Array | undefined;
    while (true) {
      const next = await this.#unlessStopped(giver.next());
      if (next.done === true) break;
      this.#given += next.value.byteLength;
      if (this.size !== undefined && this.#given > this.size) throw unlike(this.size, `more than ${this.size}`);
      for (let at = 0; at < next.value.byteLength; at += PIECE) {
        if (held !== undefined) yield held;
        held = next.value.subarray(at, at + PIECE);
      }
    }
    if (this.size !== undefined && this.#given !== this.size) throw unlike(this.size, String(this.#given));
    this.complete = true;
    if (held !== undefined) yield held;
  }
}

const unlike = (size: number, given: string): Failure =>
  new Failure("source.size", `expected ${size} bytes, got ${given}`, {
    hint: "the source may have changed while it was read",
  });
