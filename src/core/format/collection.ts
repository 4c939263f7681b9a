import { releaseCode } from "../code-pages.ts";
import { isShared } from "./segment.ts";

/** Bytes of pieces that may be made before the memory of the used ones is given back, and the memory of the process that is always allowed. */
const EVERY = Bun.isMainThread ? 8 << 20 : 4 << 20;
const NOTHING = 102 << 20;
/** Near the most that a run may take, it is looked at more often. */
const SOON = 4 << 20;
const NEAR = 110 << 20;
/** Nearer still, the code that came back goes again with each MiB. */
const FULL = 122 << 20;
const AT_ONCE = 1 << 20;
/** A dictionary as `xz -9` has it leaves no room for what can be made again. */
export const LARGE = 32 << 20;
/** Of a piece whose memory is given back only what goes with it is left to the collector: it counts for so many times less. */
const REST = 4;
/** Memory of the process above which the code that it used once does not stay, and above which that is no part of it worth having. */
const [CODE, MUCH] = [92 << 20, 192 << 20];
/** Bytes that flow before the memory of what went with them is looked at. */
const OFTEN = 32 << 20;
/** Buffers that are used again: the memory of a piece in one is not given back. */
const reused = new WeakSet<ArrayBufferLike>();
const isKept = (piece: Uint8Array): boolean => isShared(piece) || reused.has(piece.buffer);

let made = 0;
let looked = 0;
let passing = 0;
let flown = 0;
let soon = SOON;

/**
 * Counts a piece that was made or came, in whatever stream of this process. The collector looks at the heap, on which a piece is next to
 * nothing, and comes late for the bytes behind it: without this, a run holds hundreds of MiB of unused pieces.
 */
export function countAllocated(piece: Uint8Array): void {
  if (!isKept(piece)) count(piece.length);
}

/** A buffer that will be used again by who made it. */
export function markReused({ buffer }: Uint8Array): void {
  reused.add(buffer);
}

/** A buffer that was used again is left to the collector: its last bytes may still be read. */
export function abandon(buffer: Uint8Array): void {
  count(buffer.byteLength);
}

/**
 * Counts bytes that flow through buffers that are used again: only what goes with each is left to the collector, which comes late for it as
 * it counts the buffers as well.
 */
export function flowed(bytes: number): void {
  passing += bytes;
  flown += bytes;
  if (flown < soon) return;
  flown = 0;
  const rss = process.memoryUsage.rss();
  if (passing >= OFTEN && rss > NEAR) collect();
  else trim(rss);
  if (passing >= OFTEN) passing = 0;
}

/**
 * Before much memory is taken at once: near the most that a run may take, what is unused is given back first. Before very much, what was
 * compiled goes as well; it is compiled again where it runs.
 */
export function makeRoom(bytes: number): void {
  if (bytes > LARGE) Bun.shrink();
  if (process.memoryUsage.rss() + bytes > NEAR) collect();
}

/** The collector itself takes as much code into memory as the flow before it: not both at once. */
function collect(): void {
  trim();
  Bun.gc(true);
  trim();
}

/** Takes code out of memory. A process that holds little has the room, and one that holds much has more to look for. */
export function trim(rss = process.memoryUsage.rss()): void {
  soon = rss > FULL && rss < MUCH ? AT_ONCE : SOON;
  if (rss > CODE && rss < MUCH) releaseCode();
}

function count(bytes: number): void {
  made += bytes;
  looked += bytes;
  if (looked < soon) return;
  looked = 0;
  const rss = process.memoryUsage.rss();
  const isDue = made >= EVERY || rss >= NEAR;
  if (isDue) made = 0;
  if (isDue && rss > NOTHING) collect();
  else trim(rss);
}

/**
 * Gives the memory behind a piece back at once, without the collector. Only for the owner of the piece, that made it or was given it with all of its
 * buffer, and knows that it has no reader any more: from now on it is empty.
 */
export function free({ buffer }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) return;
  const { byteLength } = buffer;
  buffer.transfer(0);
  count(byteLength / REST);
}

/** Pieces that are lent: those that may still be read while the next ones are made. */
export const LENT = 8;

/**
 * Pieces that were made for this reader alone. `isLent`: it is done with each before it asks for the fourth after it, and their memory is
 * given back as they go; else they are counted, and the collector does.
 */
export async function* handedOut(pieces: AsyncIterable<Uint8Array>, isLent: boolean): AsyncGenerator<Uint8Array> {
  const given: Uint8Array[] = [];
  for await (const piece of pieces) {
    yield piece;
    if (!isLent || isKept(piece) || piece.byteLength < piece.buffer.byteLength) {
      countAllocated(piece);
      continue;
    }
    given.push(piece);
    const used = given.length > LENT ? given.shift() : undefined;
    if (used !== undefined) free(used);
  }
}

/** The pieces as they are, each counted once it was used. */
export async function* withCollection(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of input) {
    yield piece;
    countAllocated(piece);
  }
}
