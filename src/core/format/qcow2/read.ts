import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { inflateRaw, zstdDecompress } from "node:zlib";
import type { RandomAccess } from "../access.ts";
import { PIECE, viewOf } from "../bytes.ts";
import { abandon, free } from "../collection.ts";
import { corrupt, truncated } from "../failures.ts";
import { inOrder } from "../in-order.ts";
import { DEFAULT_LIMIT, tooLarge } from "../limit.ts";
import { Ring } from "../ring.ts";
import type { Segment } from "../segment.ts";
import { zstdFrameLength } from "../zstd-frame.ts";
import { HEADER_LENGTH, nameIn, type Qcow2Header, readHeader } from "./header.ts";
import { Qcow2Regions } from "./regions.ts";
import { cut, type Extent, extentsOf, merged, mergedZeros, targetOf } from "./table.ts";

const IMAGE = "the qcow2 image";
const inflate = promisify(inflateRaw);
const unzstd = promisify(zstdDecompress);

interface Qcow2Options {
  /** The largest disk that is taken. Default: 1 TiB. */
  readonly limit?: number | undefined;
  /** Pieces that are unpacked at once; default: as many as there are cores. */
  readonly threads?: number | undefined;
  /** A reader is done with a piece before it asks for the fourth after it: data goes round in few buffers. */
  readonly lent?: boolean | undefined;
}

/** The header of an image, for the size of its disk and for what it is. */
export async function qcow2Header(image: RandomAccess): Promise<Qcow2Header> {
  const head = await image.read(0, HEADER_LENGTH, "again");
  return readHeader(head, nameIn(head));
}

/**
 * The disk in a qcow2 image (version 2 and 3), in ascending order and without gaps: what is not allocated is `zero`. Compressed clusters
 * are unpacked on the threads of node:zlib. Fails with `source.format` (a backing file, an external data file, encryption, unknown
 * features), `source.limit` (a disk above the limit), `source.truncated` and `source.corrupt`. At its end it has read all of the input.
 * Needs the first-level table (32 MiB at most), one second-level table and a few pieces of 1 MiB.
 */
export async function* readQcow2(image: RandomAccess, options: Qcow2Options = {}): AsyncGenerator<Segment> {
  const header = await qcow2Header(image);
  if (header.size > (options.limit ?? DEFAULT_LIMIT))
    throw tooLarge("the disk in the qcow2 image", options.limit ?? DEFAULT_LIMIT);
  const width = (options.threads ?? availableParallelism()) * 2;
  using ring = options.lent === true ? new Ring(width) : undefined;
  const found = mergedZeros(extents(image, header, ring?.size));
  yield* inOrder(found, width, (extent) => load(image, header, extent, ring));
  await image.finish();
}

/** What the disk is made of, in ascending order, its data in parts of at most `most` bytes. Fails with `source.truncated` and `source.corrupt`. */
export async function* extents(image: RandomAccess, header: Qcow2Header, most = PIECE): AsyncGenerator<Extent> {
  const { cluster, l2Entries, l1Entries, size } = header;
  const l1 = await image.read(header.l1Offset, l1Entries * 8, "once");
  if (l1.length < l1Entries * 8) throw truncated(IMAGE);
  const tables = tablesOf(header, l1, image.size);
  const regions = new Qcow2Regions(header, tables, image.size);
  const span = cluster * l2Entries;
  for (let index = 0; index * span < size; index += 1) {
    const guest = index * span;
    const table = tables[index] ?? 0;
    if (table === 0) {
      yield { kind: "zero", guest, length: Math.min(span, size - guest) };
      continue;
    }
    const bytes = await image.read(table, cluster, "once");
    if (bytes.length < cluster) throw truncated(IMAGE);
    yield* cut(merged(checked(extentsOf(header, bytes, guest), regions), most), most);
  }
}

function* checked(found: Iterable<Extent>, regions: Qcow2Regions): Generator<Extent> {
  for (const extent of found) {
    regions.check(extent);
    yield extent;
  }
}

/** Offsets of the second-level tables; 0 where there is none. */
function tablesOf({ cluster, l2Entries, size }: Qcow2Header, l1: Uint8Array, file: number | undefined): Float64Array {
  const view = viewOf(l1);
  const tables = new Float64Array(Math.ceil(size / (cluster * l2Entries)));
  for (let index = 0; index < tables.length; index += 1) {
    const offset = targetOf(view.getUint32(index * 8), view.getUint32(index * 8 + 4));
    if (offset % cluster !== 0) throw corrupt("a second-level table of the qcow2 image is at an impossible place");
    if (file !== undefined && offset + cluster > file) throw truncated(IMAGE);
    tables[index] = offset;
  }
  return tables;
}

async function load(
  image: RandomAccess,
  header: Qcow2Header,
  extent: Extent,
  ring: Ring | undefined,
): Promise<Segment> {
  switch (extent.kind) {
    case "zero":
      return { kind: "zero", offset: extent.guest, length: extent.length };
    case "data": {
      const data = await image.read(
        extent.host,
        extent.length,
        extent.unique ? "once" : "again",
        ring?.take(extent.length),
      );
      if (data.length < extent.length) throw truncated(IMAGE);
      return { kind: "data", offset: extent.guest, data };
    }
    case "compressed": {
      const packed = await image.read(extent.host, extent.packed, "packed");
      if (packed.length === 0) throw truncated(IMAGE);
      const data = await unpack(packed, header, packed.length < extent.packed);
      free(packed);
      return { kind: "data", offset: extent.guest, data: data.subarray(0, extent.length) };
    }
    default:
      return extent satisfies never;
  }
}

async function unpack(packed: Uint8Array, header: Qcow2Header, atEnd: boolean): Promise<Uint8Array> {
  const broken = (cause?: unknown): Error =>
    atEnd ? truncated(IMAGE) : corrupt("a compressed cluster of the qcow2 image is damaged", cause);
  const room = { maxOutputLength: header.cluster, chunkSize: header.cluster };
  const data = await (async () => {
    try {
      if (header.compression === "deflate") return await inflate(packed, room);
      const length = zstdFrameLength(packed);
      if (length === undefined) throw broken();
      return await unzstd(packed.subarray(0, length), room);
    } catch (cause) {
      throw broken(cause);
    }
  })();
  if (data.length !== header.cluster) throw broken();
  // As much again was made ready for what does not come any more.
  abandon(data);
  return data;
}
