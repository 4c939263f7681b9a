import { openRegular, statPath } from "../../disk/regular.ts";
import { FileAccess } from "../../format/access.ts";
import { extentsOf, GRAIN } from "../../format/holes.ts";
import { isZero } from "../../format/segment.ts";
import { sourceFailure } from "../failure.ts";

/** Bytes of holes from which on a sha256 of the whole file takes too long: at 2 GB/s those alone would take four seconds. */
const MANY = 8 * 2 ** 30;

/** Whether so much of a file of `size` bytes is holes that it is known by its data alone. @throws Failure source.missing, source.denied, source.io */
export const isMostlyHoles = async (path: string, size: number): Promise<boolean> =>
  (await manyHoles(path, size)) !== undefined;

/** Bytes of holes in a file of `size` bytes, where they are many. @throws Failure source.missing, source.denied, source.io */
export async function manyHoles(path: string, size: number): Promise<number | undefined> {
  if (size < MANY) return undefined;
  try {
    const found = await statPath(path);
    const now = Number(found.size);
    if (now - Number(found.blocks) * 512 < MANY) return undefined;
    await using file = await openRegular(path);
    let data = 0;
    for (const [from, to] of await extentsOf(file)) data += to - from;
    return now - data < MANY ? undefined : now - data;
  } catch (thrown) {
    throw sourceFailure(thrown, path);
  }
}

/**
 * What the content of a sparse file comes to: a digest of its length and of its data, each grain with its place. Equal for equal bytes, however
 * many of the zeros are holes. @throws Failure source.missing, source.denied, source.io; the signal's reason
 */
export async function digestOfData(path: string, signal: AbortSignal): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  try {
    await using file = await FileAccess.open(path, signal);
    hasher.update(`${file.size}\n`);
    for await (const { at, data } of file.scan())
      for (let from = 0; from < data.length; from += GRAIN) {
        const grain = data.subarray(from, from + GRAIN);
        if (isZero(grain)) continue;
        hasher.update(`${at + from}\n`);
        hasher.update(grain);
      }
  } catch (thrown) {
    signal.throwIfAborted();
    throw sourceFailure(thrown, path);
  }
  return `data sha256:${hasher.digest("hex")}`;
}
