import type { RandomAccess } from "../access.ts";
import { viewOf } from "../bytes.ts";
import { truncated } from "../failures.ts";
import { HEADER_LENGTH, nameIn, parseHeader, type Qcow2Header } from "./header.ts";
import { extents } from "./read.ts";
import { ENTRY_LENGTH, snapshotOf } from "./snapshots.ts";
import { targetOf } from "./table.ts";

const IMAGE = "the qcow2 image";

/**
 * Checks an image that is passed on as it is, by its beginning: that it is whole by itself (no backing file, no data in another
 * file), and that its tables, as far as they show, lie within it. `size` is that of the image, where it is known. Fails with
 * `source.format`, `source.corrupt` or `source.truncated`.
 */
export function checkHead(head: Uint8Array, size: number | undefined): void {
  const { l1Offset, l1Entries, refcountTable, snapshots, cluster } = parseHeader(head, nameIn(head));
  if (size === undefined) return;
  if (l1Offset + l1Entries * 8 > size) throw truncated(IMAGE);
  if (refcountTable.offset + refcountTable.length > size) throw truncated(IMAGE);
  if (snapshots.count > 0 && snapshots.offset + snapshots.count * ENTRY_LENGTH > size) throw truncated(IMAGE);
  const view = viewOf(head);
  for (let index = 0; index < l1Entries; index += 1) {
    const at = l1Offset + index * 8;
    if (at + 8 > head.length) return;
    const table = targetOf(view.getUint32(at), view.getUint32(at + 4));
    if (table !== 0 && table + cluster > size) throw truncated(IMAGE);
  }
}

/** Whether all of the table that `checkHead` looks at is in the head. */
export function showsTable(head: Uint8Array): boolean {
  const { l1Offset, l1Entries } = parseHeader(head, nameIn(head));
  return l1Offset + l1Entries * 8 <= head.length;
}

/** The same of an image that can be read at any place: all that its tables name lies within it, and not upon each other. */
export async function checkTables(image: RandomAccess): Promise<void> {
  const head = await image.read(0, HEADER_LENGTH, "again");
  const header = parseHeader(head, nameIn(head));
  await checkKept(image, header);
  for await (const _ of extents(image, header));
}

/** The table of snapshots, and the first-level table of each. */
async function checkKept(image: RandomAccess, { snapshots }: Qcow2Header): Promise<void> {
  const room = new Uint8Array(ENTRY_LENGTH);
  let at = snapshots.offset;
  for (let index = 0; index < snapshots.count; index += 1) {
    const entry = await image.read(at, ENTRY_LENGTH, "again", room);
    if (entry.length < ENTRY_LENGTH) throw truncated(IMAGE);
    const { end, length, stride } = snapshotOf(entry);
    if (Math.max(end, at + length) > (image.size ?? Number.POSITIVE_INFINITY)) throw truncated(IMAGE);
    at += stride;
  }
}
