import { handedOut } from "../../format/collection.ts";
import type { Algorithm } from "../../model/digest.ts";
import type { Validators } from "../../model/source.ts";
import { orAborted } from "../../net/scope.ts";
import type { SourceContext } from "../context.ts";
import {
  type FetchedBytes,
  heldBack,
  type ProgressListener,
  ProgressListeners,
  type VerificationResult,
} from "../verified-bytes.ts";
import { Verifier } from "../verify/index.ts";
import { fileNameOf, publicUrl, type Web } from "../web/index.ts";
import { downloadInto } from "./download-into.ts";
import { downloadVerified } from "./mirrors.ts";
import { type DownloadRequest, expectationOf, isHeld, jobOf } from "./request.ts";
import { ChecksumSink, PassThroughSink } from "./sinks.ts";

interface StreamedContext {
  readonly web: Web;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
}

/** One way through the bytes. */
interface Reading {
  /** What was looked at already. */
  readonly head: Uint8Array[];
  readonly rest: AsyncGenerator<Uint8Array, void, undefined>;
  readonly stop: AbortController;
}

/** Pieces that may wait for a reader. */
const WAITING = 2;

/**
 * A file of the web that nothing is kept of: every reader fetches it, and proves it as it comes. For one opening: what was peeked at
 * is for the next reader.
 */
export class StreamedDownload implements FetchedBytes {
  readonly filename: string;
  readonly isShared = false;
  readonly ready: Promise<void>;
  readonly #request: DownloadRequest;
  readonly #with: StreamedContext;
  readonly #listeners = new ProgressListeners();
  #size: number | undefined;
  #proven: VerificationResult | undefined;
  #validators: Validators = {};
  #from: string;
  /** The mirrors that are worth asking. */
  #urls: readonly string[];
  #hasFailed = false;
  #begun: Reading | undefined;

  constructor(request: DownloadRequest, context: StreamedContext) {
    this.#request = request;
    this.#with = context;
    this.#urls = request.urls;
    this.filename = fileNameOf(request.urls[0] ?? "");
    this.#from = publicUrl(request.urls[0] ?? "");
    this.ready = this.#look();
    this.ready.catch(() => {
      this.#hasFailed = true;
    });
  }

  get size(): number | undefined {
    return this.#proven?.size ?? this.#size;
  }
  get path(): undefined {
    return undefined;
  }
  get algorithms(): ReadonlySet<Algorithm> {
    return Verifier.algorithms(expectationOf(this.#request));
  }
  get validators(): Validators {
    return this.#validators;
  }
  get from(): string {
    return this.#from;
  }
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  watch(watcher: ProgressListener): void {
    this.#listeners.add(watcher);
  }

  /** The first bytes, at least so many where there are; the next read returns them again and continues from there. */
  async peek(length: number, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const reading = this.#begun ?? (await this.#begin());
    this.#begun = reading;
    for (let got = size(reading.head); got < length; got = size(reading.head)) {
      const next = await orAborted(reading.rest.next(), signal);
      if (next.done === true) break;
      reading.head.push(next.value);
    }
    return reading.head;
  }

  async *read(signal: AbortSignal, lent = false): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted();
    const { head, rest, stop } = this.#begun ?? (await this.#begin());
    this.#begun = undefined;
    const end = (): void => stop.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      yield* handedOut(inTurn(head, rest), lent);
    } finally {
      signal.removeEventListener("abort", end);
      stop.abort(new DOMException("no longer read", "AbortError"));
      await rest.return();
    }
  }

  async verify(signal: AbortSignal): Promise<VerificationResult> {
    if (this.#proven === undefined) for await (const _ of this.read(signal, true));
    if (this.#proven === undefined) throw new Error("a pass ended without a proof");
    return this.#proven;
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#begun?.stop.abort(new DOMException("not read", "AbortError"));
    await this.#begun?.rest.return();
  }

  async #begin(): Promise<Reading> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#with.signal, stop.signal]);
    const verifier = await Verifier.begin(expectationOf(this.#request), { size: this.#size });
    return { head: [], rest: this.#pieces(verifier, signal), stop };
  }

  async *#pieces(verifier: Verifier, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    using _ = verifier;
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: WAITING });
    const writer = writable.getWriter();
    const fetching = this.#fetch(verifier, (piece) => writer.write(piece), signal).then(
      () => writer.close(),
      (thrown: unknown) => writer.abort(signal.aborted ? signal.reason : thrown),
    );
    try {
      yield* heldBack(readable);
    } finally {
      await fetching.catch(() => undefined);
    }
  }

  /** Whether it is there, and how long it is. */
  async #look(): Promise<void> {
    const { urls, access } = this.#request;
    const { web, signal } = this.#with;
    const lost: unknown[] = [];
    for (const url of urls) {
      try {
        const { length } = await orAborted(web.head(url, access, signal), signal);
        this.#size = length;
        break;
      } catch (thrown) {
        signal.throwIfAborted();
        lost.push(thrown);
      }
    }
    if (lost.length === urls.length) throw lost[0];
    if (isHeld(this.#request)) await this.#choose();
  }

  /** What has passed by cannot be taken back: a pass without a reader finds the mirror that has the right bytes. */
  async #choose(): Promise<void> {
    const { urls } = this.#request;
    using sink = await ChecksumSink.begin(this.#request, (done, total) => this.#listeners.tell("verify", done, total));
    const { size } = await downloadVerified(sink, jobOf(this.#request, this.#with), this.#with.context.note);
    this.#size = size;
    this.#urls = sink.giver === undefined ? urls : urls.filter((url) => publicUrl(url) === sink.giver);
  }

  async #fetch(verifier: Verifier, give: (piece: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void> {
    const sink = new PassThroughSink(this.#request, verifier, give, (done, total) =>
      this.#listeners.tell("download", done, total),
    );
    await downloadInto(sink, { ...jobOf(this.#request, this.#with), urls: this.#urls, signal });
    this.#proven = await verifier.end();
    this.#validators = sink.validators;
    this.#from = sink.where ?? this.#from;
    this.#listeners.tell("verify", this.#proven.size, this.#proven.size);
  }
}

const size = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

async function* inTurn(head: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* head;
  yield* rest;
}
