import * as fs from "node:fs";
import { promisify } from "node:util";
import { Failure } from "../failure.ts";
import { SmallReads } from "./small-reads.ts";

/** An open file, as far as it is read; a FileHandle of node:fs is one. */
export interface ReadableFile extends AsyncDisposable {
  readonly fd: number;
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  stat(options: { readonly bigint: true }): Promise<fs.BigIntStats>;
  close(): Promise<void>;
}

const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
/** Bytes that are read at once; more of them are worth a thread. */
export const SMALL = 64 << 10;

const reads = new SmallReads();
const later = {
  open: promisify(fs.open),
  read: promisify(fs.read),
  stat: promisify(fs.fstat),
  close: promisify(fs.close),
};

/**
 * Opens a regular file for reading. Never waits: a named pipe or a device is refused as any other thing that is no file.
 * @throws Failure source.missing; the system's error
 */
export async function openRegular(path: string): Promise<ReadableFile> {
  const fd = await reads.read(
    () => fs.openSync(path, FLAGS),
    () => later.open(path, FLAGS),
  );
  const file = new RegularFile(fd);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw Object.assign(new Error("EISDIR: is a directory"), { code: "EISDIR" });
    if (!stat.isFile()) throw notRegular(path);
    return file;
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

/** All bytes of a file that has few, and what the file system said of it just before they were read. */
interface SmallFile {
  readonly bytes: Uint8Array;
  readonly stat: fs.BigIntStats;
}

/**
 * A regular file of at most `SMALL` bytes, read whole by one call into memory of its own. Undefined: it is none, or it grew or shrank just now.
 * @throws the system's error
 */
export const readSmall = async (path: string): Promise<SmallFile | undefined> =>
  await reads.soon(
    () => readSmallNow(path),
    () => readSmallLater(path),
  );

function readSmallNow(path: string): SmallFile | undefined {
  const fd = fs.openSync(path, FLAGS);
  try {
    const stat = fs.fstatSync(fd, { bigint: true });
    if (!stat.isFile() || stat.size > SMALL) return undefined;
    const room = roomFor(stat);
    return smallFile(stat, room, fs.readSync(fd, room, 0, room.length, 0));
  } finally {
    fs.closeSync(fd);
  }
}

async function readSmallLater(path: string): Promise<SmallFile | undefined> {
  await using file = new RegularFile(await later.open(path, FLAGS));
  const stat = await file.stat();
  if (!stat.isFile() || stat.size > SMALL) return undefined;
  const room = roomFor(stat);
  return smallFile(stat, room, (await file.read(room, 0, room.length, 0)).bytesRead);
}

/** One byte more, so that one read tells that there is no more. */
const roomFor = ({ size }: fs.BigIntStats) => new Uint8Array(Number(size) + 1);

const smallFile = (stat: fs.BigIntStats, room: Uint8Array, read: number): SmallFile | undefined =>
  read === Number(stat.size) ? { stat, bytes: room.subarray(0, read) } : undefined;

/** What the file system says of a path. @throws the system's error */
export const statPath = (path: string): Promise<fs.BigIntStats> =>
  reads.read(
    () => fs.statSync(path, { bigint: true }),
    () => fs.promises.stat(path, { bigint: true }),
  );

/** The same at once; undefined: it is to be asked by `statPath`. */
export function statPathNow(path: string): fs.BigIntStats | undefined {
  try {
    return reads.readNow(() => fs.statSync(path, { bigint: true, throwIfNoEntry: false }));
  } catch {
    return undefined;
  }
}

export const notRegular = (path: string): Failure =>
  new Failure("source.missing", `${path} is not a regular file`, { hint: "use the path of a file" });

class RegularFile implements ReadableFile {
  #fd: number;
  /** Calls that a thread has: until they have returned, the number of the file is not free for another one. */
  readonly #calls = new Set<Promise<unknown>>();

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Negative once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number) {
    const onThread = () => this.#called(later.read(this.#fd, buffer, offset, length, position));
    if (length > SMALL) return await onThread();
    return await reads.read(() => ({ bytesRead: fs.readSync(this.#fd, buffer, offset, length, position) }), onThread);
  }

  async stat(): Promise<fs.BigIntStats> {
    return await reads.read(
      () => fs.fstatSync(this.#fd, { bigint: true }),
      () => this.#called(later.stat(this.#fd, { bigint: true })),
    );
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd < 0) return;
    if (this.#calls.size > 0) await Promise.allSettled(this.#calls);
    await reads.read(
      () => fs.closeSync(fd),
      () => later.close(fd),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #called<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }
}
