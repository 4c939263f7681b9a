import { hexOf, passThrough } from "images";
import type { StoreBlob } from "../local/record.ts";
import type { Bytes, Putting } from "../local/store.ts";
import { conflict } from "./conflict.ts";
import { type Multipart, partSize, type SentPart } from "./multipart.ts";
import { isOwn } from "./object.ts";
import type { BucketObjects } from "./objects.ts";
import { forget, goneKey } from "./sweep.ts";
import type { TakenUpload, Uploads } from "./uploads.ts";

/** Parts that are on their way at once: as many are in memory, and the one that is being filled. */
const FLYING = 2;

/** The bytes of a store in a bucket: each content is kept once, in an object that is named by its sha256. */
export class BucketBlobs {
  readonly #objects: BucketObjects;
  readonly #multipart: Multipart;
  readonly #uploads: Uploads;

  constructor(objects: BucketObjects, multipart: Multipart, uploads: Uploads) {
    this.#objects = objects;
    this.#multipart = multipart;
    this.#uploads = uploads;
  }

  async put(source: Bytes, { before, progress, part, context }: Putting, store: string) {
    const { signal, address, desiredMarker } = context;
    const known = source.digest?.startsWith("sha256:") === true ? hexOf(source.digest) : undefined;
    const size = source.size;
    const sending = new Sending({
      size,
      signal,
      part: (...args) => this.#multipart.part(...args, signal),
      take: async () =>
        await this.#uploads.take(
          [desiredMarker?.file ?? "", desiredMarker?.lineage ?? "", address, part],
          known === undefined ? undefined : keyOf(known),
          {
            store,
            ...(known === undefined ? {} : { sha256: known }),
            ...(known === undefined || size === undefined ? {} : { size }),
          },
        ),
      ...(progress === undefined ? {} : { progress }),
      isThere: known !== undefined && size !== undefined && (await this.#isThere({ sha256: known, size }, store)),
    });
    // The digest of a source is made on its way to us.
    const hash = source.digests === undefined ? new Bun.CryptoHasher("sha256") : undefined;
    const both = before === undefined ? undefined : new Bun.CryptoHasher("sha256").update(before);
    try {
      for await (const piece of passThrough(source, signal)) {
        signal.throwIfAborted();
        for (const hasher of [hash, both]) hasher?.update(piece);
        await sending.add(piece);
      }
      const sent = await sending.end();
      const sha256 = hash?.digest("hex") ?? (await sha256Of(source));
      const blob = { sha256, size: sending.size };
      await this.#settle(blob, sent, store);
      progress?.(blob.size);
      return { ...blob, combined: both?.digest("hex") ?? sha256 };
    } catch (thrown) {
      await sending.stop();
      throw thrown;
    }
  }

  /** Whether these bytes are there: an object of the store's own of this name and size, which the server has verified when it came. */
  async #isThere({ sha256, size }: StoreBlob, store: string): Promise<boolean> {
    const found = await this.#objects.head(keyOf(sha256));
    return found?.size === size && isOwn(found, store, keyOf(sha256));
  }

  /** Gives bytes the name of their digest. What has that name already stays; only an object of the store's own with other bytes is replaced. */
  async #settle(blob: StoreBlob, sent: Sent, store: string): Promise<void> {
    const key = keyOf(blob.sha256);
    // Unused so far: the grace period is over.
    await forget(this.#objects, goneKey(key), store);
    const found = await this.#objects.head(key);
    const isForeign = found !== undefined && !isOwn(found, store, key);
    if (isForeign && (await this.#sha256(key)) !== blob.sha256) throw conflict(this.#objects.where(key));
    const isKept = found?.size === blob.size;
    if (sent.kind === "whole") {
      if (!isKept) await this.#objects.put(key, sent.bytes, { store, sha256: blob.sha256 });
    } else if (sent.kind === "parts") {
      if (isKept) return await this.#uploads.abort(sent.upload);
      await this.#multipart.complete(sent.upload, sent.parts, store);
      if (sent.upload.key !== key) {
        await this.#uploads.copy({ from: sent.upload.key, to: key, size: blob.size, store, sha256: blob.sha256 });
        await this.#objects.delete(sent.upload.key);
      }
      await this.#uploads.done(sent.upload);
    }
  }

  async #sha256(key: string): Promise<string> {
    const hash = new Bun.CryptoHasher("sha256");
    for await (const piece of this.#objects.stream(key, new AbortController().signal)) hash.update(piece);
    return hash.digest("hex");
  }
}

export const keyOf = (sha256: string): string => `blobs/${sha256}`;

type Sent =
  | { readonly kind: "none" }
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "parts"; readonly upload: TakenUpload; readonly parts: readonly SentPart[] };

interface SendingMeans {
  readonly size: number | undefined;
  readonly signal: AbortSignal;
  readonly isThere: boolean;
  readonly progress?: (done: number) => void;
  readonly take: () => Promise<TakenUpload>;
  readonly part: (upload: TakenUpload, n: number, data: Uint8Array, have: SentPart | undefined) => Promise<SentPart>;
}

/** Bytes on their way, in parts: a fixed number of them is in memory. */
class Sending {
  readonly #means: SendingMeans;
  readonly #parts: SentPart[] = [];
  readonly #free: Uint8Array[] = [];
  readonly #flying = new Set<Promise<void>>();
  #buffer: Uint8Array | undefined;
  #filled = 0;
  #n = 1;
  #done = 0;
  #upload: TakenUpload | undefined;
  size = 0;

  constructor(means: SendingMeans) {
    this.#means = means;
  }

  async add(piece: Uint8Array): Promise<void> {
    this.size += piece.byteLength;
    if (this.#means.isThere) return this.#means.progress?.(this.size);
    for (let rest = piece; rest.byteLength > 0; ) {
      this.#buffer ??= this.#room();
      const taken = rest.subarray(0, this.#buffer.byteLength - this.#filled);
      this.#buffer.set(taken, this.#filled);
      this.#filled += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
      if (this.#filled === this.#buffer.byteLength) await this.#send();
    }
  }

  async end(): Promise<Sent> {
    if (this.#means.isThere) return { kind: "none" };
    const rest = this.#buffer?.subarray(0, this.#filled) ?? new Uint8Array();
    if (this.#upload === undefined) return { kind: "whole", bytes: rest };
    if (rest.byteLength > 0) await this.#send();
    await Promise.all(this.#flying);
    return { kind: "parts", upload: this.#upload, parts: this.#parts };
  }

  /** Nothing is on its way any more. What the server has of it stays, for a run that goes on with it. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#flying);
  }

  #room(): Uint8Array {
    const wanted = partSize(this.#n, this.#means.size);
    const room = this.#free.pop();
    return room?.byteLength === wanted ? room : new Uint8Array(Math.min(wanted, (this.#means.size ?? wanted) + 1));
  }

  async #send(): Promise<void> {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#upload ??= await this.#means.take();
    while (this.#flying.size >= FLYING) await Promise.race(this.#flying);
    const upload = this.#upload;
    const [n, data] = [this.#n++, buffer.subarray(0, this.#filled)];
    [this.#buffer, this.#filled] = [undefined, 0];
    const sent = this.#means.part(upload, n, data, upload.have.get(n)).then((part) => {
      this.#parts[n - 1] = part;
      this.#free.push(buffer);
      this.#done += data.byteLength;
      this.#means.progress?.(this.#done);
    });
    const flying = sent.finally(() => this.#flying.delete(flying));
    this.#flying.add(flying);
    // It is awaited before the next one is sent, or at the end; until then its result is unused.
    flying.catch(() => undefined);
  }
}

async function sha256Of(source: Bytes): Promise<string> {
  const made = (await source.digests?.())?.sha256;
  if (made === undefined) throw new Error("a source does not say what its bytes hash to");
  return hexOf(made);
}
