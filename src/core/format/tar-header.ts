import { posix } from "node:path";
import { type ByteReader, copyOf } from "./bytes.ts";
import { corrupt, unsupported } from "./failures.ts";

export const BLOCK = 512;
const TAR = "the tar archive";
/** No pax header or long name is larger in good faith, and no map of a sparse file has more parts. */
const TEXT_LIMIT = 1 << 20;
const PARTS_LIMIT = 1 << 20;
const decoder = new TextDecoder();

/** A run of data in a sparse file; between the runs there are zeros. */
export interface TarPart {
  readonly offset: number;
  readonly length: number;
}

export interface TarEntry {
  readonly name: string;
  readonly regular: boolean;
  /** Of a hard or symbolic link: the name of the file that it leads to. */
  readonly target?: string | undefined;
  /** Bytes that follow in the archive, without the padding to 512. */
  readonly stored: number;
  /** Bytes of the file itself. */
  readonly size: number;
  /** Of a sparse file: where its data belongs. `inside`: the map stands before the data and has to be read first. */
  readonly parts: readonly TarPart[] | "inside" | undefined;
}

type Records = ReadonlyMap<string, string>;

/** The header of the next member with all that belongs to it; undefined at the end of the archive. */
export async function nextEntry(reader: ByteReader, globals: Map<string, string>): Promise<TarEntry | undefined> {
  let records: Records = new Map();
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (;;) {
    // What is lent does not last until all that belongs to the header has been read.
    const block = copyOf(await reader.take(BLOCK));
    if (block.length === 0 || (block.length === BLOCK && block.every((byte) => byte === 0))) return undefined;
    if (!isTarHeader(block)) throw corrupt("a header of the tar archive is damaged or truncated");
    const size = number(block, 124, 12);
    switch (String.fromCharCode(block[156] ?? 0)) {
      case "L":
        longName = text(await extra(reader, size), 0, size);
        break;
      case "K":
        longTarget = text(await extra(reader, size), 0, size);
        break;
      case "x":
        records = paxRecords(await extra(reader, size));
        break;
      case "g":
        for (const [key, value] of paxRecords(await extra(reader, size))) globals.set(key, value);
        break;
      default:
        return linkedTo(
          records.get("linkpath") ?? longTarget ?? text(block, 157, 100),
          String.fromCharCode(block[156] ?? 0),
          await entryOf(reader, block, longName, new Map([...globals, ...records])),
        );
    }
  }
}

/** Whether the block is a header of a tar archive: by its checksum, as old archives have no magic. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < BLOCK) return false;
  const stored = Number.parseInt(text(block, 148, 8).trim(), 8);
  if (Number.isNaN(stored)) return false;
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    const byte = at >= 148 && at < 156 ? 32 : (block[at] ?? 0);
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  return (stored === unsigned || stored === signed) && unsigned !== 256;
}

async function entryOf(
  reader: ByteReader,
  block: Uint8Array,
  longName: string | undefined,
  records: Records,
): Promise<TarEntry> {
  const prefix = text(block, 257, 6) === "ustar" ? text(block, 345, 155) : "";
  const short = text(block, 0, 100);
  const name =
    records.get("GNU.sparse.name") ?? records.get("path") ?? longName ?? (prefix === "" ? short : `${prefix}/${short}`);
  const kind = String.fromCharCode(block[156] ?? 0);
  const stored = decimal(records.get("size")) ?? number(block, 124, 12);
  if (kind === "S") {
    const parts = await gnuParts(reader, block);
    return { name, regular: true, stored, size: number(block, 483, 12), parts };
  }
  const regular = (kind === "0" || kind === "\0" || kind === "7") && !name.endsWith("/");
  const size = decimal(records.get("GNU.sparse.realsize") ?? records.get("GNU.sparse.size"));
  if (size === undefined) return { name, regular, stored: linked(kind) ? 0 : stored, size: stored, parts: undefined };
  const map = records.get("GNU.sparse.map");
  if (map !== undefined) return { name, regular, stored, size, parts: pairs(map.split(",").map(decimal)) };
  if (records.get("GNU.sparse.major") !== "1") {
    throw unsupported("a sparse file in the oldest pax form", "create it with tar --sparse-version=1.0");
  }
  return { name, regular, stored, size, parts: "inside" };
}

/** A hard link has the name of its file in the archive, a symbolic one its path from the directory of the link. */
function linkedTo(path: string, kind: string, entry: TarEntry): TarEntry {
  if (kind === "1") return { ...entry, target: path };
  return kind === "2" ? { ...entry, target: posix.resolve("/", posix.dirname(entry.name), path).slice(1) } : entry;
}

/** Links, devices and directories have no bytes, whatever their size says. */
const linked = (kind: string): boolean => "123456".includes(kind);

/** The map of a sparse file that stands before its data: decimal numbers, one a line. Gives the bytes that it took. */
export async function insideParts(
  reader: ByteReader,
): Promise<{ readonly parts: readonly TarPart[]; readonly length: number }> {
  const begin = reader.offset;
  let block = "";
  const line = async (): Promise<number | undefined> => {
    while (!block.includes("\n")) {
      if (block.length > 32) throw corrupt("the map of a sparse file in the tar archive is damaged");
      block += decoder.decode(await reader.exact(BLOCK, TAR));
    }
    const end = block.indexOf("\n");
    const value = decimal(block.slice(0, end));
    block = block.slice(end + 1);
    return value;
  };
  const count = (await line()) ?? 0;
  if (count > PARTS_LIMIT) throw corrupt("the map of a sparse file in the tar archive is too long");
  const numbers: (number | undefined)[] = [];
  for (let at = 0; at < count * 2; at += 1) numbers.push(await line());
  return { parts: pairs(numbers), length: reader.offset - begin };
}

async function gnuParts(reader: ByteReader, block: Uint8Array): Promise<readonly TarPart[]> {
  const numbers: number[] = [];
  const add = (from: Uint8Array, at: number, count: number): void => {
    for (let entry = 0; entry < count; entry += 1) {
      if (from[at + entry * 24] === 0) return;
      numbers.push(number(from, at + entry * 24, 12), number(from, at + entry * 24 + 12, 12));
    }
  };
  add(block, 386, 4);
  for (let more = block[482] === 1; more; ) {
    const next = await reader.exact(BLOCK, TAR);
    add(next, 0, 21);
    more = next[504] === 1;
    if (numbers.length > PARTS_LIMIT * 2) throw corrupt("the map of a sparse file in the tar archive is too long");
  }
  return pairs(numbers);
}

function pairs(numbers: readonly (number | undefined)[]): readonly TarPart[] {
  const parts: TarPart[] = [];
  let end = 0;
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    const offset = numbers[at];
    const length = numbers[at + 1];
    if (offset === undefined || length === undefined || offset < end) {
      throw corrupt("the map of a sparse file in the tar archive is damaged");
    }
    end = offset + length;
    parts.push({ offset, length });
  }
  return parts;
}

async function extra(reader: ByteReader, size: number): Promise<Uint8Array> {
  if (size > TEXT_LIMIT) throw corrupt("a header of the tar archive is too long");
  return (await reader.exact(Math.ceil(size / BLOCK) * BLOCK, TAR)).subarray(0, size);
}

/** `LENGTH KEY=VALUE\n`, where the length counts all of it. */
function paxRecords(bytes: Uint8Array): Records {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? undefined : decimal(decoder.decode(bytes.subarray(at, space)));
    if (length === undefined || length < space - at + 3 || at + length > bytes.length) {
      throw corrupt("a pax header of the tar archive is damaged");
    }
    const record = decoder.decode(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

/** Octal digits, or (with the highest bit set) a binary number. */
function number(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0;
  let value = 0;
  if ((first & 0x80) !== 0) {
    value = first & 0x7f;
    for (let index = 1; index < length; index += 1) value = value * 256 + (block[at + index] ?? 0);
  } else {
    const digits = text(block, at, length).trim();
    value = digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  }
  if (!Number.isSafeInteger(value)) throw corrupt("a number in a header of the tar archive is damaged");
  return value;
}

function decimal(digits: string | undefined): number | undefined {
  if (digits === undefined || !/^[0-9]{1,15}$/.test(digits)) return undefined;
  return Number(digits);
}
