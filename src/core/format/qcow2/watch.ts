import { type ByteStream, viewOf } from "../bytes.ts";
import { PartWatch } from "../part-watch.ts";
import { HEADER_LENGTH, nameIn, parseHeader, type Qcow2Header } from "./header.ts";
import { ENTRY_LENGTH, snapshotOf } from "./snapshots.ts";
import { extentsOf, targetOf } from "./table.ts";

/**
 * A qcow2 image that is passed on as a stream, its pieces as they are: fails with `source.truncated` when the image ends before a
 * part that its tables name, with `source.corrupt` where the tables are impossible, and with `source.format` where it needs other
 * files. With `size`, the last piece comes only after that has been found; else the failure follows it. Tables that stand before
 * what names them cannot be read any more; they are there. Holds the first-level table and one of the second level.
 */
export async function* watchedQcow2(input: ByteStream, size?: number): AsyncGenerator<Uint8Array> {
  const watch = new Watch();
  let offset = 0;
  for await (const piece of input) {
    watch.see(piece, offset);
    offset += piece.length;
    if (offset === size) watch.end(offset);
    yield piece;
  }
  watch.end(offset);
}

class Watch {
  readonly #parts = new PartWatch("the qcow2 image");

  constructor() {
    this.#parts.collect(0, HEADER_LENGTH, (head) => this.#begin(head));
  }

  see(piece: Uint8Array, offset: number): void {
    this.#parts.see(piece, offset);
  }

  end(size: number): void {
    this.#parts.end(size);
  }

  #begin(head: Uint8Array): void {
    const header = parseHeader(head, nameIn(head));
    const { l1Offset, l1Entries, refcountTable, snapshots } = header;
    this.#parts.needs(refcountTable.offset + refcountTable.length);
    this.#parts.collect(l1Offset, l1Entries * 8, (table) => this.#tables(header, table));
    this.#snapshots(snapshots.offset, snapshots.count, new Uint8Array(ENTRY_LENGTH));
  }

  /** The entries of the table of snapshots that begins here, one after the other: each tells where the next one is. */
  #snapshots(at: number, count: number, room: Uint8Array): void {
    if (count === 0) return;
    this.#parts.needs(at + count * ENTRY_LENGTH);
    const next = (entry: Uint8Array): void => {
      const { end, length } = snapshotOf(entry);
      this.#parts.needs(Math.max(end, at + length));
      this.#snapshots(at + length, count - 1, room);
    };
    this.#parts.collect(at, ENTRY_LENGTH, next, room);
  }

  /** The tables of the second level, in the order in which they come. */
  #tables(header: Qcow2Header, l1: Uint8Array): void {
    const view = viewOf(l1);
    const { cluster, l2Entries, size } = header;
    const found: { readonly from: number; readonly guest: number }[] = [];
    for (let index = 0; index < header.l1Entries; index += 1) {
      const from = targetOf(view.getUint32(index * 8), view.getUint32(index * 8 + 4));
      if (from > 0) found.push({ from, guest: index * cluster * l2Entries });
    }
    const tables = found.map(({ from, guest }) => ({
      from,
      done: (table: Uint8Array) => {
        if (guest < size) this.#extents(header, table, guest);
      },
    }));
    this.#parts.collectAll(tables, new Uint8Array(cluster));
  }

  #extents(header: Qcow2Header, table: Uint8Array, guest: number): void {
    for (const extent of extentsOf(header, table, guest)) {
      if (extent.kind === "zero") continue;
      this.#parts.needs(extent.host + (extent.kind === "data" ? extent.length : 1));
    }
  }
}
