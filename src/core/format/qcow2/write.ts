import { FileAccess } from "../access.ts";
import { ByteReader, type ByteStream } from "../bytes.ts";
import { corrupt, needsFile, truncated } from "../failures.ts";
import { FOOTER, refuseFooter, watchedRaw } from "../footer.ts";
import { DEFAULT_LIMIT, tooLarge } from "../limit.ts";
import { copiedOut, FlowOfBytes } from "../ring.ts";
import { Scratch } from "../scratch.ts";
import { isZero, zeros } from "../segment.ts";
import { CLUSTER, ClusterMap, type Layout, layoutOf, tablesOf } from "./layout.ts";

/** Bytes of a stream that are looked at together: whole clusters. */
const ROOM = 4 * CLUSTER;

/** Bytes of a raw disk: a file, or a stream of them with its size where that is known. */
export type RawInput =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream"; readonly bytes: ByteStream; readonly size?: number | undefined };

export interface WriteOptions {
  /** Where a temporary file may be made for a stream: its zeros are then left out of the image. */
  readonly directory?: string | undefined;
  /** The largest disk that is taken. Default: 1 TiB. */
  readonly limit?: number | undefined;
  /** Called with how far the reading of a file is that shows where its data is. */
  readonly scanned?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An image that is ready to be written out. */
interface Qcow2Image extends AsyncDisposable {
  /** Bytes of the image. */
  readonly length: number;
  /** True: `open` gives the image as often as wanted; else once. */
  readonly again: boolean;
  open(): ByteStream;
}

/**
 * Makes a qcow2 image (version 3, clusters of 64 KiB) of a raw disk. All tables stand before the data, so it must be known which
 * clusters are zero before the first byte is written: a file is read twice, a stream goes through a sparse temporary file. A stream
 * of known size without a directory for that is written in one pass, its zeros too. The stream is copied, and may be lent.
 */
export async function qcow2Of(input: RawInput, options: WriteOptions = {}): Promise<Qcow2Image> {
  const { directory, limit = DEFAULT_LIMIT, signal, scanned } = options;
  if (input.kind === "file") return await fromFile(await FileAccess.open(input.path, signal), limit, scanned);
  if (directory !== undefined) return await fromStream(input.bytes, directory, limit, signal);
  if (input.size === undefined) {
    throw needsFile("a stream of unknown size cannot become a qcow2 image without a temporary file");
  }
  return inOnePass(input.bytes, input.size, limit, signal);
}

interface Storage extends AsyncDisposable {
  read(offset: number, length: number): Promise<Uint8Array>;
}

async function fromFile(file: FileAccess, limit: number, scanned: WriteOptions["scanned"]): Promise<Qcow2Image> {
  try {
    if (file.size > limit) throw tooLarge("the disk", limit);
    const map = new ClusterMap();
    for await (const { at, data } of file.scan()) {
      mark(map, at, data);
      scanned?.(at + data.length, file.size);
    }
    scanned?.(file.size, file.size);
    refuseFooter(await file.read(Math.max(0, file.size - FOOTER), FOOTER));
    return image(file.size, map, file);
  } catch (thrown) {
    await file[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function fromStream(
  input: ByteStream,
  directory: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Qcow2Image> {
  await using reader = new ByteReader(input, signal);
  const scratch = await Scratch.make(directory);
  try {
    const map = new ClusterMap();
    let length = 0;
    const room = new Uint8Array(ROOM);
    for (let piece = await reader.into(room); piece.length > 0; piece = await reader.into(room)) {
      if (length + piece.length > limit) throw tooLarge("the disk", limit);
      for (const [from, to] of mark(map, length, piece)) await scratch.write(piece.subarray(from, to), length + from);
      length += piece.length;
    }
    refuseFooter(await scratch.read(Math.max(0, length - FOOTER), FOOTER));
    return image(length, map, scratch);
  } catch (thrown) {
    await scratch[Symbol.asyncDispose]();
    throw thrown;
  }
}

function inOnePass(input: ByteStream, size: number, limit: number, signal: AbortSignal | undefined): Qcow2Image {
  if (size > limit) throw tooLarge("the disk", limit);
  const map = new ClusterMap();
  for (let cluster = 0; cluster * CLUSTER < size; cluster += 1) map.add(cluster);
  const layout = layoutOf(size, map);
  async function* data(): AsyncGenerator<Uint8Array> {
    await using reader = new ByteReader(input, signal);
    yield* watchedRaw(copiedOut(reader.pieces(size, "the disk"), false));
    if ((await reader.drain()) > 0) throw corrupt("the disk is longer than announced");
    yield* zeros(Math.ceil(size / CLUSTER) * CLUSTER - size);
  }
  return {
    length: layout.total * CLUSTER,
    again: false,
    open: () => written(layout, map, data()),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Notes the clusters of the piece that hold data; gives their ranges within it. The piece begins with a cluster. */
function mark(map: ClusterMap, offset: number, piece: Uint8Array): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  for (let at = 0; at < piece.length; at += CLUSTER) {
    const part = piece.subarray(at, at + CLUSTER);
    if (isZero(part)) continue;
    map.add((offset + at) / CLUSTER);
    found.push([at, at + part.length]);
  }
  return found;
}

function image(length: number, map: ClusterMap, storage: Storage): Qcow2Image {
  const layout = layoutOf(length, map);
  async function* data(): AsyncGenerator<Uint8Array> {
    using _ = new FlowOfBytes();
    for (const [from, to] of map.runs(layout.clusters, FlowOfBytes.size / CLUSTER)) {
      const wanted = Math.min(to * CLUSTER, length) - from * CLUSTER;
      const bytes = await storage.read(from * CLUSTER, wanted);
      if (bytes.length < wanted) throw truncated("the disk");
      yield bytes;
      yield* zeros((to - from) * CLUSTER - wanted);
    }
  }
  return {
    length: layout.total * CLUSTER,
    again: true,
    open: () => written(layout, map, data()),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

async function* written(layout: Layout, map: ClusterMap, data: ByteStream): AsyncGenerator<Uint8Array> {
  yield* tablesOf(layout, map);
  yield* data;
}
