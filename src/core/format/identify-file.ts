import { readSmall } from "../disk/regular.ts";
import { FileAccess, MemoryAccess, type RandomAccess } from "./access.ts";
import { countAllocated, free } from "./collection.ts";
import { type Detected, type IdentifyOptions, identifyHead, WINDOW } from "./identify.ts";
import { refuseUnsafeFile } from "./unsafe.ts";

/** Tells what a file is: as `identify` does, and by its end and its tables too. */
export async function identifyFile(
  path: string,
  options: Pick<IdentifyOptions, "member"> = {},
  signal?: AbortSignal,
): Promise<Detected> {
  const small = await readSmall(path);
  if (small === undefined) {
    await using file = await FileAccess.open(path, signal);
    return await identifyAt(file, file.size, options, signal);
  }
  const detected = await identifyBytes(small.bytes, options, signal);
  giveBack(small.bytes, detected);
  return detected;
}

/** Bytes that were looked at. What takes a compression off may still be at work on them. */
function giveBack(bytes: Uint8Array, { layers }: Detected): void {
  if (layers.length === 0) free(bytes);
  else countAllocated(bytes);
}

/** The same of all bytes of a file. */
export async function identifyBytes(
  bytes: Uint8Array,
  options: Pick<IdentifyOptions, "member">,
  signal?: AbortSignal,
): Promise<Detected> {
  const size = bytes.length;
  const tail = bytes.subarray(Math.max(0, size - 512));
  return await identifyEnds({ head: bytes.subarray(0, WINDOW), tail, size }, options, new MemoryAccess(bytes), signal);
}

async function identifyAt(
  file: RandomAccess,
  size: number,
  options: Pick<IdentifyOptions, "member">,
  signal: AbortSignal | undefined,
): Promise<Detected> {
  signal?.throwIfAborted();
  const head = await file.read(0, WINDOW, "again");
  const from = Math.max(0, size - 512);
  const tail = size <= head.length ? head.subarray(from) : await file.read(from, 512, "again");
  const detected = await identifyEnds({ head, tail, size }, options, file, signal);
  giveBack(head, detected);
  return detected;
}

/** By the beginning and the end of a file, and by its tables. */
async function identifyEnds(
  { head, ...ends }: { readonly head: Uint8Array; readonly tail: Uint8Array; readonly size: number },
  options: Pick<IdentifyOptions, "member">,
  file: RandomAccess,
  signal: AbortSignal | undefined,
): Promise<Detected> {
  signal?.throwIfAborted();
  const detected = await identifyHead(head, { ...options, ...ends }, signal);
  const { format, layers } = detected;
  if (format !== undefined && layers.length === 0) await refuseUnsafeFile(format, file);
  return detected;
}
