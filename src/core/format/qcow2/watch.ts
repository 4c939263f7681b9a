import { type ByteStream, viewOf } from "../bytes.ts";
import { truncated } from "../failures.ts";
import { HEADER_LENGTH, nameIn, parseHeader, type Qcow2Header } from "./header.ts";
import { extentsOf, targetOf } from "./table.ts";

const IMAGE = "the qcow2 image";

/** A part of the image that is collected while it flows. */
interface Part {
  readonly from: number;
  readonly bytes: Uint8Array;
  filled: number;
  readonly done: (bytes: Uint8Array) => void;
}

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
  /** What is still to come, ascending; the first is being collected. */
  #parts: Part[] = [];
  /** The last byte that is named, and one more. */
  #end = 0;

  constructor() {
    this.#collect(0, HEADER_LENGTH, (head) => this.#begin(head));
  }

  see(piece: Uint8Array, offset: number): void {
    const end = offset + piece.length;
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const from = part.from + part.filled;
      if (from >= end) return;
      if (from < offset) {
        this.#parts.shift();
        continue;
      }
      const bytes = piece.subarray(from - offset, from - offset + part.bytes.length - part.filled);
      part.bytes.set(bytes, part.filled);
      part.filled += bytes.length;
      if (part.filled < part.bytes.length) return;
      this.#parts.shift();
      part.done(part.bytes);
    }
  }

  end(size: number): void {
    const isMissing = this.#parts.some(({ from, bytes }) => from + bytes.length > size);
    if (isMissing || this.#end > size) throw truncated(IMAGE);
  }

  #collect(from: number, length: number, done: (bytes: Uint8Array) => void): void {
    if (length > 0) this.#parts.push({ from, bytes: new Uint8Array(length), filled: 0, done });
  }

  #begin(head: Uint8Array): void {
    const header = parseHeader(head, nameIn(head));
    const { l1Offset, l1Entries, refcountTable } = header;
    this.#end = refcountTable.offset + refcountTable.length;
    this.#collect(l1Offset, l1Entries * 8, (table) => this.#tables(header, table));
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
    found.sort((one, other) => one.from - other.from);
    const room = new Uint8Array(cluster);
    this.#parts = found.map(({ from, guest }) => ({
      from,
      bytes: room,
      filled: 0,
      done: (table) => {
        if (guest < size) this.#extents(header, table, guest);
      },
    }));
  }

  #extents(header: Qcow2Header, table: Uint8Array, guest: number): void {
    for (const extent of extentsOf(header, table, guest)) {
      if (extent.kind === "zero") continue;
      this.#end = Math.max(this.#end, extent.host + (extent.kind === "data" ? extent.length : 1));
    }
  }
}
