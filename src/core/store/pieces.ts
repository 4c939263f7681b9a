import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { releaseCode } from "../code-pages.ts";
import { piecesOf } from "../disk/pieces.ts";
import { type Address, parseAddress } from "../model/name.ts";
import { type Recorded, STATE_VERSION, type State } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import { isRow } from "./rows.ts";
import { SharedParts } from "./shared.ts";

// The document of a large state is three times as large as what is made of it. One that is laid out as `showState` lays it out is read in
// pieces, so that there is never all of it.

/** Bytes that are read at a time. */
const PIECE = 1 << 20;
const HEAD =
  /^\{\n {2}"version": (\d+),\n {2}"lineage": "([^"\\\p{Cc}]+)",\n {2}"serial": (\d{1,15}),\n {2}"images": \{\n/u;
/** A line that ends a row before another one, and the end of the document. */
const NEXT = Buffer.from("\n    },\n");
const FOOT = "\n  }\n}\n";
/** How long the head can be. */
const MOST = 1000;

interface Read {
  readonly state: State;
  /** The SHA-256 of all bytes, in hex. */
  readonly sha256: string;
}

/**
 * The state in a file, where its document is laid out as this program does it and nothing is wrong with it; undefined: else. Each piece is
 * JSON by itself and every row is checked, so that it is what the whole document says.
 */
export async function readByPieces(file: FileHandle): Promise<Read | undefined> {
  const hash = createHash("sha256");
  const images: Record<Address, Recorded> = {};
  const shared = new SharedParts();
  let head: Omit<State, "images"> | undefined;
  let rest = Buffer.alloc(0);
  for await (const piece of piecesOf(file, PIECE)) {
    // A state of more than a piece; of a small one it would cost more than all of the reading.
    if (head !== undefined) releaseCode();
    hash.update(piece);
    rest = Buffer.concat([rest, piece]);
    if (head === undefined) {
      const found = headOf(rest);
      if (found === undefined) return undefined;
      head = found.head;
      rest = rest.subarray(found.length);
    }
    const cut = rest.lastIndexOf(NEXT);
    if (cut < 0) continue;
    if (!addRows(rest.subarray(0, cut + NEXT.length - ",\n".length), images, shared)) return undefined;
    rest = rest.subarray(cut + NEXT.length);
  }
  const end = rest.length - FOOT.length;
  if (head === undefined || end <= 0 || rest.toString("latin1", end) !== FOOT) return undefined;
  if (!addRows(rest.subarray(0, end), images, shared)) return undefined;
  return { state: { ...head, images }, sha256: hash.digest("hex") };
}

/** All bytes of a file, also where some of them have been read. */
export async function wholeOf(file: FileHandle): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of piecesOf(file, PIECE)) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

function headOf(bytes: Buffer): { readonly head: Omit<State, "images">; readonly length: number } | undefined {
  const found = HEAD.exec(bytes.toString("latin1", 0, MOST));
  const [text, version, lineage, serial] = found ?? [];
  if (text === undefined || lineage === undefined || Number(version) !== STATE_VERSION) return undefined;
  // What is not ASCII is read with the whole.
  if (!/^[\x20-\x7e]+$/.test(lineage)) return undefined;
  return { head: { version: STATE_VERSION, lineage, serial: Number(serial) }, length: text.length };
}

/** Whether these are rows, and all of them are right. */
function addRows(bytes: Buffer, images: Record<Address, Recorded>, shared: SharedParts): boolean {
  if (!isUtf8(bytes)) return false;
  let rows: unknown;
  try {
    rows = JSON.parse(`{${bytes.toString("utf8")}}`);
  } catch {
    return false;
  }
  if (typeof rows !== "object" || rows === null) return false;
  for (const [key, row] of Object.entries(rows)) {
    const at = parseAddress(key);
    if (isTable(row)) shared.fold(row);
    if (at === undefined || !isRow(key, row)) return false;
    images[at] = row;
  }
  return true;
}
