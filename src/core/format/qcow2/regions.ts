import { corrupt, truncated } from "../failures.ts";
import type { Qcow2Header } from "./header.ts";
import type { Extent } from "./table.ts";

/** Bits of one page of the map of clusters, and how many pages there may be: 16 MiB in all. */
const PAGE = 1 << 15;
const PAGES = 1 << 12;

/** Finds clusters that lie outside of the file, upon the tables of the image, or upon each other. */
export class Qcow2Regions {
  readonly #header: Qcow2Header;
  readonly #size: number | undefined;
  /** Where tables stand, ascending. */
  readonly #tables: Float64Array;
  /** Clusters that were named as belonging to one place only. */
  readonly #seen = new Map<number, Uint8Array>();

  /** Fails with `source.corrupt` when the tables lie upon each other. `size` is that of the file, where it is known. */
  constructor(header: Qcow2Header, tables: Float64Array, size: number | undefined) {
    this.#header = header;
    this.#size = size;
    this.#tables = tables.filter((offset) => offset !== 0).sort();
    let previous = -1;
    for (const offset of this.#tables) {
      if (offset === previous) throw overlapping();
      if (this.#isFixed(offset, header.cluster)) throw overlapping();
      previous = offset;
    }
  }

  /** Fails with `source.corrupt` or `source.truncated`. */
  check(extent: Extent): void {
    if (extent.kind === "zero") return;
    const length = extent.kind === "data" ? extent.length : 1;
    if (this.#size !== undefined && extent.host + length > this.#size) throw truncated("the qcow2 image");
    const { cluster } = this.#header;
    if (this.#isFixed(extent.host, length) || this.#isTable(extent.host)) throw overlapping();
    if (extent.kind === "data" && extent.unique && extent.host % cluster === 0) this.#marker(extent.host / cluster);
  }

  /** The header, the first-level table and the refcount table. */
  #isFixed(offset: number, length: number): boolean {
    const { cluster, l1Offset, l1Entries, refcountTable } = this.#header;
    const meets = (from: number, size: number): boolean => offset < from + size && from < offset + length;
    return meets(0, cluster) || meets(l1Offset, l1Entries * 8) || meets(refcountTable.offset, refcountTable.length);
  }

  #isTable(offset: number): boolean {
    const { cluster } = this.#header;
    const wanted = offset - (offset % cluster);
    let low = 0;
    let high = this.#tables.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#tables[middle] ?? 0;
      if (found === wanted) return true;
      if (found < wanted) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  #marker(cluster: number): void {
    const number = Math.floor(cluster / PAGE);
    let page = this.#seen.get(number);
    if (page === undefined) {
      if (this.#seen.size >= PAGES) return;
      page = new Uint8Array(PAGE / 8);
      this.#seen.set(number, page);
    }
    const at = (cluster % PAGE) >>> 3;
    const bit = 1 << (cluster & 7);
    if (((page[at] ?? 0) & bit) !== 0) throw overlapping();
    page[at] = (page[at] ?? 0) | bit;
  }
}

const overlapping = (): Error => corrupt("parts of the qcow2 image overlap");
