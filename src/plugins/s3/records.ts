import { Failure, type ImageId, isTable, type ReadContext } from "images";
import { isId, recordOf, type StoreEntry } from "../local/record.ts";
import { isOwn, type ObjectListed } from "./object.ts";
import type { BucketObjects } from "./objects.ts";

type Note = ReadContext["note"];

const CATALOG = "wrote/catalog.json";
/** Records that are read at a time. */
const BATCH = 16;

interface Version {
  readonly etag: string;
  readonly text: string;
}

/**
 * The records of a store, an object each. A catalog has them all with their ETags, so that a listing costs its pages; a record whose
 * ETag is another one is read by itself.
 */
export class BucketRecords {
  readonly #objects: BucketObjects;
  readonly #known = new Map<string, Version>();
  readonly #noted = new Set<string>();
  #loaded: Promise<{ readonly etag?: string; readonly isOurs: boolean }> | undefined;
  /** Whether the catalog lacks something, or has too much. */
  #isStale = false;

  constructor(objects: BucketObjects) {
    this.#objects = objects;
  }

  /** All records that can be read, in the order of their names. */
  async *entries(store: string, note?: Note): AsyncGenerator<StoreEntry> {
    await this.#load(store);
    const listed = await Array.fromAsync(this.#listed());
    const there = new Set(listed.map(({ key }) => key));
    for (const key of this.#known.keys())
      if (!there.has(key)) {
        this.#known.delete(key);
        this.#isStale = true;
      }
    for (let from = 0; from < listed.length; from += BATCH) {
      const batch = listed.slice(from, from + BATCH).map((one) => this.#record(one, note));
      for (const entry of await Promise.all(batch)) if (entry !== undefined) yield entry;
    }
  }

  /** Whether each record can be read. */
  async areWhole(store: string): Promise<boolean> {
    const listed = await Array.fromAsync(this.#listed());
    return listed.length === (await Array.fromAsync(this.entries(store))).length;
  }

  async entry(id: ImageId, note?: Note): Promise<StoreEntry | undefined> {
    if (!isId(id)) return undefined;
    const found = await this.#fetch(keyOf(id));
    return found === undefined ? undefined : this.#parsed(keyOf(id), found.text, note);
  }

  /** @throws Failure backend.conflict when something else has changed it meanwhile */
  async put(entry: StoreEntry, store: string): Promise<void> {
    const key = keyOf(entry.id);
    const text = `${JSON.stringify(entry, undefined, 2)}\n`;
    const before = this.#known.get(key);
    const when = before === undefined ? "absent" : { match: before.etag };
    const etag = await this.#objects.put(key, text, { when, store, type: "application/json" });
    // The answer of a write that arrived may have been lost.
    const found = etag === undefined ? await this.#fetch(key) : { etag, text };
    if (found?.text !== text)
      throw new Failure("backend.conflict", `${this.#objects.where(key)} was changed by something else meanwhile`, {
        hint: "plan again",
      });
    this.#known.set(key, found);
    this.#isStale = true;
  }

  async remove(id: ImageId): Promise<void> {
    await this.#objects.delete(keyOf(id));
    this.#known.delete(keyOf(id));
    this.#isStale = true;
  }

  /** Writes the catalog, where it is not what the records are. That of another writer is as good. */
  async save(store: string): Promise<void> {
    const { etag, isOurs } = await this.#load(store);
    if (!this.#isStale || !isOurs) return;
    const text = JSON.stringify({ images_catalog: 1, records: Object.fromEntries(this.#known) });
    await this.#objects.put(CATALOG, text, {
      when: etag === undefined ? "absent" : { match: etag },
      store,
      type: "application/json",
    });
    this.#loaded = undefined;
    this.#isStale = false;
  }

  async *#listed(): AsyncGenerator<ObjectListed> {
    for await (const one of this.#objects.list("images/")) if (/^images\/[^/.][^/]*\.json$/.test(one.key)) yield one;
  }

  async #record({ key, etag }: ObjectListed, note?: Note): Promise<StoreEntry | undefined> {
    const known = this.#known.get(key);
    const found = known?.etag === etag ? known : await this.#fetch(key);
    return found === undefined ? undefined : this.#parsed(key, found.text, note);
  }

  async #fetch(key: string): Promise<Version | undefined> {
    const found = await this.#objects.get(key);
    if (found === undefined) return undefined;
    const version = { etag: found.etag, text: found.text };
    this.#known.set(key, version);
    this.#isStale = true;
    return version;
  }

  /** A record that is broken is reported once, and its image cannot be seen. */
  #parsed(key: string, text: string, note: Note | undefined): StoreEntry | undefined {
    const result = recordOf(text, key.slice("images/".length));
    if (typeof result !== "string") return result;
    if (note !== undefined && !this.#noted.has(key)) {
      this.#noted.add(key);
      note(`warning: ${this.#objects.where(key)} is skipped: ${result}`);
    }
    return undefined;
  }

  #load(store: string) {
    this.#loaded ??= this.#read(store);
    return this.#loaded;
  }

  async #read(store: string) {
    const found = await this.#objects.get(CATALOG);
    if (found === undefined) return { isOurs: true };
    if (!isOwn(found, store, CATALOG)) return { etag: found.etag, isOurs: false };
    for (const [key, version] of versionsOf(found.text)) if (!this.#known.has(key)) this.#known.set(key, version);
    return { etag: found.etag, isOurs: true };
  }
}

const keyOf = (id: ImageId): string => `images/${id}.json`;

function versionsOf(text: string): readonly (readonly [string, Version])[] {
  try {
    const value: unknown = JSON.parse(text);
    const records = isTable(value) && value["images_catalog"] === 1 ? value["records"] : undefined;
    if (!isTable(records)) return [];
    return Object.entries(records).flatMap(([key, one]) =>
      isTable(one) && typeof one["etag"] === "string" && typeof one["text"] === "string"
        ? [[key, { etag: one["etag"], text: one["text"] }] as const]
        : [],
    );
  } catch {
    return [];
  }
}
