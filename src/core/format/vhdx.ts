import { viewOf } from "./bytes.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";
import { type ImageWatch, PartWatch } from "./part-watch.ts";

const REGIONS = { at: 0x30000, first: 16, each: 32, most: 2047 } as const;
const HEADERS = [64 << 10, 128 << 10] as const;
/** "head". */
const HEADER = 0x64616568;
const ITEMS = { count: 10, first: 32, each: 32, most: 2047 } as const;
const METADATA = "06a27c8b90479a4bb8fe575f050f886e";
const PARAMETERS = "3767a1ca36fa434db3b633f0aa44e76b";
const BLOCK_TABLE = "6677c22d23f600429d64115e9bfd4a08";
const HAS_PARENT = 2;
/** States of a block that is in the file, and the largest table: of 64 TiB in blocks of 1 MiB. */
const FULL = 6;
const PARTIAL = 7;
const MOST = 1 << 30;
const FLATTEN = "merge both into one image: qemu-img convert -O qcow2 IMAGE WHOLE.qcow2";
const REPLAY = "apply it first: qemu-img check -r all IMAGE; or export the image again with its machine stopped";
/** How much of the head shows where the metadata is, and how much of the metadata is read: its table, and the values behind. */
export const TABLE_LENGTH = REGIONS.at + (64 << 10);
export const METADATA_LENGTH = 1 << 17;

const idOf = (bytes: Uint8Array, at: number): string => Buffer.from(bytes.subarray(at, at + 16)).toString("hex");

/** Where a region of the image stands, by its first `TABLE_LENGTH` bytes. */
function regionOf(head: Uint8Array, id: string): { readonly at: number; readonly length: number } | undefined {
  if (head.length < TABLE_LENGTH) throw truncated("the vhdx image");
  const view = viewOf(head);
  const count = Math.min(view.getUint32(REGIONS.at + 8, true), REGIONS.most);
  for (let index = 0; index < count; index += 1) {
    const at = REGIONS.at + REGIONS.first + index * REGIONS.each;
    if (at + REGIONS.each > head.length) break;
    if (idOf(head, at) !== id) continue;
    return { at: Number(view.getBigUint64(at + 16, true)), length: view.getUint32(at + 24, true) };
  }
  return undefined;
}

/** Where the metadata of the image stands, by its first `TABLE_LENGTH` bytes. */
export function metadataRegion(head: Uint8Array): number {
  const found = regionOf(head, METADATA);
  if (found === undefined) throw corrupt("the vhdx image has no metadata");
  return found.at;
}

/** Refuses an image whose last writer did not end: its log has what its tables do not have yet. By its first `TABLE_LENGTH` bytes. */
export function refuseLog(head: Uint8Array): void {
  if (head.length < TABLE_LENGTH) throw truncated("the vhdx image");
  const view = viewOf(head);
  // The one that was written last counts.
  const [current] = HEADERS.filter((at) => view.getUint32(at, true) === HEADER).sort((one, other) =>
    Number(view.getBigUint64(other + 8, true) - view.getBigUint64(one + 8, true)),
  );
  if (current === undefined) throw corrupt("the vhdx image has no header");
  if (/^0*$/.test(idOf(head, current + 48))) return;
  throw unsupported("a vhdx image that was not closed: its log is not applied", REPLAY);
}

interface Parameters {
  /** Bytes of a block. */
  readonly block: number;
  /** The image is one on top of another. */
  readonly hasParent: boolean;
}

/** By the beginning of the metadata. */
export function parametersOf(metadata: Uint8Array): Parameters {
  const view = viewOf(metadata);
  const count = metadata.length < 64 ? 0 : Math.min(view.getUint16(ITEMS.count, true), ITEMS.most);
  for (let index = 0; index < count; index += 1) {
    const at = ITEMS.first + index * ITEMS.each;
    if (at + ITEMS.each > metadata.length) break;
    if (idOf(metadata, at) !== PARAMETERS) continue;
    const value = view.getUint32(at + 16, true);
    if (value + 8 > metadata.length) break;
    const hasParent = (view.getUint32(value + 4, true) & HAS_PARENT) !== 0;
    return { block: view.getUint32(value, true), hasParent };
  }
  throw corrupt("the metadata of the vhdx image is damaged");
}

/** Bytes of the block table that are looked at together. */
const BLOCKS = 64 << 10;
const MB = 1 << 20;

/**
 * A vhdx image that is passed on: fails with `source.format` where it is one on top of another, and with `source.truncated` where it ends
 * before a block that its table names.
 */
export function watchVhdx(): ImageWatch {
  const parts = new PartWatch("the vhdx image");
  let last = 0;
  let parameters: Parameters | undefined;
  const see = (table: Uint8Array): void => {
    const view = viewOf(table);
    for (let at = 0; at + 8 <= table.length; at += 8) {
      const entry = view.getBigUint64(at, true);
      const state = Number(entry & 7n);
      if (state === FULL || state === PARTIAL) last = Math.max(last, Number(entry >> 20n) * MB);
    }
  };
  parts.collect(0, TABLE_LENGTH, (head) => {
    refuseLog(head);
    const metadata = metadataRegion(head);
    const blocks = regionOf(head, BLOCK_TABLE);
    if (blocks === undefined || blocks.length > MOST) throw corrupt("the block table of the vhdx image is impossible");
    parts.needs(metadata + METADATA_LENGTH);
    parts.collect(metadata, METADATA_LENGTH, (bytes) => {
      parameters = parametersOf(bytes);
      if (parameters.hasParent) throw unsupported("a vhdx image on top of a parent image", FLATTEN);
    });
    for (let at = 0; at < blocks.length; at += BLOCKS)
      parts.collect(blocks.at + at, Math.min(BLOCKS, blocks.length - at), see);
  });
  return {
    parts,
    tail: 1,
    end: () => {
      if (parameters === undefined) throw corrupt("the metadata of the vhdx image is damaged");
      parts.needs(last === 0 ? 0 : last + parameters.block);
    },
  };
}
