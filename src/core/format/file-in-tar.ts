import { Failure } from "../failure.ts";
import { type ByteStream, bytesOf } from "./bytes.ts";
import { decompress } from "./compression.ts";
import { detect } from "./detect.ts";
import { firstOf } from "./identify.ts";
import { untar } from "./tar.ts";

const DEPTH = 4;

/**
 * A small file of a tar archive, packed in whatever way, from the first bytes of that; no more of it is read. Undefined: it does not lie
 * in them, or they are no such archive.
 */
export async function fileIn(archive: ByteStream, name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  let inside = await firstOf(archive);
  try {
    for (let depth = 0; depth < DEPTH; depth++) {
      const found = detect(inside);
      if (found.kind !== "packed") break;
      inside = await firstOf(decompress(found.packing, bytesOf(inside), { thread: false }, signal), () => undefined);
    }
    const file = await firstOf(untar(bytesOf(inside), { name }, signal));
    return file.length > 0 ? file : undefined;
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Failure) return undefined;
    throw thrown;
  }
}
