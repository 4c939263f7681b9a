import { readFile } from "node:fs";
import { promisify } from "node:util";
import { openRegular } from "../../disk/regular.ts";
import { Failure } from "../../failure.ts";
import { sourceFailure } from "../failure.ts";

/** Sums files, keys, signatures and certificates are small; what is larger is none of them. */
export const SMALL_FILE_LIMIT = 16 << 20;

/** @throws Failure source.missing, source.denied, source.io, source.sums */
export async function smallFile(path: string): Promise<Uint8Array> {
  try {
    await using file = await openRegular(path);
    if ((await file.stat({ bigint: true })).size > SMALL_FILE_LIMIT) throw tooLarge(path);
    return await promisify(readFile)(file.fd);
  } catch (thrown) {
    throw sourceFailure(thrown, path);
  }
}

export const tooLarge = (where: string): Failure =>
  new Failure(
    "source.sums",
    `${where} is larger than ${SMALL_FILE_LIMIT >> 20} MiB: not a checksum file, key, signature or certificate`,
    { hint: "check the path or URL" },
  );
