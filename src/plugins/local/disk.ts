// What the system says when files are worked with.
import * as fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errno, SmallReads, sha256OfFile } from "images";

export const isFull = (thrown: unknown): boolean => errno(thrown) === "ENOSPC" || errno(thrown) === "EDQUOT";

/** For a catch: what is not there comes to `value`, everything else is thrown on. */
export const whenMissing =
  <T>(value: T) =>
  (thrown: unknown): T => {
    if (errno(thrown) === "ENOENT") return value;
    throw thrown;
  };

/** The text of a regular file; a symbolic link is not followed. */
export async function readPlain(path: string): Promise<string> {
  const file = await openPlain(path);
  try {
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** Small files are read into one buffer, which is room for them and one byte more: so that one read tells that there is no more. */
const room = Buffer.allocUnsafeSlow(16 << 10);

/** The same, without a thread. */
export function readPlainNow(path: string): string {
  const file = fs.openSync(path, FLAGS);
  try {
    const found = fs.fstatSync(file);
    if (!found.isFile()) throw irregular(path);
    const read = found.size < room.length ? fs.readSync(file, room, 0, found.size + 1, 0) : -1;
    // Else it grew or shrank just now, or it is not small.
    return read === found.size ? room.toString("utf8", 0, read) : fs.readFileSync(file, "utf8");
  } finally {
    fs.closeSync(file);
  }
}

/**
 * The first 16 KiB of a file, for text that is recognised as incomplete when it is cut off, as JSON is. One stat and one read fewer than
 * `readPlainNow`. A pipe or a socket cannot be read at a position: an error.
 */
export function readBeginningNow(path: string): string {
  const file = fs.openSync(path, FLAGS);
  try {
    return room.toString("utf8", 0, fs.readSync(file, room, 0, room.length, 0));
  } finally {
    fs.closeSync(file);
  }
}

/** To be awaited; without a promise where it was made at once. */
type Soon<T> = T | Promise<T>;

/** Small calls of the file system of a store, which are made at once where it is quick: an image needs dozens of them. */
export class Disk {
  readonly #calls = new SmallReads();
  /** A new inode may take longer than all other calls. */
  readonly #creations = new SmallReads();

  /** What is at the path itself; undefined: nothing. */
  look(path: string): Soon<fs.BigIntStats | undefined> {
    return this.#calls.soon(
      () => fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }),
      () => fs.promises.lstat(path, { bigint: true }).catch(whenMissing(undefined)),
    );
  }

  /** The text of a small regular file; a symbolic link is not followed. */
  async text(path: string): Promise<string> {
    return await this.#calls.read(
      () => readPlainNow(path),
      () => readPlain(path),
    );
  }

  /** What `now` makes of each of some small files, or `later` asynchronously. */
  async each<T>(
    files: readonly string[],
    now: (file: string) => T,
    later: (file: string) => Promise<T>,
  ): Promise<readonly T[]> {
    return await this.#calls.each(files, now, later);
  }

  link(from: string, to: string): Soon<void> {
    return this.#calls.soon(
      () => fs.linkSync(from, to),
      () => fs.promises.link(from, to),
    );
  }

  rename(from: string, to: string): Soon<void> {
    return this.#calls.soon(
      () => fs.renameSync(from, to),
      () => fs.promises.rename(from, to),
    );
  }

  /** What is not there is left at that. */
  async remove(path: string): Promise<void> {
    try {
      await this.#calls.soon(
        () => fs.unlinkSync(path),
        () => fs.promises.unlink(path),
      );
    } catch (thrown) {
      whenMissing(undefined)(thrown);
    }
  }

  /** A new small file with these bytes. */
  create(path: string, bytes: string | Uint8Array): Soon<void> {
    return this.#creations.soon(
      () => createNow(path, bytes),
      () => fs.promises.writeFile(path, bytes, { flag: "wx" }),
    );
  }

  /**
   * The same, synced. Never at once: a sync may take long. One call of one thread makes, writes and syncs the file: `flush` would do that as
   * well, but Bun does not say when it fails.
   */
  async createDurable(path: string, bytes: string | Uint8Array): Promise<void> {
    await fs.promises.writeFile(path, bytes, { flag: SYNCED });
    // Where nothing is written, nothing is synced.
    if (bytes.length === 0) await syncFile(path);
  }
}

/** As `writeFileSync`, which sets the length of the file as well: one call more. */
function createNow(path: string, bytes: string | Uint8Array): void {
  const file = fs.openSync(path, "wx");
  try {
    fs.writeFileSync(file, bytes);
  } finally {
    fs.closeSync(file);
  }
}

/** As `wx`, and every write returns when the disk has it, with all that is needed to find it again. */
const SYNCED = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_SYNC;

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, "r+");
  await file.sync();
}

const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const irregular = (path: string): Error => new Error(`${path} is not a regular file`);

/** A regular file, open for reading; a symbolic link is not followed. */
export async function openPlain(path: string): Promise<FileHandle> {
  const file = await open(path, FLAGS);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw irregular(path);
}

/** The bytes of a regular file, in pieces of their own. */
export async function* bytesOf(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const file = await openPlain(path);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE), 0, PIECE);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

const PIECE = 1 << 20;

/** The SHA-256 of a regular file, in hex; a symbolic link is not followed. */
export async function sha256OfPlain(path: string): Promise<string> {
  const file = await openPlain(path);
  try {
    return await sha256OfFile(file);
  } finally {
    await file.close();
  }
}
