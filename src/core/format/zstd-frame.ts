import { type ByteReader, viewOf } from "./bytes.ts";
import { corrupt, truncated, unsupported } from "./failures.ts";

const ZSTD = "the zstd data";
const MAGIC = 0xfd2fb528;
/** The magic of frames that carry no data: 0x184D2A50 to 0x184D2A5F. */
const isSkippable = (magic: number): boolean => magic >>> 4 === 0x184d2a5;
/** What a decoder takes without being asked for more: 128 MiB. */
const WINDOW_LIMIT = 2 ** 27;

/** What the frames that were read so far promise. */
export interface Promised {
  /** Bytes that they unpack to; undefined when one of them does not tell. */
  bytes: number | undefined;
}

/**
 * The frames of zstd data (RFC 8878) as they are, checked for being whole: the decoder of the runtime takes data that is cut off
 * for its end, and stops without a word at bytes that are no frame.
 */
export async function* zstdFrames(reader: ByteReader, promised: Promised): AsyncGenerator<Uint8Array> {
  for (let first = true; ; first = false) {
    const start = await reader.peek(4);
    if (start.length === 0 && !first) return;
    if (start.length < 4) throw truncated(ZSTD);
    const magic = viewOf(start).getUint32(0, true);
    if (isSkippable(magic)) {
      const head = await reader.exact(8, ZSTD);
      await reader.skip(viewOf(head).getUint32(4, true), ZSTD);
    } else if (magic === MAGIC) yield* frame(reader, promised);
    else if (first) throw corrupt("this is not zstd data");
    else throw corrupt("there are trailing bytes after the zstd data");
  }
}

async function* frame(reader: ByteReader, promised: Promised): AsyncGenerator<Uint8Array> {
  const start = await reader.exact(5, ZSTD);
  const descriptor = start[4] ?? 0;
  const rest = await reader.exact(headerLength(descriptor) - 5, ZSTD);
  const { window, content } = sizes(descriptor, rest);
  if (window > WINDOW_LIMIT) {
    throw unsupported(
      `zstd data that needs a window of ${window / 2 ** 20} MiB to unpack`,
      "compress it again without --ultra and --long",
    );
  }
  promised.bytes = promised.bytes === undefined || content === undefined ? undefined : promised.bytes + content;
  yield start;
  yield rest;
  for (let last = false; !last; ) {
    const head = await reader.exact(3, ZSTD);
    const block = blockOf(head);
    last = block.last;
    yield head;
    yield* reader.pieces(block.length, ZSTD);
  }
  if ((descriptor & 4) !== 0) yield await reader.exact(4, ZSTD);
}

/** Bytes of a frame header with its magic. */
function headerLength(descriptor: number): number {
  if ((descriptor & 8) !== 0) throw corrupt("the zstd data sets a bit that is reserved");
  if ((descriptor & 3) !== 0) throw unsupported("zstd data that needs a dictionary", "compress it again without one");
  const single = (descriptor & 0x20) !== 0;
  const content = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  return 5 + (single ? 0 : 1) + content;
}

function sizes(
  descriptor: number,
  rest: Uint8Array,
): { readonly window: number; readonly content: number | undefined } {
  const single = (descriptor & 0x20) !== 0;
  const view = viewOf(rest);
  const at = single ? 0 : 1;
  const content = ((): number | undefined => {
    switch (rest.length - at) {
      case 1:
        return view.getUint8(at);
      case 2:
        return view.getUint16(at, true) + 256;
      case 4:
        return view.getUint32(at, true);
      case 8:
        return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      default:
        return undefined;
    }
  })();
  if (single) return { window: content ?? 0, content };
  const byte = rest[0] ?? 0;
  return { window: 2 ** (10 + (byte >>> 3)) * (1 + (byte & 7) / 8), content };
}

function blockOf(head: Uint8Array): { readonly last: boolean; readonly length: number } {
  const value = (head[0] ?? 0) | ((head[1] ?? 0) << 8) | ((head[2] ?? 0) << 16);
  const kind = (value >>> 1) & 3;
  const size = value >>> 3;
  if (kind === 3 || size > 1 << 17) throw corrupt("the zstd data has a block of an unknown kind or size");
  return { last: (value & 1) !== 0, length: kind === 1 ? 1 : size };
}

/** Bytes of the frame that these bytes begin with, whatever follows it; undefined when it does not end in them. */
export function zstdFrameLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < 5 || viewOf(bytes).getUint32(0, true) !== MAGIC) return undefined;
  const descriptor = bytes[4] ?? 0;
  let at = headerLength(descriptor);
  for (let last = false; !last; ) {
    if (at + 3 > bytes.length) return undefined;
    const block = blockOf(bytes.subarray(at, at + 3));
    last = block.last;
    at += 3 + block.length;
  }
  if ((descriptor & 4) !== 0) at += 4;
  return at <= bytes.length ? at : undefined;
}
