import { crc32 } from "node:zlib";
import { ByteReader, type ByteStream, viewOf } from "./bytes.ts";
import { withCollection } from "./collection.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";
import { inflated } from "./gunzip.ts";
import { DEFAULT_LIMIT, limited, tooLarge } from "./limit.ts";
import { type MemberOptions, missing, sameName } from "./member-name.ts";
import { copiedOut } from "./ring.ts";
import { centralEntry, descriptor, localEntry, SIGNATURE, ZIP, type ZipEntry } from "./zip-record.ts";

const STORED = 0;
const DEFLATED = 8;

/**
 * One file out of a zip archive that is read as a stream, and may be lent: the named one, or else the first one. Handled are stored and
 * deflated files, zip64, and sizes that follow the bytes of a deflated file. Refused with `source.format`: encryption, other methods, and
 * stored files whose size follows them (their end cannot be recognized). What the records between the files say is compared with the
 * directory at the end, which is what other programs go by; a difference is `source.corrupt`, and comes after the last byte.
 */
export async function* unzip(
  input: ByteStream,
  options: MemberOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { name, limit = DEFAULT_LIMIT, lent = false } = options;
  await using reader = new ByteReader(input, signal);
  const seen: string[] = [];
  let picked: ZipEntry | undefined;
  for (;;) {
    const kind = await signature(reader);
    if (kind !== SIGNATURE.local) break;
    const entry = await localEntry(reader);
    const isDirectory = entry.name.endsWith("/");
    if (picked === undefined && !isDirectory && (name === undefined || sameName(entry.name, name))) {
      if (!entry.described && entry.size > limit) throw tooLarge("the file in the zip archive", limit);
      picked = yield* content(reader, entry, limit, lent);
    } else {
      if (!isDirectory && seen.length < 20) seen.push(entry.name);
      for await (const _ of passed(reader, entry, limit));
    }
  }
  await directory(reader, picked);
  await reader.drain();
  if (picked === undefined) throw missing(name, seen);
}

async function signature(reader: ByteReader): Promise<number> {
  const bytes = await reader.peek(4);
  if (bytes.length < 4) throw truncated(ZIP);
  return viewOf(bytes).getUint32(0, true);
}

/** The bytes of a file that is not wanted, passed over as cheaply as possible. */
async function* passed(reader: ByteReader, entry: ZipEntry, limit: number): AsyncGenerator<Uint8Array> {
  if (entry.described) yield* content(reader, entry, limit);
  else await reader.skip(entry.packed, ZIP);
}

/** The bytes of a file. Gives the entry with the CRC and sizes that were found. */
async function* content(
  reader: ByteReader,
  entry: ZipEntry,
  limit: number,
  lent = true,
): AsyncGenerator<Uint8Array, ZipEntry> {
  if (entry.encrypted) throw unsupported("an encrypted file in a zip archive", "create it again without a password");
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw unsupported(
      `a file packed with method ${entry.method} in a zip archive`,
      "create it again with zip -0 or zip -9",
    );
  }
  if (entry.method === STORED && entry.described) {
    throw unsupported("a zip archive with sizes only after stored bytes", "write it to a file, not to a pipe");
  }
  const from = reader.offset;
  let crc = 0;
  let size = 0;
  const bytes =
    entry.method === STORED ? copiedOut(reader.pieces(entry.packed, ZIP), lent) : withCollection(inflated(reader, ZIP));
  for await (const piece of limited(bytes, limit, "the file in the zip archive")) {
    crc = crc32(piece, crc);
    size += piece.length;
    yield piece;
  }
  const found = { crc, size, packed: reader.offset - from };
  if (entry.described) await descriptor(reader, found);
  else if (crc !== entry.crc || size !== entry.size || found.packed !== entry.packed) {
    throw corrupt("a file in the zip archive has a wrong CRC or size");
  }
  return { ...entry, ...found };
}

/** Reads the directory, and holds what was picked against it. */
async function directory(reader: ByteReader, picked: ZipEntry | undefined): Promise<void> {
  let found = false;
  for (;;) {
    const kind = await signature(reader);
    if (kind === SIGNATURE.end || kind === SIGNATURE.end64) break;
    if (kind !== SIGNATURE.central)
      throw corrupt("the zip archive is damaged: there are extra bytes between its parts");
    const entry = await centralEntry(reader);
    if (picked === undefined || entry.name !== picked.name) continue;
    const same =
      entry.offset === picked.offset &&
      entry.crc === picked.crc &&
      entry.size === picked.size &&
      entry.packed === picked.packed &&
      entry.method === picked.method;
    if (!same || found) throw corrupt("the directory of the zip archive contradicts its files");
    found = true;
  }
  if (picked !== undefined && !found) throw corrupt("the file is not in the directory of the zip archive");
  await ending(reader);
}

/** The records behind the directory: the last one has to be there in full. */
async function ending(reader: ByteReader): Promise<void> {
  if ((await signature(reader)) === SIGNATURE.end64) {
    const head = viewOf(await reader.exact(12, ZIP));
    await reader.skip(head.getUint32(4, true) + head.getUint32(8, true) * 2 ** 32, ZIP);
    await reader.skip(20, ZIP);
    if ((await signature(reader)) !== SIGNATURE.end) throw corrupt("the zip archive is damaged at its end");
  }
  const end = viewOf(await reader.exact(22, ZIP));
  await reader.skip(end.getUint16(20, true), ZIP);
}
