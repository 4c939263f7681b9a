import { ByteReader, type ByteStream, copyOf } from "./bytes.ts";
import { corrupt } from "./failures.ts";
import { DEFAULT_LIMIT, tooLarge } from "./limit.ts";
import { isLink, type MemberOptions, missing, sameName } from "./member-name.ts";
import { namesOf, OvaManifest } from "./ova.ts";
import { diskOf, isOvf, OVF_LIMIT } from "./ovf.ts";
import { copiedOut } from "./ring.ts";
import { hole } from "./segment.ts";
import { BLOCK, insideParts, nextEntry, type TarEntry, type TarPart } from "./tar-header.ts";

const TAR = "the tar archive";

/**
 * One file out of a tar archive (ustar, pax, GNU; sparse files are filled up with their zeros): the named one, or else the disk of an
 * OVA, or else the first regular one. The archive may be lent. Fails with `source.member` when there is none, and with `source.corrupt`
 * where the manifest of an OVA says otherwise. It ends only after the archive has been read to its end.
 */
export async function* untar(
  input: ByteStream,
  options: MemberOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { limit = DEFAULT_LIMIT, name, lent = false } = options;
  let wanted: readonly string[] | undefined = name === undefined ? undefined : [name];
  let manifest: OvaManifest | undefined;
  await using reader = new ByteReader(input, signal);
  const globals = new Map<string, string>();
  const seen: string[] = [];
  let target: string | undefined;
  for (;;) {
    const entry = await nextEntry(reader, globals);
    if (entry === undefined)
      throw name !== undefined && target !== undefined ? isLink(name, target) : missing(wanted?.at(-1), seen);
    // tar writes what it is given twice as a link to itself.
    if (name !== undefined && sameName(entry.name, name) && !sameName(entry.target ?? name, name))
      target = entry.target;
    const { regular, name: called, stored } = entry;
    const isWanted = regular && (wanted === undefined || wanted.some((one) => sameName(called, one)));
    if (
      regular &&
      isOvf(called) &&
      stored <= OVF_LIMIT &&
      manifest === undefined &&
      (name === undefined || !isWanted)
    ) {
      manifest = new OvaManifest();
      const ovf = await join(manifest.seen(called, reader.pieces(stored, TAR)));
      wanted ??= namesOf(diskOf(ovf), called);
      await reader.skip(-stored & (BLOCK - 1), TAR);
      if (name !== undefined) seen.push(called);
      continue;
    }
    if (manifest !== undefined && regular && !isWanted && OvaManifest.isNamed(called, stored)) {
      manifest.read(await reader.exact(stored, TAR));
      await reader.skip(-stored & (BLOCK - 1), TAR);
      continue;
    }
    if (isWanted) {
      if (entry.size > limit) throw tooLarge("the file in the tar archive", limit);
      const bytes = copiedOut(content(reader, entry), lent);
      yield* manifest?.seen(called, bytes) ?? bytes;
      if (manifest !== undefined) await proven(manifest, reader, entry, globals);
      await reader.drain();
      return;
    }
    if (regular && seen.length < 20) seen.push(called);
    await reader.skip(Math.ceil(entry.stored / BLOCK) * BLOCK, TAR);
  }
}

/** Reads on to the manifest, where it stands behind the disk, and compares. */
async function proven(
  manifest: OvaManifest,
  reader: ByteReader,
  last: TarEntry,
  globals: Map<string, string>,
): Promise<void> {
  await reader.skip(-last.stored & (BLOCK - 1), TAR);
  for (;;) {
    const entry = await nextEntry(reader, globals);
    if (entry === undefined) break;
    if (entry.regular && OvaManifest.isNamed(entry.name, entry.stored))
      manifest.read(await reader.exact(entry.stored, TAR));
    else await reader.skip(entry.stored, TAR);
    await reader.skip(-entry.stored & (BLOCK - 1), TAR);
  }
  manifest.check();
}

async function join(bytes: ByteStream): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(copyOf(piece));
  return Buffer.concat(pieces);
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
