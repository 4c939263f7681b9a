import { viewOf } from "../bytes.ts";
import { corrupt } from "../failures.ts";

/** The snapshots that an image keeps: how many, and where their table is. */
export interface SnapshotTable {
  readonly count: number;
  readonly offset: number;
}

/** Bytes of an entry before its texts. What qemu takes at most: snapshots, and bytes of what an entry adds to them. */
export const ENTRY_LENGTH = 40;
const MOST = 65_536;
const MOST_ADDED = 1024;

/** Refuses what qemu does not open. Fails with `source.corrupt`. */
export function checkSnapshots({ count, offset }: SnapshotTable, cluster: number): void {
  if (count > MOST) throw corrupt(`the qcow2 image has ${count} snapshots, more than can be`);
  if (count > 0 && (offset === 0 || offset % cluster !== 0))
    throw corrupt("the snapshot table of the qcow2 image is at an impossible place");
}

/** Of the beginning of one entry: where its first-level table ends, and how long the entry is. Fails with `source.corrupt`. */
export function snapshotOf(entry: Uint8Array): { readonly end: number; readonly length: number } {
  const view = viewOf(entry);
  const added = view.getUint32(36);
  const from = Number(view.getBigUint64(0));
  if (added > MOST_ADDED || !Number.isSafeInteger(from)) throw corrupt("a snapshot of the qcow2 image is impossible");
  const length = ENTRY_LENGTH + added + view.getUint16(12) + view.getUint16(14);
  return { end: from + view.getUint32(8) * 8, length: Math.ceil(length / 8) * 8 };
}
