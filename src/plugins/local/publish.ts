import type { Directory } from "./client.ts";
import { storeFeed } from "./feed.ts";
import { storePage } from "./page.ts";
import { ROBOTS } from "./pages.ts";
import type { StoreEntry } from "./record.ts";
import { indexes, shelvesOf } from "./streams.ts";

/** Writes what a store shows of itself: the indexes for programs, the pages for people. */
export class Publisher {
  readonly #store: Directory;
  readonly #url: string | undefined;
  #isPublishing = false;
  /** When the indexes may be written again, in milliseconds of performance.now(). */
  #due = 0;

  constructor(store: Directory, url: string | undefined) {
    this.#store = store;
    this.#url = url === undefined || url.endsWith("/") ? url : `${url}/`;
  }

  /**
   * Rewrites the indexes: at once after the first change, and while more come as often as it takes little of the time. The end of
   * the run does it in any case, and a run that is killed before is made up for by the next.
   */
  async changed(): Promise<void> {
    if (this.#isPublishing || performance.now() < this.#due) return;
    this.#isPublishing = true;
    const began = performance.now();
    try {
      await this.write(await Array.fromAsync(this.#store.entries()));
    } finally {
      this.#isPublishing = false;
      this.#due = performance.now() + Math.max(1000, 10 * (performance.now() - began));
    }
  }

  async write(entries: readonly StoreEntry[]): Promise<void> {
    const shelves = shelvesOf(entries);
    const { sums, index, products } = indexes(shelves, new Date());
    await this.#store.putIndex("SHA256SUMS", sums);
    await this.#store.putIndex("images.json", products);
    await this.#store.putIndex("index.json", index);
    const { pages } = this.#store;
    const id = await this.#store.id();
    if (id !== undefined) await pages.put("feed.xml", storeFeed(shelves, id, this.#url));
    await pages.put("index.html", storePage(shelves, this.#url));
    await pages.put("robots.txt", ROBOTS);
  }
}
