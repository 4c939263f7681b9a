import { type DirectoryLease, lock } from "../../disk/lease.ts";
import { asFailure, Failure } from "../../failure.ts";
import { type Algorithm, nameOf } from "../../model/digest.ts";
import type { Validators } from "../../model/source.ts";
import { orAborted } from "../../net/scope.ts";
import { type Cache, type CachedFile, cacheGc, evictUnused, makeRoom } from "../cache/index.ts";
import type { SourceContext } from "../context.ts";
import { readWhole } from "../pieces.ts";
import {
  type FetchedBytes,
  type ProgressListener,
  ProgressListeners,
  type VerificationResult,
} from "../verified-bytes.ts";
import { Verifier } from "../verify/index.ts";
import { fileNameOf, publicUrl, type Web } from "../web/index.ts";
import type { GrowingFile } from "./growing-file.ts";
import { downloadVerified } from "./mirrors.ts";
import { PartialFile } from "./partial.ts";
import {
  type CachedBlob,
  type DownloadRequest,
  expectationOf,
  findCached,
  isHeld,
  jobOf,
  pinnedOf,
  requestKey,
  urlKey,
} from "./request.ts";

interface DownloadContext {
  readonly cache: Cache;
  /** Bytes that the cache may hold. */
  readonly max: number;
  /** The cache may hold nothing: what comes goes again with this download. */
  readonly isTemporary?: boolean;
  readonly web: Web;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
}

/** One file on its way into the cache, or in it already; however many want it, it is fetched once. */
export class Download implements FetchedBytes {
  readonly filename: string;
  readonly isShared = true;
  readonly ready: Promise<void>;
  readonly #request: DownloadRequest;
  readonly #with: DownloadContext;
  readonly #listeners = new ProgressListeners();
  readonly #ready = Promise.withResolvers<void>();
  readonly #proven = Promise.withResolvers<VerificationResult>();
  readonly #over: Promise<void>;
  #growing: GrowingFile | undefined;
  #blob: CachedFile | undefined;
  /** This download has put it there. */
  #isOwn = false;
  #validators: Validators = {};
  #from: string;
  #failure: unknown;
  /** What comes is not kept: a reader found that the bytes are damaged, maybe before they were all there. */
  #isDistrusted = false;

  constructor(request: DownloadRequest, context: DownloadContext) {
    this.#request = request;
    this.#with = context;
    this.filename = fileNameOf(request.urls[0] ?? "");
    this.#from = publicUrl(request.urls[0] ?? "");
    this.ready = this.#ready.promise;
    // Waiting readers get it; a failure without a waiting reader is dropped.
    this.ready.catch(() => {});
    this.#proven.promise.catch(() => {});
    this.#over = this.#run().catch((thrown: unknown) => {
      const reason = context.signal.aborted ? context.signal.reason : thrown;
      this.#failure = reason;
      this.#ready.reject(reason);
      this.#proven.reject(reason);
    });
  }

  get size(): number | undefined {
    return this.#blob?.size ?? this.#growing?.total;
  }
  get path(): string | undefined {
    return this.#blob?.path;
  }
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }
  get algorithms(): ReadonlySet<Algorithm> {
    if (this.#blob === undefined) return Verifier.algorithms(expectationOf(this.#request));
    return new Set(Object.values(this.#blob.digests).map(nameOf));
  }
  get validators(): Validators {
    return this.#validators;
  }
  get from(): string {
    return this.#from;
  }

  watch(watcher: ProgressListener): void {
    this.#listeners.add(watcher);
  }

  async *read(signal: AbortSignal, lent = false): AsyncGenerator<Uint8Array> {
    await orAborted(this.ready, signal);
    if (this.#blob !== undefined) yield* readWhole(this.#blob.path, signal, lent);
    else if (this.#growing !== undefined) yield* this.#growing.read(signal, lent);
    else throw this.#failure;
  }

  async verify(signal: AbortSignal): Promise<VerificationResult> {
    return await orAborted(this.#proven.promise, signal);
  }

  async check(): Promise<void> {}

  async distrust(): Promise<void> {
    this.#failure ??= new Failure("source.damaged", `${this.#from}: the cached copy was damaged`);
    this.#isDistrusted = true;
    if (this.#blob !== undefined) await this.#with.cache.drop(this.#blob.digest);
  }

  /** Waits until nothing goes on any more. What is not whole is kept for another run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#over;
    await this.#growing?.release();
    await this.#blob?.[Symbol.asyncDispose]();
    if (this.#with.isTemporary === true && this.#isOwn && this.#blob !== undefined)
      await evictUnused(this.#with.cache, this.#blob.digest).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { cache, web, signal, context } = this.#with;
    const { urls, access } = this.#request;
    const locks: DirectoryLease[] = [];
    const waiting = (who: string): void =>
      context.note?.(`${this.filename} is being downloaded by ${who}: waiting for it`);
    try {
      // Always in the same order, so that two processes never wait for each other.
      for (const key of [...new Set([requestKey(this.#request, web), urlKey(urls[0] ?? "", access, web)])].sort())
        locks.push(await lock(cache.directory.lock(key), "a download", { signal, waiting, clock: context.clock }));
      const found = await findCached(this.#request, this.#with);
      if (found === undefined) await this.#fetch();
      else await this.#found(found);
    } finally {
      await Promise.allSettled(locks.map(async (lease) => await lease[Symbol.asyncDispose]()));
    }
  }

  async #found({ blob, from }: CachedBlob): Promise<void> {
    this.#blob = blob;
    this.#from = from;
    this.#validators = blob.validators ?? {};
    this.#ready.resolve();
    this.#proven.resolve({ digests: blob.digests, size: blob.size });
  }

  async #fetch(): Promise<void> {
    const { cache, web, context, signal } = this.#with;
    const { urls } = this.#request;
    const seen = (growing: GrowingFile): void => {
      this.#growing = growing;
      this.#ready.resolve();
    };
    const partial = await PartialFile.open(cache, {
      key: requestKey(this.#request, web),
      demand: expectationOf(this.#request),
      pinned: pinnedOf(this.#request),
      places: urls.map(publicUrl),
      signal,
      tell: (phase, done, total) => this.#listeners.tell(phase, done, total),
      room: async (bytes) => await makeRoom(cache.directory.root, bytes),
      seen,
      isHeld: isHeld(this.#request),
    });
    try {
      const proven = await downloadVerified(partial, jobOf(this.#request, this.#with), context.note);
      this.#validators = partial.validators;
      this.#from = partial.where ?? this.#from;
      this.#proven.resolve(proven);
      await this.#keep(partial, proven);
    } catch (thrown) {
      if (isUseless(thrown) || this.#isDistrusted || this.#with.isTemporary === true)
        await partial.discard().catch(() => undefined);
      // Before the bytes are released: a reader that comes in between learns why there are none.
      this.#failure = signal.aborted ? signal.reason : thrown;
      partial.growing.fail(asFailure(this.#failure));
      this.#growing = undefined;
      await partial.close();
      throw thrown;
    }
  }

  /** Makes it part of the cache. Where that fails, this run goes on with the file that it has. */
  async #keep(partial: PartialFile, { digests, size }: VerificationResult): Promise<void> {
    const { cache, context, max, isTemporary } = this.#with;
    const { urls, access } = this.#request;
    if (digests.sha256 === undefined) return;
    const from = this.#from;
    const url = urls.find((one) => publicUrl(one) === from) ?? urls[0] ?? "";
    const validators = { ...partial.validators, length: size };
    const arrival = {
      digest: digests.sha256,
      digests,
      from,
      filename: this.filename,
      key: urlKey(url, access, this.#with.web),
      validators,
    };
    try {
      await partial.growing.sync();
      this.#blob = await cache.insert(partial.growing.path, arrival);
      this.#isOwn = true;
      if (this.#isDistrusted) await cache.drop(this.#blob.digest);
      await partial.forget();
      this.#growing = undefined;
      await partial.close();
    } catch (thrown) {
      const { message } = asFailure(thrown);
      context.note?.(`${this.filename} could not be kept in the cache: ${message}`);
      if (this.#blob === undefined) await partial.discard().catch(() => undefined);
      return;
    }
    // Too much in the cache is no reason to fail, and the next run tries again.
    if (isTemporary !== true) await cacheGc(cache.directory.root, { maxBytes: max }).catch(() => undefined);
  }
}

/** With these bytes nothing will ever come of it; and a full disk is to be left as it was. */
const isUseless = (thrown: unknown): boolean =>
  thrown instanceof Failure &&
  ["source.checksum", "source.changed", "source.signature", "source.key", "source.space"].includes(thrown.code);
