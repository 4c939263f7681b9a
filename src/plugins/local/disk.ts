// What the system says when files are worked with.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errno, type SmallReads } from "images";

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

/** The same, of a small file. */
export async function readSmall(path: string, reads: SmallReads): Promise<string> {
  return await reads.read(
    () => readPlainNow(path),
    () => readPlain(path),
  );
}

/** Small files are read into one buffer, which is room for them and one byte more: so that one read tells that there is no more. */
const room = Buffer.allocUnsafeSlow(16 << 10);

function readPlainNow(path: string): string {
  const file = openSync(path, FLAGS);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw irregular(path);
    const read = found.size < room.length ? readSync(file, room, 0, found.size + 1, 0) : -1;
    // Else it grew or shrank just now, or it is not small.
    return read === found.size ? room.toString("utf8", 0, read) : readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
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
const HASHED = 256 << 10;

/** Through one buffer: many large files may be hashed at once. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  const file = await openPlain(path);
  try {
    const room = new Uint8Array(HASHED);
    for (;;) {
      const { bytesRead } = await file.read(room, 0, HASHED);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(room.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
