import { type FileHandle, open, rm } from "node:fs/promises";
import type { Failure } from "../../failure.ts";

import { countAllocated, free } from "../../format/collection.ts";
import { copied, Ring } from "../../format/ring.ts";
import { appendSparse } from "../../format/segment.ts";

import { sourceFailure } from "../failure.ts";
import { readPieces } from "../pieces.ts";

/** Bytes that go to the file without waiting before its disk is asked to take them. */
const SYNC_EVERY = 64 << 20;
/** So many of the newest bytes stay in memory for readers that keep up. */
const RECENT = 512 << 10;

interface Recent {
  readonly at: number;
  readonly bytes: Uint8Array;
}

interface GrowingOptions {
  /** Good bytes that the file has; what it has beyond is cut off. */
  readonly written?: number;
  /** Not needed after a power cut: it is not synced. */
  readonly isTemporary?: boolean;
  /** What is written belongs to the file alone, which gives its memory back. */
  readonly owns?: boolean;
}

/**
 * A file that one writes and any number read while it grows, each at its own pace and from its beginning; long runs of zeros are holes of it.
 * The newest piece is withheld from all readers until `prove`; `fail` ends them with its failure wherever they are.
 */
export class GrowingFile {
  readonly path: string;
  /** Bytes of the whole, where they are known beforehand. */
  total: number | undefined;
  readonly #file: FileHandle;
  #written: number;
  /** Readers may go so far. */
  #safe: number;
  #state: "growing" | "proven" | "failed" = "growing";
  #failure: Failure | undefined;
  /** Readers get copies of these: what they hold is not overwritten, and not given back. */
  readonly #recent: Recent[] = [];
  #changed = Promise.withResolvers<void>();
  #users = 1;
  #synced = 0;
  #syncing: Promise<void> | undefined;

  readonly #isTemporary: boolean;
  readonly #owns: boolean;

  private constructor(
    path: string,
    file: FileHandle,
    { written = 0, isTemporary = false, owns = false }: GrowingOptions,
  ) {
    this.path = path;
    this.#file = file;
    this.#written = written;
    this.#isTemporary = isTemporary;
    this.#owns = owns;
    this.#safe = Math.max(0, written - 1);
  }

  /** Makes the file, or takes it up. @throws Failure source.space, source.denied, source.io */
  static async open(path: string, begin: GrowingOptions = {}): Promise<GrowingFile> {
    const { written = 0 } = begin;
    try {
      const file = await open(path, written === 0 ? "w+" : "r+", 0o600);
      try {
        await file.truncate(written);
      } catch (thrown) {
        await file.close();
        throw thrown;
      }
      return new GrowingFile(path, file, begin);
    } catch (thrown) {
      throw sourceFailure(thrown, path);
    }
  }

  get written(): number {
    return this.#written;
  }

  /** The oldest of the pieces in memory goes. */
  #forget(): void {
    const oldest = this.#recent.shift();
    if (oldest !== undefined && this.#owns) free(oldest.bytes);
  }

  /** Appends. The bytes are not changed afterwards by the caller. @throws Failure source.space, source.io */
  async write(bytes: Uint8Array): Promise<void> {
    const at = this.#written;
    try {
      await appendSparse(this.#file, bytes, at);
    } catch (thrown) {
      throw sourceFailure(thrown, this.path);
    }
    this.#safe = at;
    this.#written = at + bytes.length;
    this.#recent.push({ at, bytes });
    while (this.#recent.length > 1 && this.#written - (this.#recent[0]?.at ?? 0) > RECENT) this.#forget();
    this.#tell();
    if (!this.#isTemporary && this.#written - this.#synced >= SYNC_EVERY) this.#syncBeside();
  }

  /** All is there and is what it should be: readers get the rest. */
  prove(): void {
    this.#state = "proven";
    this.#safe = this.#written;
    this.total = this.#written;
    this.#tell();
  }

  /** Every reader that has not ended yet ends with this. The file itself stays. */
  fail(failure: Failure): void {
    if (this.#state !== "growing") return;
    this.#state = "failed";
    this.#failure = failure;
    this.#tell();
  }

  /** Resolves when all that was written is on the disk. @throws Failure source.space, source.io */
  async sync(): Promise<void> {
    try {
      await this.#syncing;
      await this.#file.sync();
    } catch (thrown) {
      throw sourceFailure(thrown, this.path);
    }
  }

  /** The writer is done with it: the file is closed when the last reader has ended. */
  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    while (this.#recent.length > 0) this.#forget();
    await this.#syncing;
    await this.#file.close();
  }

  /** Takes the name away; readers that have begun go on. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  /** The good bytes that are there, to hash what an earlier run left. */
  async *before(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* readPieces(this.#file, signal, { to: this.#written });
  }

  /**
   * The bytes from the beginning to the end, as fast as they come or as they are taken. Rejects with the signal's reason, or with the
   * failure of the writer. To be begun before the writer's `release`. `lent`: a piece may be overwritten once the sixth after it has been
   * asked for.
   */
  async *read(signal: AbortSignal, lent = false): AsyncGenerator<Uint8Array> {
    this.#users += 1;
    using ring = lent ? new Ring() : undefined;
    try {
      for (let at = 0; ; ) {
        signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        const recent = this.#recent.find((one) => one.at === at && at + one.bytes.length <= this.#safe);
        if (recent !== undefined) {
          for (const piece of copied(recent.bytes, ring)) {
            at += piece.length;
            yield piece;
            if (ring === undefined) countAllocated(piece);
          }
        } else if (at < this.#safe) {
          for await (const piece of readPieces(this.#file, signal, { from: at, to: this.#edge(at), ring })) {
            if (this.#failure !== undefined) throw this.#failure;
            yield piece;
            at += piece.length;
          }
        } else if (this.#state === "proven") return;
        else await this.#change(signal);
      }
    } finally {
      await this.release();
    }
  }

  /** Read from the file up to where a piece in memory begins, or up to where it is allowed. */
  #edge(at: number): number {
    const recent = this.#recent.find((one) => one.at > at && one.at <= this.#safe);
    return recent?.at ?? this.#safe;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #change(signal: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    const stop = (): void => stopped.resolve();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await Promise.race([this.#changed.promise, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #syncBeside(): void {
    if (this.#syncing !== undefined) return;
    this.#synced = this.#written;
    this.#syncing = this.#file
      .datasync()
      .catch(() => undefined)
      .finally(() => {
        this.#syncing = undefined;
      });
  }
}
