import { ByteReader, type ByteStream } from "./bytes.ts";
import { corrupt } from "./failures.ts";
import { DEFAULT_LIMIT, tooLarge } from "./limit.ts";
import { type MemberOptions, missing, sameName } from "./member-name.ts";
import { diskOf, isOvf, OVF_LIMIT } from "./ovf.ts";
import { hole } from "./segment.ts";
import { BLOCK, insideParts, nextEntry, type TarEntry, type TarPart } from "./tar-header.ts";

const TAR = "the tar archive";

/**
 * One file out of a tar archive (ustar, pax, GNU; sparse files are filled up with their zeros): the named one, or else the disk of an
 * OVA, or else the first regular one. Fails with `source.member` when there is none. It ends only after the archive has been read to its end.
 */
export async function* untar(
  input: ByteStream,
  options: MemberOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { limit = DEFAULT_LIMIT } = options;
  let { name } = options;
  await using reader = new ByteReader(input, signal);
  const globals = new Map<string, string>();
  const seen: string[] = [];
  for (;;) {
    const entry = await nextEntry(reader, globals);
    if (entry === undefined) throw missing(name, seen);
    if (name === undefined && entry.regular && isOvf(entry.name) && entry.stored <= OVF_LIMIT) {
      name = diskOf(await reader.exact(entry.stored, TAR));
      await reader.skip(-entry.stored & (BLOCK - 1), TAR);
      continue;
    }
    if (entry.regular && (name === undefined || sameName(entry.name, name))) {
      if (entry.size > limit) throw tooLarge("the file in the tar archive", limit);
      yield* content(reader, entry);
      await reader.drain();
      return;
    }
    if (entry.regular && seen.length < 20) seen.push(entry.name);
    await reader.skip(Math.ceil(entry.stored / BLOCK) * BLOCK, TAR);
  }
}

async function* content(reader: ByteReader, entry: TarEntry): AsyncGenerator<Uint8Array> {
  if (entry.parts === undefined) yield* reader.pieces(entry.stored, TAR);
  else if (entry.parts !== "inside") yield* filled(reader, entry, entry.parts, entry.stored);
  else {
    const { parts, length } = await insideParts(reader);
    yield* filled(reader, entry, parts, entry.stored - length);
  }
}

async function* filled(
  reader: ByteReader,
  entry: TarEntry,
  parts: readonly TarPart[],
  stored: number,
): AsyncGenerator<Uint8Array> {
  const end = parts.reduce((last, { offset, length }) => Math.max(last, offset + length), 0);
  const data = parts.reduce((sum, { length }) => sum + length, 0);
  if (end > entry.size || data !== stored) throw corrupt("the map of a sparse file in the tar archive is damaged");
  let at = 0;
  for (const { offset, length } of parts) {
    yield* hole(offset - at);
    yield* reader.pieces(length, TAR);
    at = offset + length;
  }
  yield* hole(entry.size - at);
}
