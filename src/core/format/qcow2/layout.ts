import { viewOf } from "../bytes.ts";
import { MAGIC } from "./header.ts";

const CLUSTER_BITS = 16;
/** Bytes of a cluster of the images that we write. */
export const CLUSTER = 1 << CLUSTER_BITS;
const ENTRIES = CLUSTER / 8;
/** Refcounts of 16 bits in one block. */
const REFCOUNTS = CLUSTER / 2;
const HEADER_LENGTH = 104;
const COPIED = 0x8000_0000;
const SECTOR = 512;

/** Which clusters of a disk hold data; the disk is as long as the last one that was reported, or `size`. */
export class ClusterMap {
  /** Clusters that hold data. */
  count = 0;
  #bits = new Uint8Array(64);

  has(cluster: number): boolean {
    return (((this.#bits[Math.floor(cluster / 8)] ?? 0) >> (cluster % 8)) & 1) === 1;
  }

  add(cluster: number): void {
    const at = Math.floor(cluster / 8);
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(at + 1, this.#bits.length * 2));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    if (this.has(cluster)) return;
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (cluster % 8));
    this.count += 1;
  }

  /** Neighbouring clusters that hold data, at most `most` together, as [first, behind the last]. */
  *runs(clusters: number, most: () => number): Generator<readonly [number, number]> {
    for (let from = 0; from < clusters; ) {
      if (!this.has(from)) {
        // Eight holes at once.
        from += from % 8 === 0 && (this.#bits[from / 8] ?? 0) === 0 ? 8 : 1;
        continue;
      }
      let to = from + 1;
      const end = Math.min(clusters, from + most());
      while (to < end && this.has(to)) to += 1;
      yield [from, to];
      from = to;
    }
  }
}

/** Where everything is in an image that we write: all tables first, then the data in the order of the disk. In clusters. */
export interface Layout {
  /** Bytes of the disk: whole sectors. */
  readonly size: number;
  readonly clusters: number;
  readonly tables: number;
  readonly l1Clusters: number;
  readonly l1Entries: number;
  /** For each entry of the first-level table, whether there is a second-level table. */
  readonly used: readonly boolean[];
  readonly refcountTable: number;
  readonly refcountBlocks: number;
  /** Clusters before the data, and of all of the file. */
  readonly before: number;
  readonly total: number;
}

/** The layout for a disk of `length` bytes, rounded up to a sector. */
export function layoutOf(length: number, map: ClusterMap): Layout {
  const size = Math.ceil(length / SECTOR) * SECTOR;
  const clusters = Math.ceil(size / CLUSTER);
  const l1Entries = Math.max(1, Math.ceil(clusters / ENTRIES));
  const used = Array.from({ length: l1Entries }, () => false);
  for (const [from] of map.runs(clusters, () => ENTRIES)) used[Math.floor(from / ENTRIES)] = true;
  for (const [, to] of map.runs(clusters, () => ENTRIES)) used[Math.floor((to - 1) / ENTRIES)] = true;
  const tables = used.filter((is) => is).length;
  const l1Clusters = Math.ceil((l1Entries * 8) / CLUSTER);
  const fixed = 1 + l1Clusters + tables + map.count;
  let refcountBlocks = 1;
  let refcountTable = 1;
  for (let more = true; more; ) {
    const blocks = Math.ceil((fixed + refcountBlocks + refcountTable) / REFCOUNTS);
    const table = Math.ceil((blocks * 8) / CLUSTER);
    more = blocks !== refcountBlocks || table !== refcountTable;
    refcountBlocks = blocks;
    refcountTable = table;
  }
  const before = 1 + refcountTable + refcountBlocks + l1Clusters + tables;
  return {
    size,
    clusters,
    tables,
    l1Clusters,
    l1Entries,
    used,
    refcountTable,
    refcountBlocks,
    before,
    total: before + map.count,
  };
}

/** Everything before the data: header, refcounts, first-level and second-level tables. */
export function* tablesOf(layout: Layout, map: ClusterMap): Generator<Uint8Array> {
  yield header(layout);
  yield pointers(layout.refcountTable, layout.refcountBlocks, 1 + layout.refcountTable, 0);
  for (let block = 0; block < layout.refcountBlocks; block += 1) yield refcounts(layout.total - block * REFCOUNTS);
  yield firstLevel(layout);
  let data = layout.before;
  for (const [index, used] of layout.used.entries()) {
    if (!used) continue;
    const table = new Uint8Array(CLUSTER);
    const view = viewOf(table);
    for (let entry = 0; entry < ENTRIES; entry += 1) {
      if (!map.has(index * ENTRIES + entry)) continue;
      pointer(view, entry * 8, data, COPIED);
      data += 1;
    }
    yield table;
  }
}

function header({ size, l1Entries, refcountTable, refcountBlocks }: Layout): Uint8Array {
  const bytes = new Uint8Array(CLUSTER);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC);
  view.setUint32(4, 3);
  view.setUint32(20, CLUSTER_BITS);
  view.setBigUint64(24, BigInt(size));
  view.setUint32(36, l1Entries);
  view.setBigUint64(40, BigInt((1 + refcountTable + refcountBlocks) * CLUSTER));
  view.setBigUint64(48, BigInt(CLUSTER));
  view.setUint32(56, refcountTable);
  view.setUint32(96, 4);
  view.setUint32(100, HEADER_LENGTH);
  return bytes;
}

function refcounts(count: number): Uint8Array {
  const bytes = new Uint8Array(CLUSTER);
  for (let at = 0; at < Math.min(count, REFCOUNTS); at += 1) bytes[at * 2 + 1] = 1;
  return bytes;
}

function firstLevel({ l1Clusters, used, before, tables }: Layout): Uint8Array {
  const bytes = new Uint8Array(l1Clusters * CLUSTER);
  const view = viewOf(bytes);
  let next = before - tables;
  for (const [index, is] of used.entries()) {
    if (!is) continue;
    pointer(view, index * 8, next, COPIED);
    next += 1;
  }
  return bytes;
}

/** A table of pointers to `count` clusters in a row. */
function pointers(clusters: number, count: number, first: number, flags: number): Uint8Array {
  const bytes = new Uint8Array(clusters * CLUSTER);
  for (let index = 0; index < count; index += 1) pointer(viewOf(bytes), index * 8, first + index, flags);
  return bytes;
}

function pointer(view: DataView, at: number, cluster: number, flags: number): void {
  const offset = cluster * CLUSTER;
  view.setUint32(at, (Math.floor(offset / 2 ** 32) | flags) >>> 0);
  view.setUint32(at + 4, offset % 2 ** 32);
}
