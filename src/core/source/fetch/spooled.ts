import { asFailure, Failure } from "../../failure.ts";
import type { Algorithm } from "../../model/digest.ts";
import type { Phase } from "../../model/image.ts";
import { orAborted } from "../../net/scope.ts";
import { gathered } from "../pieces.ts";
import { type ProofResult, type ProvenBytes, type SupplyWatcher, Watchers } from "../supply.ts";
import { type Demand, Proving } from "../verify/index.ts";
import { GrowingFile } from "./growing.ts";

export interface SpoolOrder {
  readonly filename: string;
  /** A file of our own, that nobody else knows; it is gone at the end. */
  readonly path: string;
  readonly produce: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Bytes that will come, where that is known. */
  readonly size: number | undefined;
  readonly demand: Demand;
  readonly phase: Phase;
  readonly signal: AbortSignal;
}

/** Bytes that can be had only once, or that are dear to make, kept in a temporary file for all that want them. */
export class SpooledDownload implements ProvenBytes {
  readonly filename: string;
  readonly ready: Promise<void>;
  /** Resolves when the first bytes are there, or there are none to wait for. */
  readonly begun: Promise<void>;
  readonly #order: SpoolOrder;
  readonly #ready = Promise.withResolvers<void>();
  readonly #begun = Promise.withResolvers<void>();
  readonly #proven = Promise.withResolvers<ProofResult>();
  readonly #stop = new AbortController();
  readonly #watchers = new Watchers();
  readonly #over: Promise<void>;
  #growing: GrowingFile | undefined;
  #size: number | undefined;
  #isProven = false;

  constructor(order: SpoolOrder) {
    this.filename = order.filename;
    this.#order = order;
    this.#size = order.size;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {});
    this.begun = this.#begun.promise;
    this.#proven.promise.catch(() => {});
    this.#over = this.#run(AbortSignal.any([order.signal, this.#stop.signal])).catch((thrown: unknown) => {
      const reason = order.signal.aborted ? order.signal.reason : thrown;
      this.#growing?.fail(asFailure(reason));
      this.#ready.reject(reason);
      this.#begun.resolve();
      this.#proven.reject(reason);
    });
  }

  get size(): number | undefined {
    return this.#size;
  }
  get path(): string | undefined {
    return this.#isProven ? this.#order.path : undefined;
  }

  get algorithms(): ReadonlySet<Algorithm> {
    return Proving.algorithms(this.#order.demand);
  }

  watch(watcher: SupplyWatcher): void {
    this.#watchers.add(watcher);
  }

  async *read(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await this.ready;
    if (this.#growing === undefined) throw new Error("read after the end");
    yield* this.#growing.read(signal);
  }

  async prove(signal: AbortSignal): Promise<ProofResult> {
    return await orAborted(this.#proven.promise, signal);
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Failure("source.closed", "no longer needed"));
    await this.#over;
    await this.#growing?.release();
    await this.#growing?.remove();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { path, produce, demand, phase, size } = this.#order;
    const growing = await GrowingFile.open(path, { isTemporary: true });
    this.#growing = growing;
    growing.total = size;
    this.#ready.resolve();
    using proving = await Proving.begin(demand, size);
    for await (const piece of gathered(produce(signal))) {
      signal.throwIfAborted();
      await Promise.all([growing.write(piece), proving.update(piece)]);
      this.#begun.resolve();
      this.#watchers.tell(phase, growing.written, size);
    }
    this.#begun.resolve();
    const proven = await proving.end();
    growing.prove();
    this.#size = growing.written;
    this.#isProven = true;
    this.#proven.resolve(proven);
  }
}
