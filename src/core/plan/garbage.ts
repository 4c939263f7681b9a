import { releaseCode } from "../code-pages.ts";

/** Addresses whose decisions leave about as much garbage as a state of 100,000 addresses is large, and those that are worth a look at all. */
const [FEW, MANY] = [7500, 20_000];
/** Addresses after which the code that read, checked or listed them is not needed for a while. */
const SOME = 1000;

/**
 * What was needed to decide is needed no longer. JavaScript's own collector lets the memory of a large plan double before it looks for that;
 * to look each time that so many addresses are decided costs less than a tenth of the time. Plans of fewer addresses are left alone.
 */
export class Garbage {
  #often = FEW;
  #made = 0;
  #seen = 0;

  /** So many addresses are in the whole plan. */
  expect(addresses: number): void {
    this.#often = Math.min(MANY, Math.max(FEW, addresses * 0.75));
  }

  /** So many addresses were read or decided. */
  add(addresses: number): void {
    this.#made += addresses;
    if (this.#made >= this.#often) {
      this.#made = 0;
      Bun.gc(true);
    }
    this.list(addresses);
  }

  /** So many images were listed, of which little stays. */
  list(images: number): void {
    this.#seen += images;
    if (this.#seen < SOME) return;
    this.#seen = 0;
    releaseCode();
  }
}
