import type { Readable } from "node:stream";
import type { Dispatcher } from "undici/index.js";
import { Failure } from "../failure.ts";
import type { OutgoingBody } from "./body.ts";
import { LARGEST } from "./details.ts";
import { IdleTimeout } from "./idle-timeout.ts";

/** Bytes of an answer that wait here for their reader before the server is asked to pause. */
const ROOM = 256 * 1024;

interface SendingBody {
  readonly origin: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface ExchangeTimeouts {
  /** Milliseconds without a byte, in either direction. */
  readonly idle: number;
  /** Milliseconds from the last byte of a body that flows to the first of the answer; the others have their time limit. */
  readonly answer: number;
}

/** One request and its answer on one connection: no retry, no judgement of the status. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The connection stood, so the request may have arrived. */
  started = false;
  status = 0;
  headers = new Headers();
  /** Bytes of the answer's body that have come. */
  received = 0;
  readonly #patience: ExchangeTimeouts;
  readonly #watch = new IdleTimeout((failure) => this.abort(failure));
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #flow: OutgoingBody | undefined;
  #isRead = false;
  #isOver = false;
  #isBroken = false;
  #error: unknown;
  /** The answer's body so far, for a log; undefined if it is not logged or has grown too large. */
  #kept: Uint8Array[] | undefined;
  #wake: (() => void) | undefined;
  readonly #end = Promise.withResolvers<void>();
  #answered: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(patience: ExchangeTimeouts) {
    this.#patience = patience;
  }

  /** Keeps the body of the answer, as long as it is small, besides giving it to its reader. */
  keeps(wanted: boolean): void {
    if (wanted && this.received <= LARGEST) this.#kept = this.#queue.map((piece) => new Uint8Array(piece));
  }

  get kept(): string | undefined {
    return this.#kept === undefined ? undefined : Buffer.concat(this.#kept).toString();
  }

  /** Resolves when nothing more will come or go. */
  get over(): Promise<void> {
    return this.#end.promise;
  }

  /** Resolves when the status and the headers are there. Rejects with what broke the connection, or with the reason of `abort`. */
  async send(dispatcher: Dispatcher, sending: SendingBody, flow: OutgoingBody | undefined): Promise<void> {
    this.#flow = flow;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#answered = { resolve, reject };
    if (this.#isBroken) throw this.#error;
    try {
      const body = flow === undefined ? (sending.body ?? null) : iterable(flow);
      dispatcher.dispatch({ ...sending, body }, this);
    } catch (error) {
      this.#break(error);
    }
    await promise;
  }

  /** For the flow: does the socket have to take something now, or does the giver have to give? */
  waits(forSocket: boolean): void {
    if (this.status !== 0 || this.#isOver) return;
    if (forSocket) this.#watch.arm(this.#patience.idle, "the server accepted no data");
    else this.#watch.off();
  }

  /** Ends it, closes the connection; everything that waits rejects with `reason`. */
  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.#break(reason);
    this.#controller?.abort(reason instanceof Error ? reason : new Error("aborted", { cause: reason }));
  }

  /** The body as it comes, to be read once. Who stops early ends the exchange. */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isRead) throw new Error("the body of a response can be read once");
    this.#isRead = true;
    if (!this.#isOver) this.#watch.arm(this.#patience.idle, "no data received");
    try {
      while (true) {
        const piece = this.#queue.shift();
        if (piece !== undefined) {
          this.#queued -= piece.byteLength;
          yield piece;
          // Not before: what waits in the kernel takes no memory of ours.
          if (this.#queued <= ROOM / 2) this.#resume();
        } else if (this.#isBroken) throw this.#error;
        else if (this.#isOver) return;
        else
          await new Promise<void>((wake) => {
            this.#wake = wake;
          });
      }
    } finally {
      this.abort(new Failure("net.broken", "the rest of the response was not needed"));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.started = true;
    this.#controller = controller;
    if (this.#isBroken) controller.abort(new Error("aborted", { cause: this.#error }));
  }

  onRequestSent(): void {
    if (this.status === 0 && this.#flow !== undefined) this.#watch.arm(this.#patience.answer, "no response received");
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.status = status;
    for (const [name, value] of Object.entries(headers))
      for (const one of Array.isArray(value) ? value : [value ?? ""]) this.headers.append(name, one);
    this.#watch.arm(this.#patience.idle, "no data received");
    this.#answered?.resolve();
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    this.received += piece.byteLength;
    if (this.received > LARGEST) this.#kept = undefined;
    // A copy: the reader of the body may give its memory back.
    this.#kept?.push(new Uint8Array(piece));
    this.#queue.push(piece);
    this.#queued += piece.byteLength;
    this.#watch.arm(this.#patience.idle, "no data received");
    if (this.#queued > ROOM && !controller.paused) {
      controller.pause();
      // The reader's time is its own; but an answer without a reader is not kept forever.
      if (this.#isRead) this.#watch.off();
    }
    this.#wake?.();
  }

  onResponseEnd(): void {
    this.#over();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#break(error);
  }

  #resume(): void {
    if (this.#isOver || this.#controller?.paused !== true) return;
    this.#watch.arm(this.#patience.idle, "no data received");
    this.#controller.resume();
  }

  #break(error: unknown): void {
    if (this.#isOver) return;
    this.#isBroken = true;
    this.#error = this.#flow?.error ?? error;
    this.#over();
    this.#answered?.reject(this.#error);
  }

  #over(): void {
    this.#isOver = true;
    this.#watch.off();
    this.#wake?.();
    this.#end.resolve();
  }
}

/** undici sends any async iterable (docs/docs/api/Dispatcher.md, "RequestOptions"); its types name only the stream that is one. */
// biome-ignore lint/plugin: the types of undici name less than it takes.
const iterable = (flow: AsyncIterable<Uint8Array>): Readable => flow as Readable;
