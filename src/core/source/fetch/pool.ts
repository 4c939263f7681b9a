import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Part } from "../../abilities.ts";
import { Failure } from "../../failure.ts";
import type { Address } from "../../model/name.ts";
import type { Content, UrlSource } from "../../model/source.ts";
import { canonical } from "../../model/value.ts";
import { orAborted } from "../../net/scope.ts";
import { Cache, cacheMax, cacheRoot } from "../cache/index.ts";
import type { SourceContext } from "../context.ts";
import type { FetchedBytes } from "../verified-bytes.ts";
import type { DeclaredProof } from "../verify/index.ts";
import { credentialsOf, type Web } from "../web/index.ts";
import { Download } from "./download.ts";
import { type DownloadRequest, requestKey } from "./request.ts";
import { SpooledDownload, type SpoolOrder } from "./spooled.ts";
import { StreamedDownload } from "./streamed.ts";

const NOTHING: DeclaredProof = {};

/** The bytes that are under way in one run, each of them once, however many want them. */
export class DownloadPool implements AsyncDisposable {
  readonly #context: SourceContext;
  readonly #web: Web;
  readonly #signal: AbortSignal;
  readonly #caches = new Map<string, Promise<Cache>>();
  readonly #downloads = new Map<string, Download>();
  /** Files that are read more than once in this run, so that a cache that may hold nothing keeps them until its end. */
  readonly #kept = new Set<string>();
  readonly #parts = new Map<Address, Promise<readonly SpooledDownload[]>>();
  readonly #made = new Map<string, SpooledDownload>();
  readonly #all: AsyncDisposable[] = [];

  constructor(context: SourceContext, web: Web, signal: AbortSignal) {
    this.#context = context;
    this.#web = web;
    this.#signal = signal;
  }

  /**
   * A file of the web. One that has failed is started again for the next reader. Where nothing may be kept, it is the caller's own, and
   * fetched for each reader; unless it is said that there will be others (`isKept`), for whom it is kept until the end of the run.
   */
  async download(
    spec: UrlSource,
    proof: DeclaredProof,
    expected: Content | undefined,
    isKept = false,
  ): Promise<FetchedBytes> {
    const { urls, cache: own } = spec;
    const request: DownloadRequest = { urls, access: credentialsOf(spec), proof, expected };
    const max = cacheMax(this.#context.env);
    const isTemporary = max === 0 && own === undefined;
    const common = { web: this.#web, context: this.#context, signal: this.#signal };
    const file = canonical([urls, request.access]);
    if (isKept) this.#kept.add(file);
    if (isTemporary && !this.#kept.has(file)) {
      const streamed = new StreamedDownload(request, common);
      this.#all.push(streamed);
      return streamed;
    }
    const root = own ?? cacheRoot(this.#context.env);
    const cache = await this.#cache(root);
    // Readers with other demands share no verdict: each has a download of its own, of which the second finds what the first has kept.
    const demands = canonical([spec.checksum, spec.signature, expected?.digest]);
    const key = [root, requestKey(request, this.#web), demands].join("\n");
    const before = this.#downloads.get(key);
    if (before !== undefined && !before.hasFailed) return before;
    const download = new Download(request, { ...common, cache, max, isTemporary });
    // Where there is no room for it, it is fetched for each reader after all.
    download.verify(this.#signal).catch(() => this.#kept.delete(file));
    this.#downloads.set(key, download);
    this.#all.push(download);
    return download;
  }

  /** The files of another address: metadata and disk, or the disk alone. What a reader demands of them is for the reader to prove. */
  async parts(address: Address, signal: AbortSignal): Promise<readonly SpooledDownload[]> {
    const before = this.#parts.get(address);
    if (before !== undefined) return await orAborted(before, signal);
    const made = this.#openParts(address);
    this.#parts.set(address, made);
    made.catch(() => this.#parts.delete(address));
    return await orAborted(made, signal);
  }

  /** What is made of other bytes, once for all that want the same. */
  async made(key: string, request: Omit<SpoolOrder, "path" | "signal" | "demand">): Promise<SpooledDownload> {
    const path = await this.#temporary();
    const before = this.#made.get(key);
    if (before !== undefined) return before;
    const made = this.#spool({
      ...request,
      path,
      demand: { proof: NOTHING, expected: undefined, where: request.filename },
    });
    this.#made.set(key, made);
    // What failed is requested again for the next reader.
    made.verify(this.#signal).catch(() => this.#made.delete(key));
    return made;
  }

  /** A directory for temporary files. */
  async scratch(): Promise<string> {
    return (await this.#cache(cacheRoot(this.#context.env))).directory.scratch;
  }

  /** Waits for all that is under way: its signal is to be aborted before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#all.map(async (one) => await one[Symbol.asyncDispose]()));
  }

  async #openParts(address: Address): Promise<readonly SpooledDownload[]> {
    const { download } = this.#context;
    if (download === undefined) throw new Failure("source.image", `nothing is known of ${address} here`);
    const parts = await download(address, this.#signal);
    if (parts.length === 0)
      throw new Failure("source.image", `${address} has no bytes`, {
        hint: "use another source for this image",
      });
    return await Promise.all(parts.map(async (part) => await this.#part(address, part)));
  }

  async #part(address: Address, part: Part): Promise<SpooledDownload> {
    return this.#spool({
      filename: part.name,
      path: await this.#temporary(),
      produce: (signal) => exactly(part.open(signal), part.size, address),
      size: part.size,
      demand: { proof: NOTHING, expected: part.digest, where: address },
      phase: "download",
    });
  }

  #spool(request: Omit<SpoolOrder, "signal">): SpooledDownload {
    const spooled = new SpooledDownload({ ...request, signal: this.#signal });
    this.#all.push(spooled);
    return spooled;
  }

  async #temporary(): Promise<string> {
    return join(await this.scratch(), randomUUID());
  }

  #cache(root: string): Promise<Cache> {
    const before = this.#caches.get(root);
    if (before !== undefined) return before;
    const opened = Cache.open(root);
    this.#caches.set(root, opened);
    opened.catch(() => this.#caches.delete(root));
    return opened;
  }
}

/** Fails at its end where there are fewer or more bytes than the backend says: no reader has the last of them by then. */
async function* exactly(
  bytes: AsyncIterable<Uint8Array>,
  size: number | undefined,
  where: Address,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const piece of bytes) {
    length += piece.length;
    yield piece;
  }
  if (size === undefined || length === size) return;
  throw new Failure("source.digest", `the download is not ${where}: expected ${size} bytes, got ${length}`, {
    hint: "try again; if it fails again, the image on the backend is damaged",
  });
}
