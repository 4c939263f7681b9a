import { Failure } from "../failure.ts";
import type { ByteStream } from "./bytes.ts";

/** The most bytes that unpacking may give where nothing else was declared: the size of a large disk. */
export const DEFAULT_LIMIT = 2 ** 40;

/** A count of bytes for a reader. */
function sizeText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const count = bytes / 1024 ** power;
  return `${Number.isInteger(count) ? count : count.toFixed(1)} ${units[power]}`;
}

export const tooLarge = (what: string, limit: number): Failure =>
  new Failure("source.limit", `${what} is larger than the limit of ${sizeText(limit)}`, {
    hint: "raise max_size_gb in [settings] if an image of that size is expected; a small file that unpacks without end is an attack",
  });

/** The bytes as they are; a Failure (`source.limit`) instead of the first byte beyond the limit. */
export async function* limited(input: ByteStream, limit: number, what: string): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const piece of input) {
    count += piece.length;
    if (count > limit) throw tooLarge(what, limit);
    yield piece;
  }
}
