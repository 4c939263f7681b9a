import { crc32, createInflateRaw } from "node:zlib";
import { ByteReader, type ByteStream, viewOf } from "./bytes.ts";
import { SLICE, untilItsEnd } from "./engine.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";
import { FlowOfBytes } from "./ring.ts";
import { isZero } from "./segment.ts";

const GZ = "the gzip data";
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
/** No name or comment of a gzip header is longer in good faith. */
const TEXT_LIMIT = 1 << 16;

/**
 * Unpacks gzip (RFC 1952): one or many members after each other, each checked by its CRC and length. What follows the last member
 * (padding, a signature, the metadata of a firmware) is read and left out, as gunzip does; what is not zeros is reported to `note`.
 */
export async function* gunzip(
  input: ByteStream,
  signal?: AbortSignal,
  note?: (text: string) => void,
): AsyncGenerator<Uint8Array> {
  await using reader = new ByteReader(input, signal);
  await header(reader);
  for (;;) {
    yield* body(reader);
    const next = await reader.peek(2);
    if (next.length === 0) return;
    if (next[0] !== 0x1f || next[1] !== 0x8b) break;
    await header(reader);
  }
  const left = await trailing(reader);
  if (left.isData) note?.(`${left.length} bytes after the end of the gzip data are ignored, as by gunzip`);
}

async function trailing(reader: ByteReader): Promise<{ readonly length: number; readonly isData: boolean }> {
  let length = 0;
  let isData = false;
  for (let piece = await reader.piece(); piece !== undefined; piece = await reader.piece()) {
    length += piece.length;
    isData ||= !isZero(piece);
  }
  return { length, isData };
}

async function header(reader: ByteReader): Promise<void> {
  const fixed = await reader.exact(10, GZ);
  if (fixed[0] !== 0x1f || fixed[1] !== 0x8b) throw corrupt("this is not gzip data");
  const flags = fixed[3] ?? 0;
  if (fixed[2] !== 8 || flags > 31) {
    throw unsupported("gzip data of an unknown method or with unknown flags", "compress it with gzip");
  }
  if ((flags & FEXTRA) !== 0) {
    const [low = 0, high = 0] = await reader.exact(2, GZ);
    await reader.skip(low + high * 256, GZ);
  }
  if ((flags & FNAME) !== 0) await text(reader);
  if ((flags & FCOMMENT) !== 0) await text(reader);
  if ((flags & FHCRC) !== 0) await reader.skip(2, GZ);
}

async function text(reader: ByteReader): Promise<void> {
  for (let read = 0; read < TEXT_LIMIT; read += 1) {
    if ((await reader.exact(1, GZ))[0] === 0) return;
  }
  throw corrupt("a name in the gzip header does not end");
}

async function* body(reader: ByteReader): AsyncGenerator<Uint8Array> {
  let sum = 0;
  let length = 0;
  for await (const piece of inflated(reader, GZ)) {
    sum = crc32(piece, sum);
    length += piece.length;
    yield piece;
  }
  const footer = viewOf(await reader.exact(8, GZ));
  if (footer.getUint32(0, true) !== sum) throw corrupt("the gzip data has a wrong CRC");
  if (footer.getUint32(4, true) !== length % 2 ** 32) throw corrupt("the gzip data has a wrong length");
}

/** Raw deflate up to its own end; what follows stays in the reader. */
export const inflated = (reader: ByteReader, what: string): AsyncGenerator<Uint8Array> =>
  untilItsEnd(
    createInflateRaw({ chunkSize: Math.min(SLICE, FlowOfBytes.size) }),
    reader,
    (cause) => corrupt(`${what} cannot be unpacked: it is damaged`, cause),
    () => truncated(what),
  );
