import type { ImageId, ReadContext } from "images";
import { Directory } from "./client.ts";
import { bytesOf } from "./disk.ts";
import { partsOf } from "./entry.ts";
import type { StoreBlob, StoreEntry } from "./record.ts";
import { type Bytes, blobsOf, type ImageStore, type ListedEntry, type Putting, type Show } from "./store.ts";
import { fileName, isPublic } from "./streams.ts";

type Note = ReadContext["note"];

/** A store that is a directory. */
export class DirectoryStore implements ImageStore {
  readonly #directory: Directory;

  constructor(root: string, grace: number) {
    this.#directory = new Directory(root, grace);
  }

  id(): Promise<string | undefined> {
    return this.#directory.id();
  }

  where(...parts: readonly string[]): string {
    return this.#directory.at(...parts);
  }

  async begin({ note }: ReadContext): Promise<void> {
    await this.#directory.prepare();
    for (const name of await this.#directory.pages.foreign())
      note(`warning: ${this.where(name)} was not written by this store, and is left as it is`);
    await this.#directory.unsettle();
  }

  entries(note?: Note): AsyncGenerator<StoreEntry> {
    return this.#directory.entries(note);
  }

  list(note: Note): AsyncGenerator<readonly ListedEntry[]> {
    return this.#directory.list(note);
  }

  entry(id: ImageId, note?: Note): Promise<StoreEntry | undefined> {
    return this.#directory.entry(id, note);
  }

  isWhole(entry: StoreEntry): Promise<boolean> {
    return this.#directory.blobs.areWhole(partsOf(entry));
  }

  putEntry(entry: StoreEntry): Promise<void> {
    return this.#directory.putEntry(entry);
  }

  removeEntry(entry: StoreEntry): Promise<void> {
    return this.#directory.removeEntry(entry);
  }

  put(source: Bytes, { context, ...how }: Putting): Promise<StoreBlob & { readonly combined: string }> {
    return this.#directory.blobs.put(source, context.signal, how);
  }

  read(blob: StoreBlob): Promise<Uint8Array> {
    return this.#directory.blobs.read(blob);
  }

  open({ sha256 }: StoreBlob, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return bytesOf(this.#directory.at("blobs", sha256), signal);
  }

  checkFile(file: string): Promise<void> {
    return this.#directory.checkFile(file);
  }

  name(blob: StoreBlob, file: string): Promise<void> {
    return this.#directory.name(blob, file);
  }

  unname(blob: StoreBlob, file: string): Promise<boolean> {
    return this.#directory.unname(blob, file);
  }

  async publish(show: Show): Promise<void> {
    await this.#write(await Array.fromAsync(this.entries()), show);
  }

  async end(show: Show, hasChanged: boolean): Promise<void> {
    if (!hasChanged) {
      if (!(await this.#directory.isStale())) return;
      await this.#directory.prepare();
    }
    const entries = await Array.fromAsync(this.entries());
    await this.#write(entries, show);
    const files = new Set(entries.filter(isPublic).map(fileName));
    await this.#directory.sweep({ blobs: new Set(entries.flatMap(blobsOf)), files }, new Date());
    await this.#directory.settled();
  }

  async #write(entries: readonly StoreEntry[], show: Show): Promise<void> {
    const id = await this.id();
    if (id === undefined) return;
    const shown = show(entries, id);
    await this.#directory.putIndex("SHA256SUMS", shown.sums);
    await this.#directory.putIndex("images.json", shown.products);
    await this.#directory.putIndex("index.json", shown.index);
    const { pages } = this.#directory;
    await pages.put("feed.xml", shown.feed);
    await pages.put("index.html", shown.page);
    await pages.put("robots.txt", shown.robots);
  }
}
