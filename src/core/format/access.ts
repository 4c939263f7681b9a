import { openRegular, type ReadableFile } from "../disk/regular.ts";
import { PIECE } from "./bytes.ts";
import { truncated } from "./failures.ts";
import { extentsOf } from "./holes.ts";
import { readInto, readUpTo } from "./segment.ts";

/**
 * What a reader will still do with the range. `again`: it (or a part of it) may be read once more. `once`: it will not, so that a
 * stream need not keep it. `packed`: the same, but the range was rounded up: something else begins within its last 511 bytes, and
 * may have been read before; the answer may then end there.
 */
export type Use = "again" | "once" | "packed";

/** Bytes that are looked at together: whole grains. */
const SCANNED = 256 << 10;

/** An image that is read at any place. */
export interface RandomAccess extends AsyncDisposable {
  /** Bytes of the image, where they are known before the end. */
  readonly size: number | undefined;
  /**
   * Up to `length` bytes; fewer only where the image ends. They are in `room`, where it is given, else in memory of their own. Reads are
   * answered in the order in which they were asked.
   */
  read(offset: number, length: number, use: Use, room?: Uint8Array): Promise<Uint8Array>;
  /** Reads on to the end of what the image comes from, so that a check upstream has seen all of it. */
  finish(): Promise<void>;
}

/** An image all of which is in memory. */
export class MemoryAccess implements RandomAccess {
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  async read(offset: number, length: number, _?: Use, room?: Uint8Array): Promise<Uint8Array> {
    const found = this.#bytes.subarray(offset, offset + length);
    if (room === undefined) return new Uint8Array(found);
    room.set(found);
    return room.subarray(0, found.length);
  }

  async finish(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Data of a file, and where it begins. */
interface Scanned {
  readonly at: number;
  readonly data: Uint8Array;
}

/** A file on disk. */
export class FileAccess implements RandomAccess {
  readonly size: number;
  readonly #file: ReadableFile;
  readonly #signal: AbortSignal | undefined;

  private constructor(file: ReadableFile, size: number, signal: AbortSignal | undefined) {
    this.#file = file;
    this.size = size;
    this.#signal = signal;
  }

  static async open(path: string, signal?: AbortSignal): Promise<FileAccess> {
    const file = await openRegular(path);
    try {
      return await FileAccess.of(file, signal);
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /** A file that is open already. */
  static async of(file: ReadableFile, signal?: AbortSignal): Promise<FileAccess> {
    return new FileAccess(file, Number((await file.stat({ bigint: true })).size), signal);
  }

  async read(offset: number, length: number, _?: Use, room?: Uint8Array): Promise<Uint8Array> {
    this.#signal?.throwIfAborted();
    const there = Math.max(0, Math.min(length, this.size - offset));
    if (room === undefined) return await readUpTo(this.#file, offset, there);
    return await readInto(this.#file, offset, room.subarray(0, there));
  }

  async finish(): Promise<void> {}

  /** All of it in order, in pieces of 1 MiB. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.size; at += PIECE) yield await this.read(at, PIECE);
  }

  /**
   * All that may not be zero, in order and from whole grains on. All pieces are in one buffer, since new memory costs more than the read:
   * each holds until the next is asked for.
   */
  async *scan(): AsyncGenerator<Scanned> {
    const buffer = new Uint8Array(Math.min(SCANNED, this.size));
    for (const [from, to] of await extentsOf(this.#file)) {
      for (let at = from; at < to; at += SCANNED) {
        this.#signal?.throwIfAborted();
        const wanted = Math.min(buffer.length, to - at, this.size - at);
        const data = await readInto(this.#file, at, buffer.subarray(0, wanted));
        if (data.length < wanted) throw truncated("the disk");
        yield { at, data };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
