import { type ByteStream, copyOf, join, viewOf } from "./bytes.ts";
import { unsupported } from "./failures.ts";

export const FOOTER = 512;

/** Whether it is the last sector of a vhd image of fixed size, which is a raw disk but for it. */
function isFixedVhd(tail: Uint8Array): boolean {
  if (tail.length < FOOTER) return false;
  const footer = tail.subarray(-FOOTER);
  const says = new TextDecoder("latin1").decode(footer.subarray(0, 8)) === "conectix";
  return says && viewOf(footer).getUint32(60) === 2;
}

/** Of what was taken for a raw disk. Fails with `source.format`. */
export function refuseFooter(tail: Uint8Array): void {
  if (!isFixedVhd(tail)) return;
  throw unsupported(
    "a vhd image of fixed size, which shows only at its end",
    "unpack it into a file, and take that as the source: the end of a file is seen first",
  );
}

/**
 * A disk that was taken for raw by its beginning, its pieces as they are: fails with `source.format` before the last piece where it
 * ends as a vhd image of fixed size.
 */
export async function* watchedRaw(input: ByteStream): AsyncGenerator<Uint8Array> {
  let tail: Uint8Array = new Uint8Array(0);
  let held: Uint8Array | undefined;
  for await (const piece of input) {
    if (held !== undefined) yield held;
    held = piece;
    tail = piece.length >= FOOTER ? copyOf(piece.subarray(-FOOTER)) : copyOf(join([tail, piece]).subarray(-FOOTER));
  }
  refuseFooter(tail);
  if (held !== undefined) yield held;
}
