import { storeFeed } from "./feed.ts";
import { storePage } from "./page.ts";
import { ROBOTS } from "./pages.ts";
import type { ImageStore, Show } from "./store.ts";
import { indexes, productVersions } from "./streams.ts";

/** Milliseconds between two writings of the indexes, at least: all records are read for each. */
const LEAST = 3000;

/** Has a store write what it shows of itself: the indexes for programs, the pages for people. */
export class Publisher {
  readonly show: Show;
  readonly #store: ImageStore;
  #isPublishing = false;
  /** When the indexes may be written again, in milliseconds of performance.now(). */
  #due = 0;

  constructor(store: ImageStore, url: string | undefined) {
    this.#store = store;
    this.show = shownAt(url === undefined || url.endsWith("/") ? url : `${url}/`);
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
      await this.#store.publish(this.show);
    } finally {
      this.#isPublishing = false;
      this.#due = performance.now() + Math.max(LEAST, 10 * (performance.now() - began));
    }
  }
}

const shownAt =
  (url: string | undefined): Show =>
  (entries, store, products) => {
    const shelves = productVersions(entries);
    return {
      ...indexes(shelves, new Date(), products),
      feed: storeFeed(shelves, store, url),
      page: storePage(shelves, url),
      robots: ROBOTS,
    };
  };
