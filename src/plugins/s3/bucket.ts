import { Failure, type ImageId, type ReadContext } from "images";
import { partsOf } from "../local/entry.ts";
import type { StoreBlob, StoreEntry } from "../local/record.ts";
import { type Bytes, blobsOf, type ImageStore, type ListedEntry, type Putting, type Show } from "../local/store.ts";
import { fileName, isPublic } from "../local/streams.ts";
import { BucketBlobs, keyOf } from "./blobs.ts";
import { conflict } from "./conflict.ts";
import { establish, recognize } from "./identity.ts";
import { Multipart } from "./multipart.ts";
import { isOwn } from "./object.ts";
import type { BucketObjects } from "./objects.ts";
import { Pointers } from "./pointers.ts";
import { BucketRecords } from "./records.ts";
import { sweep } from "./sweep.ts";
import { Uploads } from "./uploads.ts";
import { BucketWorking } from "./working.ts";

type Note = ReadContext["note"];

/** How long what is left over stays, in milliseconds. */
interface Keeping {
  /** Bytes that no image has any more. */
  readonly grace: number;
  /** Uploads of runs that died. */
  readonly resume: number;
}

/** A store below a prefix of a bucket. */
export class BucketStore implements ImageStore {
  readonly #objects: BucketObjects;
  readonly #keeping: Keeping;
  readonly #working: BucketWorking;
  readonly #uploads: Uploads;
  readonly #blobs: BucketBlobs;
  readonly #records: BucketRecords;
  readonly #pointers: Pointers;
  #found: Promise<string | undefined> | undefined;

  constructor(objects: BucketObjects, keeping: Keeping) {
    this.#objects = objects;
    this.#keeping = keeping;
    this.#working = new BucketWorking(objects);
    const multipart = new Multipart(objects);
    this.#uploads = new Uploads(objects, multipart, this.#working);
    this.#blobs = new BucketBlobs(objects, multipart, this.#uploads);
    this.#records = new BucketRecords(objects);
    this.#pointers = new Pointers(objects);
  }

  id(): Promise<string | undefined> {
    this.#found ??= recognize(this.#objects);
    return this.#found;
  }

  where(...parts: readonly string[]): string {
    return this.#objects.where(...parts);
  }

  async begin({ note, signal }: ReadContext): Promise<void> {
    await recognize(this.#objects);
    await this.#working.begin(signal);
    const id = (await recognize(this.#objects)) ?? (await establish(this.#objects));
    this.#found = Promise.resolve(id);
    for (const name of await this.#pointers.foreign(id))
      note(`warning: ${this.where(name)} was not written by this store, and is left as it is`);
  }

  async *entries(note?: Note): AsyncGenerator<StoreEntry> {
    const id = await this.id();
    if (id !== undefined) yield* this.#records.entries(id, note);
  }

  async *list(note: Note): AsyncGenerator<readonly ListedEntry[]> {
    const sizes = new Map<string, number>();
    if ((await this.id()) === undefined) return;
    for await (const { key, size } of this.#objects.list("blobs/")) sizes.set(key, size);
    const isThere = ({ sha256, size }: StoreBlob) => sizes.get(keyOf(sha256)) === size;
    for await (const entry of this.entries(note)) yield [{ entry, isWhole: partsOf(entry).every(isThere) }];
  }

  async entry(id: ImageId, note?: Note): Promise<StoreEntry | undefined> {
    return (await this.id()) === undefined ? undefined : await this.#records.entry(id, note);
  }

  async isWhole(entry: StoreEntry): Promise<boolean> {
    const heads = partsOf(entry).map(
      async ({ sha256, size }) => (await this.#objects.head(keyOf(sha256)))?.size === size,
    );
    return !(await Promise.all(heads)).includes(false);
  }

  async putEntry(entry: StoreEntry): Promise<void> {
    await this.#working.hold();
    await this.#records.put(entry, await this.#known());
  }

  async removeEntry({ id }: StoreEntry): Promise<void> {
    await this.#working.hold();
    await this.#records.remove(id);
  }

  async put(source: Bytes, how: Putting): Promise<StoreBlob & { readonly combined: string }> {
    return await this.#blobs.put(source, how, await this.#known());
  }

  async read(blob: StoreBlob): Promise<Uint8Array> {
    return Buffer.concat(await Array.fromAsync(this.open(blob, new AbortController().signal)));
  }

  open({ sha256 }: StoreBlob, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#objects.stream(keyOf(sha256), signal);
  }

  async checkFile(file: string): Promise<void> {
    const key = `files/${file}`;
    const found = await this.#objects.head(key);
    if (found !== undefined && !isOwn(found, await this.#known(), key)) throw conflict(this.where(key));
  }

  async name({ sha256, size }: StoreBlob, file: string): Promise<void> {
    const [store, to] = [await this.#known(), `files/${file}`];
    const found = await this.#objects.head(to);
    if (found !== undefined && !isOwn(found, store, to)) throw conflict(this.where(to));
    if (found?.sha256 === sha256 && found.size === size) return;
    await this.#uploads.copy({ from: keyOf(sha256), to, size, store, sha256 });
  }

  async unname({ sha256 }: StoreBlob, file: string): Promise<boolean> {
    const key = `files/${file}`;
    const found = await this.#objects.head(key);
    if (found?.sha256 !== sha256 || !isOwn(found, await this.#known(), key)) return false;
    await this.#objects.delete(key);
    return true;
  }

  async publish(show: Show): Promise<void> {
    await this.#pointers.write(await this.#known(), () => Array.fromAsync(this.entries()), show);
  }

  async end(show: Show, hasChanged: boolean): Promise<void> {
    try {
      if (!hasChanged && !(await this.#makesUp())) return;
      const dead = await this.#working.dead();
      await this.publish(show);
      const store = await this.#known();
      await this.#records.save(store);
      if ((await this.#records.areWhole(store)) && (await this.#working.alone())) await this.#sweep(store);
      await this.#uploads.sweep(this.#keeping.resume, store);
      await this.#working.settle(dead);
    } finally {
      this.#working.stop();
    }
  }

  /** A link with which anyone can download these bytes, for so many seconds. */
  async link({ sha256 }: StoreBlob, seconds: number): Promise<string> {
    return await this.#objects.link(keyOf(sha256), seconds);
  }

  /** Whether a run died before it had settled what it did, and this one may do it. */
  async #makesUp(): Promise<boolean> {
    const id = await this.id().catch(() => undefined);
    if (id === undefined || (await this.#working.dead()).length === 0) return false;
    return await this.#working.begin().then(
      () => true,
      (thrown: unknown) => {
        // A client with read access leaves it to others.
        if (thrown instanceof Failure && thrown.code === "backend.denied") return false;
        throw thrown;
      },
    );
  }

  /** While no other writer is there, and none can begin. */
  async #sweep(store: string): Promise<void> {
    const entries = await Array.fromAsync(this.entries());
    const used = new Set(entries.flatMap(blobsOf).map(keyOf));
    for (const entry of entries.filter(isPublic)) used.add(`files/${fileName(entry)}`);
    const { grace } = this.#keeping;
    await sweep(this.#objects, { store, used, grace, hold: () => this.#working.hold() });
  }

  async #known(): Promise<string> {
    const id = await this.id();
    if (id !== undefined) return id;
    throw new Failure("backend.missing", `there is no store in ${this.where()} any more`, { hint: "plan again" });
  }
}
