import type { FileHandle } from "node:fs/promises";

/** The blocks of a file system, of which zero ones need not be written. */
const BLOCK = 4096;
const ZEROS = new Uint8Array(BLOCK);

/**
 * Writes the bytes at `offset`, the end of a new file so far. Its zero blocks are left out as holes.
 */
export async function writeWithHoles(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let end = 0;
  for (const [from, to] of dataRuns(bytes, offset)) {
    for (let at = from; at < to; ) at += (await file.write(bytes, at, to - at, offset + at)).bytesWritten;
    end = to;
  }
  if (end < bytes.length) await file.truncate(offset + bytes.length);
}

/** Whether some of the blocks of a file with these bytes are zero. */
export function hasHoles(bytes: Uint8Array): boolean {
  const [first] = dataRuns(bytes, 0);
  return bytes.length > 0 && (first === undefined || first[0] > 0 || first[1] < bytes.length);
}

/** The parts of the bytes that are not zero, in whole blocks of the file. */
function* dataRuns(bytes: Uint8Array, offset: number): Generator<readonly [from: number, to: number]> {
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + BLOCK - ((offset + at) % BLOCK));
    if (isZero(bytes.subarray(at, end))) {
      if (from < at) yield [from, at];
      from = end;
    }
    at = end;
  }
  if (from < bytes.length) yield [from, bytes.length];
}

const isZero = (part: Uint8Array): boolean =>
  part[0] === 0 && part[part.length - 1] === 0 && Buffer.compare(part, ZEROS.subarray(0, part.length)) === 0;
