import { isUtf8 } from "node:buffer";
import type { Hash } from "node:crypto";
import { releaseCode } from "../code-pages.ts";
import { type Address, parseAddress } from "../model/name.ts";
import { type Recorded, STATE_VERSION, type State } from "../model/state.ts";
import { isTable } from "../model/value.ts";
import { isRow } from "./rows.ts";
import { SharedParts } from "./shared.ts";
import type { Document, TextDocument } from "./storage.ts";

// The document of a large state is three times as large as what is made of it. One that is laid out as `showState` lays it out is read in
// pieces, so that there is never all of it.

/** Bytes from which on a document is read in pieces, and bytes that are read at a time. */
export const LARGE = 1 << 20;
const HEAD =
  /^\{\n {2}"version": (\d+),\n {2}"lineage": "([^"\\\p{Cc}]+)",\n {2}"serial": (\d{1,15}),\n {2}"images": \{\n/u;
/** A line that ends a row before another one, and the end of the document. */
const NEXT = Buffer.from("\n    },\n");
const FOOT = "\n  }\n}\n";
/** Rows of a state that is worth a look of the collector. */
const MANY = 20_000;
/** How long the head can be. */
const MOST = 1000;

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * The state in a document, where that is laid out as this program does it and nothing is wrong with it; undefined: else, and the rest is not
 * read. Each piece is JSON by itself and every row is checked, so that it is what the whole document says. A piece is read before the next one
 * is asked for.
 */
export async function readByPieces(document: Pieces): Promise<State | undefined> {
  const images: Record<Address, Recorded> = {};
  const shared = new SharedParts();
  let head: Omit<State, "images"> | undefined;
  let rest = Buffer.alloc(0);
  for await (const piece of document) {
    // A state of more than a piece; of a small one it would cost more than all of the reading.
    if (head !== undefined) releaseCode();
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
  // The garbage of so many pieces is as large as all that a plan makes next.
  if (Object.keys(images).length > MANY) Bun.gc(true);
  const end = rest.length - FOOT.length;
  if (head === undefined || end <= 0 || rest.toString("latin1", end) !== FOOT) return undefined;
  return addRows(rest.subarray(0, end), images, shared) ? { ...head, images } : undefined;
}

/** The same document, as a state where it is large and that is possible: its text need not be kept. */
export async function smaller({ text, tag }: TextDocument): Promise<Document> {
  const state = text.length > LARGE ? await readByPieces(cut(Buffer.from(text))) : undefined;
  return state === undefined ? { text, tag } : { state, tag };
}

const cut = (bytes: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / LARGE) }, (_, i) => bytes.subarray(i * LARGE, (i + 1) * LARGE));

/** The same pieces, and their digest grows with them. */
export async function* hashing(pieces: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

/** Pieces that last, joined to such of `LARGE` bytes or more: what is read of a socket at a time is too little for a call of the parser. */
export async function* joined(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    kept.push(piece);
    bytes += piece.byteLength;
    if (bytes < LARGE) continue;
    yield Buffer.concat(kept);
    [kept, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(kept);
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
