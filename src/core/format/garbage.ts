import { isShared } from "./segment.ts";

/** Bytes of pieces that may be made before the memory of the used ones is given back. */
const EVERY = 32 << 20;
let made = 0;

/**
 * Counts a piece that was made, by whatever conversion of this process. The collector looks at the heap, on which a piece is next to
 * nothing, and comes late for the bytes behind it: without this, a run holds a hundred MiB of pieces that nobody uses any more.
 */
export function countMade(piece: Uint8Array): void {
  if (isShared(piece)) return;
  made += piece.length;
  if (made < EVERY) return;
  made = 0;
  Bun.gc(true);
}
