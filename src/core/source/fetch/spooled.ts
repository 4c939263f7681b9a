import { asFailure, Failure } from "../../failure.ts";
import type { Algorithm } from "../../model/digest.ts";
import type { Phase } from "../../model/image.ts";
import { orAborted } from "../../net/scope.ts";
import { gathered } from "../pieces.ts";
import {
  type ProgressListener,
  ProgressListeners,
  type VerificationResult,
  type VerifiedBytes,
} from "../verified-bytes.ts";
import { type Expectation, Verifier } from "../verify/index.ts";
import { GrowingFile } from "./growing-file.ts";

export interface SpoolOrder {
  readonly filename: string;
  /** A private temporary file; it is gone at the end. */
  readonly path: string;
  readonly produce: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Bytes that will come, where that is known. */
  readonly size: number | undefined;
  readonly demand: Expectation;
  readonly phase: Phase;
  readonly signal: AbortSignal;
}

/** Bytes that can be had only once, or that are dear to make, kept in a temporary file for all that want them. */
export class SpooledDownload implements VerifiedBytes {
  readonly filename: string;
  readonly ready: Promise<void>;
  /** Resolves when the first bytes are there, or there are none to wait for. */
  readonly begun: Promise<void>;
  readonly #request: SpoolOrder;
  readonly #ready = Promise.withResolvers<void>();
  readonly #begun = Promise.withResolvers<void>();
  readonly #proven = Promise.withResolvers<VerificationResult>();
  readonly #stop = new AbortController();
  readonly #listeners = new ProgressListeners();
  readonly #over: Promise<void>;
  #growing: GrowingFile | undefined;
  #size: number | undefined;
  #isProven = false;

  constructor(request: SpoolOrder) {
    this.filename = request.filename;
    this.#request = request;
    this.#size = request.size;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {});
    this.begun = this.#begun.promise;
    this.#proven.promise.catch(() => {});
    this.#over = this.#run(AbortSignal.any([request.signal, this.#stop.signal])).catch((thrown: unknown) => {
      const reason = request.signal.aborted ? request.signal.reason : thrown;
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
    return this.#isProven ? this.#request.path : undefined;
  }

  get algorithms(): ReadonlySet<Algorithm> {
    return Verifier.algorithms(this.#request.demand);
  }

  watch(watcher: ProgressListener): void {
    this.#listeners.add(watcher);
  }

  async *read(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await this.ready;
    if (this.#growing === undefined) throw new Error("read after the end");
    yield* this.#growing.read(signal);
  }

  async verify(signal: AbortSignal): Promise<VerificationResult> {
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
    const { path, produce, demand: expectation, phase, size } = this.#request;
    const growing = await GrowingFile.open(path, { isTemporary: true });
    this.#growing = growing;
    growing.total = size;
    this.#ready.resolve();
    using verifier = await Verifier.begin(expectation, { size });
    for await (const piece of gathered(produce(signal))) {
      signal.throwIfAborted();
      await Promise.all([growing.write(piece), verifier.update(piece)]);
      this.#begun.resolve();
      this.#listeners.tell(phase, growing.written, size);
    }
    this.#begun.resolve();
    const proven = await verifier.end();
    growing.prove();
    this.#size = growing.written;
    this.#isProven = true;
    this.#proven.resolve(proven);
  }
}
