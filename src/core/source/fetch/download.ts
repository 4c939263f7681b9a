import { type DirectoryLease, lock } from "../../disk/lease.ts";
import { asFailure, Failure } from "../../failure.ts";
import { type Algorithm, nameOf } from "../../model/digest.ts";
import type { Validators } from "../../model/source.ts";
import { orAborted } from "../../net/scope.ts";
import { type Cache, type CachedFile, cacheGc, evictUnused, makeRoom } from "../cache/index.ts";
import type { SourceMeans } from "../means.ts";
import { readWhole } from "../pieces.ts";
import { type FetchedBytes, type ProofResult, type SupplyWatcher, Watchers } from "../supply.ts";
import { Proving } from "../verify/index.ts";
import { fileNameOf, publicUrl, type Web } from "../web/index.ts";
import type { GrowingFile } from "./growing.ts";
import { fillProven } from "./mirrors.ts";
import {
  type CachedBlob,
  type DownloadOrder,
  demandOf,
  findCached,
  isHeld,
  orderKey,
  pinnedOf,
  urlKey,
} from "./order.ts";
import { Partial } from "./partial.ts";

interface DownloadMeans {
  readonly cache: Cache;
  /** Bytes that the cache may hold. */
  readonly max: number;
  /** The cache may hold nothing: what comes goes again with this download. */
  readonly isTemporary?: boolean;
  readonly web: Web;
  readonly means: SourceMeans;
  readonly signal: AbortSignal;
}

/** One file on its way into the cache, or in it already; however many want it, it is fetched once. */
export class Download implements FetchedBytes {
  readonly filename: string;
  readonly isShared = true;
  readonly ready: Promise<void>;
  readonly #order: DownloadOrder;
  readonly #with: DownloadMeans;
  readonly #watchers = new Watchers();
  readonly #ready = Promise.withResolvers<void>();
  readonly #proven = Promise.withResolvers<ProofResult>();
  readonly #over: Promise<void>;
  #growing: GrowingFile | undefined;
  #blob: CachedFile | undefined;
  /** This download has put it there. */
  #isOwn = false;
  #validators: Validators = {};
  #from: string;
  #failure: unknown;

  constructor(order: DownloadOrder, means: DownloadMeans) {
    this.#order = order;
    this.#with = means;
    this.filename = fileNameOf(order.urls[0] ?? "");
    this.#from = publicUrl(order.urls[0] ?? "");
    this.ready = this.#ready.promise;
    // Who waits is told; a failure that nobody waits for is none.
    this.ready.catch(() => {});
    this.#proven.promise.catch(() => {});
    this.#over = this.#run().catch((thrown: unknown) => {
      const reason = means.signal.aborted ? means.signal.reason : thrown;
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
    if (this.#blob === undefined) return Proving.algorithms(demandOf(this.#order));
    return new Set(Object.values(this.#blob.digests).map(nameOf));
  }
  get validators(): Validators {
    return this.#validators;
  }
  get from(): string {
    return this.#from;
  }

  watch(watcher: SupplyWatcher): void {
    this.#watchers.add(watcher);
  }

  async *read(signal: AbortSignal, lent = false): AsyncGenerator<Uint8Array> {
    await orAborted(this.ready, signal);
    if (this.#blob !== undefined) yield* readWhole(this.#blob.path, signal, lent);
    else if (this.#growing !== undefined) yield* this.#growing.read(signal, lent);
    else throw this.#failure;
  }

  async prove(signal: AbortSignal): Promise<ProofResult> {
    return await orAborted(this.#proven.promise, signal);
  }

  async check(): Promise<void> {}

  async distrust(): Promise<void> {
    this.#failure ??= new Failure("source.damaged", `${this.#from}: the cached copy was damaged`);
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
    const { cache, web, signal, means } = this.#with;
    const { urls, access } = this.#order;
    const locks: DirectoryLease[] = [];
    const waiting = (who: string): void =>
      means.note?.(`${this.filename} is being downloaded by ${who}: waiting for it`);
    try {
      // Always in the same order, so that two processes never wait for each other.
      for (const key of [...new Set([orderKey(this.#order, web), urlKey(urls[0] ?? "", access, web)])].sort())
        locks.push(await lock(cache.folder.lock(key), "a download", { signal, waiting, clock: means.clock }));
      const found = await findCached(this.#order, this.#with);
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
    const { cache, web, means, signal } = this.#with;
    const { urls, access, proof } = this.#order;
    const seen = (growing: GrowingFile): void => {
      this.#growing = growing;
      this.#ready.resolve();
    };
    const partial = await Partial.open(cache, {
      key: orderKey(this.#order, web),
      demand: demandOf(this.#order),
      pinned: pinnedOf(this.#order),
      places: urls.map(publicUrl),
      signal,
      tell: (phase, done, total) => this.#watchers.tell(phase, done, total),
      room: async (bytes) => await makeRoom(cache.folder.root, bytes),
      seen,
      isHeld: isHeld(this.#order),
    });
    const { patience = {}, clock } = means;
    try {
      const filling = { urls, access, isProven: proof.digest !== undefined, web, signal, patience, clock };
      const proven = await fillProven(partial, filling, means.note);
      this.#validators = partial.validators;
      this.#from = partial.where ?? this.#from;
      this.#proven.resolve(proven);
      await this.#keep(partial, proven);
    } catch (thrown) {
      if (isUseless(thrown) || this.#with.isTemporary === true) await partial.discard().catch(() => undefined);
      // Before the bytes are let go of: who comes in between is told why there are none.
      this.#failure = signal.aborted ? signal.reason : thrown;
      partial.growing.fail(asFailure(this.#failure));
      this.#growing = undefined;
      await partial.close();
      throw thrown;
    }
  }

  /** Makes it part of the cache. Where that fails, this run goes on with the file that it has. */
  async #keep(partial: Partial, { digests, size }: ProofResult): Promise<void> {
    const { cache, means, max, isTemporary } = this.#with;
    const { urls, access } = this.#order;
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
      await partial.forget();
      this.#growing = undefined;
      await partial.close();
    } catch (thrown) {
      const { message } = asFailure(thrown);
      means.note?.(`${this.filename} could not be kept in the cache: ${message}`);
      if (this.#blob === undefined) await partial.discard().catch(() => undefined);
      return;
    }
    // Too much in the cache is no reason to fail, and the next run tries again.
    if (isTemporary !== true) await cacheGc(cache.folder.root, { maxBytes: max }).catch(() => undefined);
  }
}

/** With these bytes nothing will ever come of it; and a full disk is to be left as it was. */
const isUseless = (thrown: unknown): boolean =>
  thrown instanceof Failure &&
  ["source.checksum", "source.changed", "source.signature", "source.key", "source.space"].includes(thrown.code);
