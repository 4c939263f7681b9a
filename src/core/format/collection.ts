import { isShared } from "./segment.ts";

/** Bytes of pieces that may be made before the memory of the used ones is given back, and the memory of the process that is always allowed. */
const EVERY = Bun.isMainThread ? 8 << 20 : 4 << 20;
const NOTHING = 90 << 20;
/** Near the most that a run may take, it is looked at more often. */
const SOON = 4 << 20;
const NEAR = 125 << 20;
let made = 0;
let looked = 0;

/**
 * Counts a piece that was made or came, in whatever stream of this process. The collector looks at the heap, on which a piece is next to
 * nothing, and comes late for the bytes behind it: without this, a run holds hundreds of MiB of unused pieces.
 */
export function countAllocated(piece: Uint8Array): void {
  if (isShared(piece)) return;
  made += piece.length;
  looked += piece.length;
  if (looked < SOON) return;
  looked = 0;
  const rss = process.memoryUsage.rss();
  if (made < EVERY && rss < NEAR) return;
  made = 0;
  if (rss > NOTHING) Bun.gc(true);
}

/** The pieces as they are, each counted once it was used. */
export async function* withCollection(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of input) {
    yield piece;
    countAllocated(piece);
  }
}
