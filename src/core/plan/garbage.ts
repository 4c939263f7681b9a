/** Addresses whose decisions leave about as much garbage as a state of 100,000 addresses is large. */
const MANY = 20_000;

/**
 * What was needed to decide is needed no longer. JavaScript's own collector lets the memory of a large plan double before it looks for that;
 * to look each time that so many addresses are decided costs less than a tenth of the time. Plans of fewer addresses are left alone.
 */
export class Garbage {
  #made = 0;

  /** So many addresses were read or decided. */
  add(addresses: number): void {
    this.#made += addresses;
    if (this.#made < MANY) return;
    this.#made = 0;
    Bun.gc(true);
  }
}
