import { closeSync, openSync, readSync } from "node:fs";

/** Where something is in memory: an address and a number of bytes. */
export interface Range {
  readonly start: number;
  readonly length: number;
}

const HEADER = 64;
/** Bytes of the longest table of sections that is read. */
const MOST = 1 << 20;

/** Where a program of 64 bits, little end first, has a section of this name in memory (elf(5)); undefined where it has none. */
export function sectionOf(program: string, name: string): Range | undefined {
  const file = openSync(program, "r");
  try {
    const part = (at: number, length: number): Buffer => {
      const bytes = Buffer.alloc(Math.min(length, MOST));
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, at));
    };
    const head = part(0, HEADER);
    if (head.length < HEADER || head.readUInt32BE(0) !== 0x7f454c46 || head.readUInt16BE(4) !== 0x0201)
      return undefined;
    const [size, count, names] = [0x3a, 0x3c, 0x3e].map((at) => head.readUInt16LE(at));
    if (size !== HEADER || count === undefined || names === undefined) return undefined;
    const table = part(Number(head.readBigUInt64LE(0x28)), size * count);
    const sections = Array.from({ length: Math.floor(table.length / size) }, (_, index) => {
      const section = table.subarray(index * size, (index + 1) * size);
      const [start = 0, offset = 0, length = 0] = [0x10, 0x18, 0x20].map((at) => Number(section.readBigUInt64LE(at)));
      return { name: section.readUInt32LE(0), start, offset, length };
    });
    const texts = sections[names];
    if (texts === undefined) return undefined;
    const text = part(texts.offset, texts.length);
    const wanted = Buffer.from(`${name}\0`);
    const found = sections.find((one) => text.subarray(one.name, one.name + wanted.length).equals(wanted));
    return found && { start: found.start, length: found.length };
  } finally {
    closeSync(file);
  }
}
