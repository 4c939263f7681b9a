import { viewOf } from "../bytes.ts";
import { corrupt } from "../failures.ts";
import type { Qcow2Header } from "./header.ts";

/** What a range of the disk is made of. `guest` and `host` are offsets in the disk and in the image file. */
export type Extent =
  | { readonly kind: "zero"; readonly guest: number; readonly length: number }
  | {
      readonly kind: "data";
      readonly guest: number;
      readonly length: number;
      readonly host: number;
      /** No other place of the image uses these clusters. */
      readonly unique: boolean;
    }
  | {
      readonly kind: "compressed";
      readonly guest: number;
      readonly length: number;
      readonly host: number;
      /** The most bytes that it takes in the file: the last sector may hold others. */
      readonly packed: number;
    };

const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
const SUBCLUSTERS = 32;

/** Where an entry points: bits 9 to 55. The two halves of it are 32 bits each. */
export const targetOf = (high: number, low: number): number => (high & 0x00ff_ffff) * 2 ** 32 + ((low & ~0x1ff) >>> 0);

/** The extents of one second-level table, from the guest offset `base` on, up to the end of the disk. */
export function* extentsOf(header: Qcow2Header, table: Uint8Array, base: number): Generator<Extent> {
  const view = viewOf(table);
  for (let index = 0; index < header.l2Entries; index += 1) {
    const guest = base + index * header.cluster;
    const length = Math.min(header.cluster, header.size - guest);
    if (length <= 0) return;
    const high = view.getUint32(index * header.entry);
    const low = view.getUint32(index * header.entry + 4);
    if ((high & COMPRESSED) !== 0) yield compressed(header, high, low, guest, length);
    else {
      const host = targetOf(high, low);
      if (host % header.cluster !== 0) throw corrupt("a cluster of the qcow2 image is at an impossible place");
      const unique = (high & COPIED) !== 0;
      if (!header.extendedL2) yield standard(header, host, unique, (low & 1) !== 0, guest, length);
      else {
        const zero = view.getUint32(index * 16 + 8);
        const allocated = view.getUint32(index * 16 + 12);
        yield* subclusters(header, { host, unique, zero, allocated }, guest, length);
      }
    }
  }
}

function compressed(header: Qcow2Header, high: number, low: number, guest: number, length: number): Extent {
  const bits = 62 - (header.clusterBits - 8) - 32;
  const host = (high & (2 ** bits - 1)) * 2 ** 32 + low;
  const sectors = ((high & 0x3fff_ffff) >>> bits) + 1;
  if (!Number.isSafeInteger(host)) throw corrupt("a compressed cluster of the qcow2 image is at an impossible place");
  return { kind: "compressed", guest, length, host, packed: sectors * 512 - (host % 512) };
}

function standard(
  header: Qcow2Header,
  host: number,
  unique: boolean,
  zero: boolean,
  guest: number,
  length: number,
): Extent {
  if (zero && header.version === 2) throw corrupt("the qcow2 image of version 2 has a cluster of version 3");
  return zero || host === 0 ? { kind: "zero", guest, length } : { kind: "data", guest, length, host, unique };
}

interface Entry {
  readonly host: number;
  readonly unique: boolean;
  /** One bit for each subcluster, the lowest for the first. */
  readonly zero: number;
  readonly allocated: number;
}

function* subclusters(header: Qcow2Header, entry: Entry, guest: number, length: number): Generator<Extent> {
  if ((entry.zero & entry.allocated) !== 0 || (entry.host === 0 && entry.allocated !== 0)) {
    throw corrupt("a subcluster of the qcow2 image is both data and none");
  }
  const size = header.cluster / SUBCLUSTERS;
  for (let from = 0; from < SUBCLUSTERS && from * size < length; ) {
    const data = ((entry.allocated >>> from) & 1) === 1;
    let to = from + 1;
    while (to < SUBCLUSTERS && (((entry.allocated >>> to) & 1) === 1) === data) to += 1;
    const at = from * size;
    const span = { guest: guest + at, length: Math.min(to * size, length) - at };
    yield data ? { kind: "data", ...span, host: entry.host + at, unique: entry.unique } : { kind: "zero", ...span };
    from = to;
  }
}

/** Neighbouring extents as one: zeros without bound, data up to `most` bytes. */
export function* merged(extents: Iterable<Extent>, most: number): Generator<Extent> {
  let open: Extent | undefined;
  for (const next of extents) {
    const both = open === undefined ? undefined : together(open, next, most);
    if (open !== undefined && both === undefined) yield open;
    open = both ?? next;
  }
  if (open !== undefined) yield open;
}

/** Data of more than `most` bytes, in several. */
export function* cut(extents: Iterable<Extent>, most: number): Generator<Extent> {
  for (const extent of extents) {
    if (extent.kind !== "data" || extent.length <= most) yield extent;
    else
      for (let at = 0; at < extent.length; at += most) {
        const length = Math.min(most, extent.length - at);
        yield { ...extent, guest: extent.guest + at, host: extent.host + at, length };
      }
  }
}

/** Neighbouring zeros as one; what has to be read is handed on at once, so that reads keep their order. */
export async function* mergedZeros(extents: AsyncIterable<Extent>): AsyncGenerator<Extent> {
  let open: Extent | undefined;
  for await (const next of extents) {
    const both = open === undefined ? undefined : together(open, next, 0);
    if (open !== undefined && both === undefined) yield open;
    open = both ?? (next.kind === "zero" ? next : undefined);
    if (next.kind !== "zero") yield next;
  }
  if (open !== undefined) yield open;
}

function together(one: Extent, next: Extent, most: number): Extent | undefined {
  const length = one.length + next.length;
  if (one.kind === "zero" && next.kind === "zero") return { ...one, length };
  if (one.kind !== "data" || next.kind !== "data") return undefined;
  const fits = one.unique === next.unique && one.host + one.length === next.host && length <= most;
  return fits ? { ...one, length } : undefined;
}
