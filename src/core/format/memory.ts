import { viewOf } from "./bytes.ts";
import type { Packing } from "./compression.ts";

const MiB = 1 << 20;
/** A thread with its own heap and what it compiles, and the pieces on their way to it and back. */
const THREAD = 9 * MiB;
/** Its window is small, but not its buffers, and those of the flow before and behind it. */
const GZ = 3 * MiB;
/** bzip2 is on a thread as well, which compiles less and holds more. */
const BZ2 = 12 * MiB;
/** What zstd holds beside its window. */
const ZSTD = 7 * MiB;
/** lz4 gives pieces faster than they are taken, so that more of them wait, and two at once make nothing faster. */
const LZ4 = 10 * MiB;
/** What most that is published is packed with. */
const USUAL = 8 * MiB;

/** Bytes that unpacking holds, by the beginning of the packed data: its dictionary, window or block, and what goes with it. */
export function memoryToUnpack(packing: Packing, head: Uint8Array): number {
  switch (packing) {
    case "gz":
      return GZ;
    case "bz2":
      // The level in hundreds of thousands of bytes, each of which takes five.
      return BZ2 + ((head[3] ?? 0x39) - 0x30) * 500_000;
    case "xz":
      return THREAD + xzDictionary(head);
    case "lzma":
      return THREAD + (head.length < 5 ? USUAL : viewOf(head).getUint32(1, true));
    case "zst":
      return ZSTD + zstdWindow(head);
    case "lz4":
      return LZ4;
    default:
      return packing satisfies never;
  }
}

/** Of the first block: the properties of its last filter. */
function xzDictionary(head: Uint8Array): number {
  const first = 12;
  const flags = head[first + 1] ?? 0;
  if ((head[first] ?? 0) === 0 || head.length < first + 32) return USUAL;
  let at = first + 2;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = head[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) break;
    }
    return value;
  };
  if ((flags & 0x40) !== 0) number();
  if ((flags & 0x80) !== 0) number();
  for (let filter = 0; filter <= (flags & 3); filter += 1) {
    const [id, length] = [number(), number()];
    if (id === 0x21 && length === 1) {
      const bits = (head[at] ?? 0) & 0x3f;
      return (2 | (bits & 1)) * 2 ** ((bits >>> 1) + 11);
    }
    at += length;
  }
  return USUAL;
}

/** Of the first frame with data; no window is larger than the content where that is reported in its place. */
function zstdWindow(head: Uint8Array): number {
  for (let at = 0; at + 14 < head.length; ) {
    const view = viewOf(head);
    if (view.getUint32(at, true) >>> 4 === 0x184d2a5) {
      at += 8 + view.getUint32(at + 4, true);
      continue;
    }
    const descriptor = head[at + 4] ?? 0;
    if ((descriptor & 0x20) !== 0) return USUAL;
    const byte = head[at + 5] ?? 0;
    return 2 ** (10 + (byte >>> 3)) * (1 + (byte & 7) / 8);
  }
  return USUAL;
}
