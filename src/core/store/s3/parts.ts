const MIB = 1024 * 1024;
const MOST_PARTS = 10_000;
/** Parts of the smallest size, where no size is known beforehand, and those after which they are twice as large again. */
const [FIRST, GROWS] = [2000, 800];

/** The smallest part: S3 takes none below 5 MiB, but for the last. */
const PART = 5 * MIB;

/**
 * Bytes of the n-th part, from 1. Without a size beforehand parts grow, to 8 TB in 10,000 of them, so that an image that turns out small is not
 * held in large parts.
 */
export function partSize(n: number, size: number | undefined): number {
  if (size !== undefined) return Math.max(PART, Math.ceil(size / MOST_PARTS / MIB) * MIB);
  return PART * 2 ** Math.max(0, Math.floor((n - 1 - FIRST + GROWS) / GROWS));
}
