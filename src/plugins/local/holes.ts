import type { FileHandle } from "node:fs/promises";

/** The blocks of a file system, of which zero ones need not be written. */
const BLOCK = 4096;
const ZEROS = new Uint8Array(BLOCK);
/** Pieces that are being written while the next one is asked for: those that were lent hold until the fourth after them is. */
const BEHIND = 3;
/** Bytes after which the disk is asked to write those that came, so that it works while the rest comes. */
const SYNC_EVERY = 64 << 20;

/** A new file that is written from its beginning; its zero blocks are left out as holes. */
export class FileWithHoles implements AsyncDisposable {
  /** Bytes that were given. */
  size = 0;
  readonly #file: FileHandle;
  readonly #underWay: Promise<void>[] = [];
  /** Where the last data ends: what is behind it is a hole. */
  #end = 0;
  #synced = 0;
  #syncing: Promise<void> | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The bytes hold until the fourth piece after them is given. Rejects with what is wrong with an earlier one. */
  async append(bytes: Uint8Array): Promise<void> {
    const writing = this.#write(bytes, this.size);
    writing.catch(() => undefined);
    this.#underWay.push(writing);
    this.size += bytes.length;
    while (this.#underWay.length > BEHIND) await this.#underWay.shift();
    this.#syncBeside();
  }

  /** Resolves when all is on the disk. */
  async sync(): Promise<void> {
    while (this.#underWay.length > 0) await this.#underWay.shift();
    if (this.#end < this.size) await this.#file.truncate(this.size);
    await this.#syncing;
    await this.#file.sync();
  }

  /** Waits for what is under way: the file may be closed then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#underWay, this.#syncing]);
  }

  async #write(bytes: Uint8Array, offset: number): Promise<void> {
    for (const [from, to] of dataRuns(bytes, offset)) {
      this.#end = Math.max(this.#end, offset + to);
      for (let at = from; at < to; ) at += (await this.#file.write(bytes, at, to - at, offset + at)).bytesWritten;
    }
  }

  /** What is wrong with the disk is found by the sync at the end. */
  #syncBeside(): void {
    if (this.#syncing !== undefined || this.size - this.#synced < SYNC_EVERY) return;
    this.#synced = this.size;
    this.#syncing = this.#file
      .datasync()
      .catch(() => undefined)
      .finally(() => {
        this.#syncing = undefined;
      });
  }
}

/** Whether some of the blocks of a file with these bytes are zero. */
export function hasHoles(bytes: Uint8Array): boolean {
  const [first] = dataRuns(bytes, 0);
  return bytes.length > 0 && (first === undefined || first[0] > 0 || first[1] < bytes.length);
}

/** The parts of the bytes that are not zero, in whole blocks of the file. */
function* dataRuns(bytes: Uint8Array, offset: number): Generator<readonly [from: number, to: number]> {
  if (isZeroThroughout(bytes)) return;
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + BLOCK - ((offset + at) % BLOCK));
    if (isZero(bytes, at, end)) {
      if (from < at) yield [from, at];
      from = end;
    }
    at = end;
  }
  if (from < bytes.length) yield [from, bytes.length];
}

/** Each byte is the one before it, and the first is zero: one comparison for a large piece of a hole. */
const isZeroThroughout = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && bytes.at(-1) === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  if (bytes[from] !== 0 || bytes[to - 1] !== 0) return false;
  return Buffer.compare(bytes.subarray(from, to), ZEROS.subarray(0, to - from)) === 0;
}
