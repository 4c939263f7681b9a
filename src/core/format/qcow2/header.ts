import { viewOf } from "../bytes.ts";
import { corrupt, truncated, unsupported } from "../failures.ts";
import { checkSnapshots, type SnapshotTable } from "./snapshots.ts";

export const MAGIC = 0x514649fb;
/** Bytes that hold every field that is used here. */
export const HEADER_LENGTH = 112;
/** What qemu takes at most; a table beyond it is an attack or damage. */
const L1_LIMIT = 32 << 20;
const INCOMPATIBLE = { dirty: 1, corrupt: 2, externalData: 4, compression: 8, extendedL2: 16 } as const;
const KNOWN = 31;

/** What the header of a qcow2 image says (QEMU's docs/interop/qcow2). Numbers are in bytes unless their names say otherwise. */
export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly cluster: number;
  /** Of the disk. */
  readonly size: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly refcountTable: { readonly offset: number; readonly length: number };
  readonly snapshots: SnapshotTable;
  readonly compression: "deflate" | "zstd";
  readonly extendedL2: boolean;
  /** Entries of one second-level table, and bytes of each. */
  readonly l2Entries: number;
  readonly entry: 8 | 16;
}

/** Whether the bytes begin as a qcow2 image. */
const isQcow2 = (head: Uint8Array): boolean => head.length >= 8 && viewOf(head).getUint32(0) === MAGIC;

/** The text at a place of the head, where it reaches that far. */
type NameAt = (offset: number, length: number) => string | undefined;
export const nameIn =
  (head: Uint8Array): NameAt =>
  (offset, length) =>
    offset + length <= head.length ? new TextDecoder().decode(head.subarray(offset, offset + length)) : undefined;

/** Reads the header from the first `HEADER_LENGTH` bytes. Fails with `source.corrupt`, `source.truncated` or `source.format`. */
export function readHeader(head: Uint8Array, name: NameAt): Qcow2Header {
  const header = parseHeader(head, name);
  if (header.encrypted) {
    throw unsupported("an encrypted qcow2 image", "decrypt it first: qemu-img convert with its secret");
  }
  return header;
}

/** The same of an image that is not read, so that it may be encrypted. */
export function parseHeader(head: Uint8Array, name: NameAt): Qcow2Header & { readonly encrypted: boolean } {
  if (!isQcow2(head)) throw corrupt("this is not a qcow2 image");
  const view = viewOf(head);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) {
    throw unsupported(
      `a qcow2 image of version ${version}`,
      "versions 2 and 3 are supported; convert it with qemu-img",
    );
  }
  if (head.length < (version === 2 ? 72 : 104)) throw truncated("the qcow2 image");
  const clusterBits = view.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) throw corrupt(`the qcow2 image has clusters of 2^${clusterBits} bytes`);
  refuse(view, version, name);
  const features = version === 3 ? view.getUint32(76) : 0;
  const extendedL2 = (features & INCOMPATIBLE.extendedL2) !== 0;
  if (extendedL2 && clusterBits < 14) throw corrupt("the clusters of the qcow2 image are too small for subclusters");
  const cluster = 2 ** clusterBits;
  const entry = extendedL2 ? 16 : 8;
  const header = {
    encrypted: view.getUint32(32) !== 0,
    version,
    clusterBits,
    cluster,
    size: number64(view, 24, "size"),
    l1Offset: number64(view, 40, "first-level table"),
    l1Entries: view.getUint32(36),
    refcountTable: { offset: number64(view, 48, "refcount table"), length: view.getUint32(56) * cluster },
    snapshots: { count: view.getUint32(60), offset: number64(view, 64, "snapshot table") },
    compression: compressionOf(view, head, features),
    extendedL2,
    l2Entries: cluster / entry,
    entry,
  } as const;
  checkL1(header);
  checkSnapshots(header.snapshots, cluster);
  return header;
}

/** What cannot be read without more than this one file. */
function refuse(view: DataView, version: 2 | 3, name: NameAt): void {
  const backing = number64(view, 8, "backing file name");
  if (backing !== 0) {
    const called = name(backing, Math.min(1023, view.getUint32(16)));
    throw unsupported(
      `a qcow2 image on top of a backing file${called === undefined ? "" : ` (${JSON.stringify(called)})`}`,
      "merge both into one image: qemu-img convert -O qcow2 IMAGE WHOLE.qcow2",
    );
  }
  if (version === 2) return;
  const features = view.getUint32(76);
  if ((features & INCOMPATIBLE.corrupt) !== 0) {
    throw corrupt("the qcow2 image is marked as damaged by the program that last used it");
  }
  if ((features & INCOMPATIBLE.externalData) !== 0) {
    throw unsupported(
      "a qcow2 image with its data in another file",
      "merge both into one image: qemu-img convert -O qcow2 IMAGE WHOLE.qcow2",
    );
  }
  if (view.getUint32(72) !== 0 || (features & ~KNOWN) !== 0) {
    throw unsupported("a qcow2 image with unknown features", "convert it with the qemu-img that created it");
  }
  const length = view.getUint32(100);
  if (length < 104 || length > 2 ** view.getUint32(20) || length % 8 !== 0) {
    throw corrupt(`the qcow2 image has a header of ${length} bytes`);
  }
  if (view.getUint32(96) > 6) throw corrupt("the qcow2 image has refcounts of an impossible width");
}

function compressionOf(view: DataView, head: Uint8Array, features: number): "deflate" | "zstd" {
  if ((features & INCOMPATIBLE.compression) === 0) return "deflate";
  if (view.getUint32(100) <= 104 || head.length <= 104) throw corrupt("the qcow2 image does not name its compression");
  const kind = head[104];
  if (kind === 0) return "deflate";
  if (kind === 1) return "zstd";
  throw unsupported(
    `a qcow2 image with compression ${kind}`,
    "deflate and zstd are supported; convert it with qemu-img",
  );
}

function checkL1({ size, cluster, l2Entries, l1Entries, l1Offset }: Qcow2Header): void {
  const needed = Math.ceil(size / (cluster * l2Entries));
  if (l1Entries * 8 > L1_LIMIT || needed * 8 > L1_LIMIT) {
    throw corrupt("the first-level table of the qcow2 image is larger than 32 MiB");
  }
  if (l1Entries < needed) throw corrupt("the first-level table of the qcow2 image is too small for its disk");
  if (l1Entries > 0 && (l1Offset % cluster !== 0 || (l1Offset === 0 && needed > 0))) {
    throw corrupt("the first-level table of the qcow2 image is at an impossible place");
  }
}

/** A number of 64 bits; one that JavaScript cannot hold is in no file. */
function number64(view: DataView, at: number, what: string): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  if (!Number.isSafeInteger(value)) throw corrupt(`the qcow2 image has an impossible ${what}`);
  return value;
}
