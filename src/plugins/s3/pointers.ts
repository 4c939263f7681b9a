import { randomUUID } from "node:crypto";
import { Failure } from "images";
import type { StoreEntry } from "../local/record.ts";
import type { Show, StoreTexts } from "../local/store.ts";
import { conflict } from "./conflict.ts";
import { type Condition, isOwn } from "./object.ts";
import type { BucketObjects } from "./objects.ts";

/** The one object that says which products are current: written last, under the condition that it has not been written since. */
export const POINTER = "streams/v1/index.json";

interface Text {
  readonly key: string;
  readonly type: string;
  readonly of: keyof StoreTexts;
  /** A page for people: a page of the user stays. */
  readonly isPage?: boolean;
}

const TEXTS: readonly Text[] = [
  { key: "SHA256SUMS", type: "text/plain; charset=utf-8", of: "sums" },
  { key: "streams/v1/images.json", type: "application/json", of: "products" },
  { key: "feed.xml", type: "application/atom+xml", of: "feed", isPage: true },
  { key: "index.html", type: "text/html; charset=utf-8", of: "page", isPage: true },
  { key: "robots.txt", type: "text/plain; charset=utf-8", of: "robots", isPage: true },
  { key: POINTER, type: "application/json", of: "index" },
];

/** Writers that are at it at the same time; each turn one of them is done. */
const TURNS = 200;
/** Servers that keep objects as files show one that is just being written without its metadata: it is looked at again, after milliseconds. */
const [LOOKS, BETWEEN] = [4, 150];

/** What a store shows of itself. */
export class Pointers {
  readonly #objects: BucketObjects;

  constructor(objects: BucketObjects) {
    this.#objects = objects;
  }

  /** The pages of the user. @throws Failure backend.conflict: an index of another user's is in the way */
  async foreign(store: string): Promise<readonly string[]> {
    for (let look = 1; ; look++) {
      const found = await this.#conditions(store);
      const inTheWay = TEXTS.find(({ key, isPage }) => !isPage && found.get(key) === undefined);
      if (inTheWay === undefined) return TEXTS.filter(({ key }) => found.get(key) === undefined).map(({ key }) => key);
      if (look === LOOKS) throw conflict(this.#objects.where(inTheWay.key));
      await Bun.sleep(BETWEEN);
    }
  }

  /**
   * Writes all of it, of the records as `entries` tells them after the versions were read that are to be replaced: a writer whose
   * records are not among them replaces them again, and so the last one has those of all. Answers the key of the products.
   */
  async write(store: string, entries: () => Promise<readonly StoreEntry[]>, show: Show): Promise<string> {
    for (let turn = 0; turn < TURNS; turn++) {
      const conditions = await this.#conditions(store);
      // A name that no other write has, so that the pointer's ETag is new each time.
      const products = `streams/v1/images-${Date.now().toString(36)}-${randomUUID()}.json`;
      const shown = show(await entries(), store, products);
      await this.#objects.put(products, shown.products, { when: "absent", store, type: "application/json" });
      if (await this.#replace(store, shown, conditions)) return products;
      await this.#objects.delete(products);
      await Bun.sleep(Math.random() * 100 * Math.min(turn + 1, 10));
    }
    throw new Failure("backend.busy", `the indexes of ${this.#objects.where()} are written by too many runs at once`, {
      hint: "apply again",
    });
  }

  /** False: another writer was faster. */
  async #replace(store: string, shown: StoreTexts, conditions: ReadonlyMap<string, Condition>): Promise<boolean> {
    for (const { key, type, of } of TEXTS) {
      const when = conditions.get(key);
      if (when === undefined) continue;
      if ((await this.#objects.put(key, shown[of], { when, store, type })) !== undefined) continue;
      // The answer of a write that arrived may have been lost.
      if ((await this.#objects.get(key))?.text !== shown[of]) return false;
    }
    return true;
  }

  /** Under which condition each may be written; none: it is another user's. */
  async #conditions(store: string): Promise<ReadonlyMap<string, Condition>> {
    const found = new Map<string, Condition>();
    // The pointer first: what is read after it is of its version, or the pointer's condition fails.
    const pointer = await this.#condition(POINTER, store);
    const others = TEXTS.filter(({ key }) => key !== POINTER);
    const conditions = await Promise.all(
      others.map(async ({ key }) => [key, await this.#condition(key, store)] as const),
    );
    for (const [key, when] of [[POINTER, pointer] as const, ...conditions])
      if (when !== undefined) found.set(key, when);
    return found;
  }

  async #condition(key: string, store: string): Promise<Condition | undefined> {
    const head = await this.#objects.head(key);
    if (head === undefined) return "absent";
    return isOwn(head, store, key) ? { match: head.etag } : undefined;
  }
}

/** The key of the products that a pointer names. */
export function currentProducts(pointer: string): string | undefined {
  return /"path": "(streams\/v1\/images-[^"/]+\.json)"/.exec(pointer)?.[1];
}
