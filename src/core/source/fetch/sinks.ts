import { free } from "../../format/collection.ts";
import type { Validators } from "../../model/source.ts";
import type { VerificationResult } from "../verified-bytes.ts";
import { changed, Verifier } from "../verify/index.ts";
import type { VerifyingSink } from "./mirrors.ts";
import { announced, type DownloadRequest, expectationOf, pinnedOf, stillPinned } from "./request.ts";
import type { DownloadSink } from "./sink.ts";

/** What a server says of the bytes that go by; only those that the plan was made from are accepted. */
class Accepted {
  offset = 0;
  total: number | undefined;
  validators: Validators = {};
  where: string | undefined;
  protected readonly order: DownloadRequest;

  constructor(request: DownloadRequest) {
    this.order = request;
  }

  async accept(where: string, validators: Validators, total: number | undefined): Promise<void> {
    const pinned = pinnedOf(this.order);
    stillPinned(pinned, where, validators);
    const { length: _, ...version } = validators;
    this.validators = version;
    this.where = where;
    this.total = announced(pinned, where, total);
  }
}

/** Where the bytes of one reading go by: they are proven and given on, and cannot be taken back. */
export class PassThroughSink extends Accepted implements DownloadSink {
  readonly #verifier: Verifier;
  readonly #give: (piece: Uint8Array) => Promise<void>;
  readonly #onProgress: (done: number, total: number | undefined) => void;

  constructor(
    request: DownloadRequest,
    verifier: Verifier,
    give: (piece: Uint8Array) => Promise<void>,
    onProgress: (done: number, total: number | undefined) => void,
  ) {
    super(request);
    this.#verifier = verifier;
    this.#give = give;
    this.#onProgress = onProgress;
  }

  get isSeen(): boolean {
    return this.offset > 0;
  }

  soFar(): Promise<string> {
    return this.#verifier.soFar();
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#verifier.update(bytes);
    this.offset += bytes.length;
    await this.#give(bytes);
    this.#onProgress(this.offset, this.total);
  }

  async restart(): Promise<void> {
    if (this.isSeen)
      throw changed(
        this.where ?? "the source",
        "the file has changed since the download began",
        "while it was fetched",
      );
  }
}

/** Bytes without a reader: they are only verified. */
export class ChecksumSink extends Accepted implements VerifyingSink, Disposable {
  readonly isSeen = false;
  /** The mirror that the proven bytes came from, where it was one. */
  giver: string | undefined;
  readonly #onProgress: (done: number, total: number | undefined) => void;
  #verifier: Verifier;

  private constructor(
    request: DownloadRequest,
    onProgress: (done: number, total: number | undefined) => void,
    verifier: Verifier,
  ) {
    super(request);
    this.#onProgress = onProgress;
    this.#verifier = verifier;
  }

  /** @throws Failure source.signature, source.key, and those of fetching them */
  static async begin(
    request: DownloadRequest,
    onProgress: (done: number, total: number | undefined) => void,
  ): Promise<ChecksumSink> {
    return new ChecksumSink(request, onProgress, await Verifier.begin(expectationOf(request)));
  }

  soFar(): Promise<string> {
    return this.#verifier.soFar();
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#verifier.update(bytes);
    this.offset += bytes.length;
    free(bytes);
    this.#onProgress(this.offset, this.total);
  }

  async restart(): Promise<void> {
    this.#verifier[Symbol.dispose]();
    this.#verifier = await Verifier.begin(expectationOf(this.order));
    this.offset = 0;
    this.total = undefined;
  }

  async verify(giver?: string): Promise<VerificationResult> {
    const proven = await this.#verifier.end(false, giver);
    this.giver = giver;
    return proven;
  }

  [Symbol.dispose](): void {
    this.#verifier[Symbol.dispose]();
  }
}
