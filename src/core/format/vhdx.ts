import { type ByteStream, viewOf } from "./bytes.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";

const REGIONS = { at: 0x30000, first: 16, each: 32, most: 2047 } as const;
const ITEMS = { count: 10, first: 32, each: 32, most: 2047 } as const;
const METADATA = "06a27c8b90479a4bb8fe575f050f886e";
const PARAMETERS = "3767a1ca36fa434db3b633f0aa44e76b";
const HAS_PARENT = 2;
const FLATTEN = "merge both into one image: qemu-img convert -O qcow2 IMAGE WHOLE.qcow2";
/** How much of the head shows where the metadata is, and how much of the metadata is read: its table, and the values behind. */
export const TABLE_LENGTH = REGIONS.at + (64 << 10);
export const METADATA_LENGTH = 1 << 17;

const idOf = (bytes: Uint8Array, at: number): string => Buffer.from(bytes.subarray(at, at + 16)).toString("hex");

/** Where the metadata of the image stands, by its first `TABLE_LENGTH` bytes. */
export function metadataRegion(head: Uint8Array): number {
  if (head.length < TABLE_LENGTH) throw truncated("the vhdx image");
  const view = viewOf(head);
  const count = Math.min(view.getUint32(REGIONS.at + 8, true), REGIONS.most);
  for (let index = 0; index < count; index += 1) {
    const at = REGIONS.at + REGIONS.first + index * REGIONS.each;
    if (at + REGIONS.each > head.length) break;
    if (idOf(head, at) === METADATA) return Number(view.getBigUint64(at + 16, true));
  }
  throw corrupt("the vhdx image has no metadata");
}

/** Whether the image is one on top of another, by the beginning of its metadata. */
export function hasParent(metadata: Uint8Array): boolean {
  const view = viewOf(metadata);
  const count = metadata.length < 64 ? 0 : Math.min(view.getUint16(ITEMS.count, true), ITEMS.most);
  for (let index = 0; index < count; index += 1) {
    const at = ITEMS.first + index * ITEMS.each;
    if (at + ITEMS.each > metadata.length) break;
    if (idOf(metadata, at) !== PARAMETERS) continue;
    const value = view.getUint32(at + 16, true);
    if (value + 8 > metadata.length) break;
    return (view.getUint32(value + 4, true) & HAS_PARENT) !== 0;
  }
  throw corrupt("the metadata of the vhdx image is damaged");
}

/**
 * A vhdx image that is passed on as a stream, its pieces as they are: fails with `source.format` before the last piece where it is one
 * on top of another. Holds the two parts that tell it.
 */
export async function* watchedVhdx(input: ByteStream): AsyncGenerator<Uint8Array> {
  const table = new Part(0, TABLE_LENGTH);
  let metadata: Part | undefined;
  let offset = 0;
  let held: Uint8Array | undefined;
  for await (const piece of input) {
    if (held !== undefined) yield held;
    held = piece;
    table.see(piece, offset);
    // What stands within the table's own part is seen again from there.
    if (metadata === undefined && table.isFull) {
      metadata = new Part(metadataRegion(table.bytes), METADATA_LENGTH);
      metadata.see(table.bytes, 0);
    }
    metadata?.see(piece, offset);
    offset += piece.length;
  }
  if (metadata === undefined) throw truncated("the vhdx image");
  if (hasParent(metadata.bytes.subarray(0, metadata.filled))) {
    throw unsupported("a vhdx image on top of a parent image", FLATTEN);
  }
  if (held !== undefined) yield held;
}

/** A part of a stream, filled as it flows by. */
class Part {
  readonly bytes: Uint8Array;
  filled = 0;
  readonly #from: number;

  constructor(from: number, length: number) {
    this.#from = from;
    this.bytes = new Uint8Array(length);
  }

  get isFull(): boolean {
    return this.filled === this.bytes.length;
  }

  see(piece: Uint8Array, offset: number): void {
    const at = this.#from + this.filled - offset;
    if (this.isFull || at < 0 || at >= piece.length) return;
    const part = piece.subarray(at, at + this.bytes.length - this.filled);
    this.bytes.set(part, this.filled);
    this.filled += part.length;
  }
}
