import type { Format } from "../model/image.ts";
import { type ByteStream, viewOf } from "./bytes.ts";
import { corrupt, truncated } from "./failures.ts";
import { watchedRaw } from "./footer.ts";
import { type ImageWatch, PartWatch, watchedBy } from "./part-watch.ts";
import { watchedQcow2 } from "./qcow2/watch.ts";
import { checkVhd } from "./unsafe.ts";
import { watchVhdx } from "./vhdx.ts";

/** Tables beyond it are an attack or damage. */
const MOST = 32 << 20;
const SECTOR = 512;
/** Before each packed grain of a vmdk. */
const MARKER = 12;
const AT_END = 2n ** 64n - 1n;

/**
 * An image that is passed on, its pieces as they are: fails before the last one with `source.truncated` where it ends before a part that
 * its tables name, with `source.corrupt` where they are impossible, and with `source.format` where it needs other files.
 */
export function watched(format: Format, input: ByteStream, size?: number): ByteStream {
  switch (format) {
    case "raw":
      return watchedRaw(input);
    case "qcow2":
      return watchedQcow2(input, size);
    case "vhdx":
      return watchedBy(watchVhdx(), input);
    case "vmdk":
      return watchedBy(watchVmdk(), input);
    case "vhd":
      return watchedBy(watchVhd(), input);
    case "vdi":
      return watchedBy(watchVdi(), input);
    case "qed":
      return watchedBy(watchQed(), input);
    default:
      return input;
  }
}

/** Copies are read from where they come first: the redundant directory stands before the other. */
function watchVmdk(): ImageWatch {
  const parts = new PartWatch("the vmdk image");
  let isAtEnd = false;
  parts.collect(0, 80, (head) => {
    const view = viewOf(head);
    const [capacity = 0, grain = 0] = [12, 20].map((at) => Number(view.getBigUint64(at, true)));
    const flags = view.getUint32(8, true);
    const perTable = view.getUint32(44, true);
    isAtEnd = view.getBigUint64(56, true) === AT_END;
    if (isAtEnd) return;
    const count = Math.ceil(capacity / (grain * perTable));
    if (perTable === 0 || grain === 0 || perTable > 4096 || !(count * 4 <= MOST))
      throw corrupt("the tables of the vmdk image are impossible");
    const redundant = (flags & 2) === 0 ? 0 : Number(view.getBigUint64(48, true));
    const directory = redundant || Number(view.getBigUint64(56, true));
    const isPacked = (flags & 0x1_0000) !== 0;
    const hasMarkers = (flags & 0x2_0000) !== 0;
    const room = new Uint8Array(MARKER);
    const grains = (table: Uint8Array, first: number): void => {
      const entries = viewOf(table);
      let last = 0;
      for (let index = 0; index < perTable; index += 1) {
        const at = entries.getUint32(index * 4, true);
        // 1: all of it is zero. The last grain may be cut off with the disk.
        const length = isPacked ? 1 : Math.min(grain, capacity - (first + index) * grain);
        if (at > 1 && length > 0) parts.needs((at + length) * SECTOR);
        if (length > 0) last = Math.max(last, at);
      }
      // How long a packed grain is stands before it: where it is in the disk, and its bytes.
      const from = last * SECTOR;
      if (isPacked && hasMarkers && last > 1)
        parts.collect(from, MARKER, (marker) => parts.needs(from + MARKER + viewOf(marker).getUint32(8, true)), room);
    };
    parts.collect(directory * SECTOR, count * 4, (bytes) => {
      const tables = viewOf(bytes);
      const found = Array.from({ length: count }, (_, index) => ({
        from: tables.getUint32(index * 4, true) * SECTOR,
        done: (table: Uint8Array) => grains(table, index * perTable),
      }));
      parts.collectAll(
        found.filter(({ from }) => from > SECTOR),
        new Uint8Array(perTable * 4),
      );
    });
  });
  return {
    parts,
    tail: 2 * SECTOR,
    end: (tail) => {
      // A stream-optimized image that says so ends with a copy of its header, and an empty sector.
      const isFooter = tail.length === 2 * SECTOR && viewOf(tail).getUint32(0) === 0x4b444d56;
      if (isAtEnd && !isFooter) throw truncated("the vmdk image");
    },
  };
}

/** Of dynamic size: it ends with the sector that it begins with. */
function watchVhd(): ImageWatch {
  return {
    parts: new PartWatch("the vhd image"),
    tail: SECTOR,
    end: (tail) => {
      if (new TextDecoder("latin1").decode(tail.subarray(0, 8)) !== "conectix") throw truncated("the vhd image");
      checkVhd(tail, undefined);
    },
  };
}

function watchVdi(): ImageWatch {
  const parts = new PartWatch("the vdi image");
  parts.collect(0, 512, (head) => {
    const [data = 0, block = 0, count = 0] = [344, 376, 388].map((at) => viewOf(head).getUint32(at, true));
    parts.needs(data + block * count);
  });
  return { parts };
}

/** Two levels of tables of one size; an entry of 0 is not there, one of 1 is all zero. */
function watchQed(): ImageWatch {
  const parts = new PartWatch("the qed image");
  parts.collect(0, 64, (head) => {
    const view = viewOf(head);
    const cluster = view.getUint32(0 + 4, true);
    const length = cluster * view.getUint32(8, true);
    if (cluster < 4096 || cluster > 64 << 20 || length === 0 || length > MOST)
      throw corrupt("the tables of the qed image are impossible");
    const offsetsIn = (table: Uint8Array): readonly number[] => {
      const entries = viewOf(table);
      return Array.from({ length: length / 8 }, (_, index) => Number(entries.getBigUint64(index * 8, true))).filter(
        (at) => at > 1,
      );
    };
    parts.collect(Number(view.getBigUint64(40, true)), length, (table) =>
      parts.collectAll(
        offsetsIn(table).map((from) => ({
          from,
          done: (second) => {
            for (const at of offsetsIn(second)) parts.needs(at + cluster);
          },
        })),
        new Uint8Array(length),
      ),
    );
  });
  return { parts };
}
