import { type HeldPart, hexOf, inParts, partSize, passThrough } from "images";
import type { StoreBlob } from "../local/record.ts";
import type { Bytes, Putting } from "../local/store.ts";
import { conflict } from "./conflict.ts";
import type { Multipart, SentPart } from "./multipart.ts";
import { isOwn } from "./object.ts";
import type { BucketObjects } from "./objects.ts";
import { forget, goneKey } from "./sweep.ts";
import type { TakenUpload, Uploads } from "./uploads.ts";

/** Parts of an image that are on their way at once, beside the one that is being filled. */
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
    const isThere = known !== undefined && size !== undefined && (await this.#isThere({ sha256: known, size }, store));
    const sending = new Sending({
      size,
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
    });
    // The digest of a source is made on its way to us.
    const hash = source.digests === undefined ? new Bun.CryptoHasher("sha256") : undefined;
    const both = before === undefined ? undefined : new Bun.CryptoHasher("sha256").update(before);
    let seen = 0;
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of passThrough(source, signal)) {
        signal.throwIfAborted();
        for (const hasher of [hash, both]) hasher?.update(piece);
        seen += piece.byteLength;
        if (isThere) progress?.(seen);
        else yield piece;
      }
    };
    try {
      for await (const one of inParts(pieces(), sending.sizeOf, signal)) await sending.send(one);
      const sent = isThere ? NOTHING : await sending.end();
      const sha256 = hash?.digest("hex") ?? (await sha256Of(source));
      const blob = { sha256, size: seen };
      await this.#settle(blob, sent, store);
      progress?.(blob.size);
      return { ...blob, combined: both?.digest("hex") ?? sha256 };
    } finally {
      await sending.stop();
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

const NOTHING: Sent = { kind: "none" };

interface SendingMeans {
  readonly size: number | undefined;
  readonly progress?: (done: number) => void;
  readonly take: () => Promise<TakenUpload>;
  readonly part: (upload: TakenUpload, n: number, data: Uint8Array, have: SentPart | undefined) => Promise<SentPart>;
}

/** Bytes on their way, in parts: a fixed number of them is in memory. */
class Sending {
  readonly #means: SendingMeans;
  readonly #parts: SentPart[] = [];
  readonly #flying = new Set<Promise<void>>();
  /** All of the bytes, where they are fewer than a part. */
  #whole: HeldPart | undefined;
  #done = 0;
  #upload: TakenUpload | undefined;

  constructor(means: SendingMeans) {
    this.#means = means;
  }

  /** Of the buffer of a part: what is smaller than one part does not fill it. */
  readonly sizeOf = (n: number): number => {
    const { size } = this.#means;
    const wanted = partSize(n, size);
    return Math.min(wanted, (size ?? wanted) + 1);
  };

  /** Resolves when the next part may come. */
  async send(part: HeldPart): Promise<void> {
    if (part.n === 1 && part.bytes.byteLength < this.sizeOf(1)) {
      this.#whole = part;
      return;
    }
    try {
      this.#upload ??= await this.#means.take();
      while (this.#flying.size >= FLYING) await Promise.race(this.#flying);
    } catch (thrown) {
      part.release();
      throw thrown;
    }
    const flying = this.#fly(part, this.#upload).finally(() => this.#flying.delete(flying));
    this.#flying.add(flying);
    // It is awaited before the next one is sent, or at the end; until then its result is unused.
    flying.catch(() => undefined);
  }

  async end(): Promise<Sent> {
    if (this.#upload === undefined) return { kind: "whole", bytes: this.#whole?.bytes ?? new Uint8Array() };
    await Promise.all(this.#flying);
    return { kind: "parts", upload: this.#upload, parts: this.#parts };
  }

  /** Nothing is on its way any more. What the server has of it stays, for a run that goes on with it. */
  async stop(): Promise<void> {
    this.#whole?.release(false);
    await Promise.allSettled(this.#flying);
  }

  async #fly({ n, bytes, release }: HeldPart, upload: TakenUpload): Promise<void> {
    const { byteLength } = bytes;
    let isSent = false;
    try {
      this.#parts[n - 1] = await this.#means.part(upload, n, bytes, upload.have.get(n));
      isSent = true;
    } finally {
      release(isSent);
    }
    this.#done += byteLength;
    this.#means.progress?.(this.#done);
  }
}

async function sha256Of(source: Bytes): Promise<string> {
  const made = (await source.digests?.())?.sha256;
  if (made === undefined) throw new Error("a source does not say what its bytes hash to");
  return hexOf(made);
}
