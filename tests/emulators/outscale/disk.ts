import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { qcow2Size, readQcow2, writeQcow2 } from "./qcow2.ts";
import { refusals } from "./refusal.ts";
import type { World } from "./world.ts";

/** The content of a snapshot or volume. A seeded one is shorter than its volume says. */
export interface Disk {
  /** A file without compression. */
  readonly path: string;
  readonly format: "raw" | "qcow2";
  /** Bytes of the disk, whatever the size of the file. */
  readonly size: number;
  /** What came through the pre-signed URL, as it came. */
  readonly received?: { readonly size: number; readonly sha256: string };
}

/**
 * Begins to read an object by its pre-signed URL, which must be on 127.0.0.1: the emulator reaches for nothing else.
 *
 * @throws Refused when the URL is of another kind, or the object store does not give the object
 */
export async function openLocation(location: string, signal: AbortSignal): Promise<Response> {
  const url = URL.canParse(location) ? new URL(location) : undefined;
  if (url?.protocol !== "http:" || url.hostname !== "127.0.0.1") {
    throw refusals.badValue("FileLocation is not a URL of the object store.");
  }
  const response = await fetch(url, { signal, redirect: "error" }).catch((error: unknown) => {
    throw refusals.badValue(`FileLocation cannot be read: ${error instanceof Error ? error.message : error}`);
  });
  if (response.ok) return response;
  await response.body?.cancel();
  throw refusals.badValue(`FileLocation cannot be read: the object store answers ${response.status}.`);
}

/** Keeps an object's bytes, unpacked when they are gzip; in constant memory. */
export async function receive(world: World, response: Response): Promise<Disk> {
  const wire = world.file("wire");
  const hash = createHash("sha256");
  let size = 0;
  await using file = await open(wire, "w");
  for await (const chunk of response.body ?? []) {
    hash.update(chunk);
    size += chunk.length;
    await file.write(chunk);
  }
  const expected = response.headers.get("content-length");
  if (expected !== null && Number(expected) !== size) throw new Error(`${size} bytes of ${expected} came`);
  const received = { size, sha256: hash.digest("hex") };
  return { ...(await diskIn(await unpacked(world, wire))), received };
}

/** A file as a disk, by what it begins with. */
export async function diskIn(path: string): Promise<Disk> {
  const size = qcow2Size(await head(path));
  if (size !== undefined) return { path, format: "qcow2", size };
  return { path, format: "raw", size: (await stat(path)).size };
}

/** The disk as a gzip-compressed file of the wanted format, to be exported. */
export async function packed(world: World, disk: Disk, format: string): Promise<string> {
  const target = world.file("export.gz");
  const plain = await inFormat(world, disk, format);
  await pipeline(createReadStream(plain), createGzip({ level: 1 }), createWriteStream(target), {
    signal: world.signal,
  });
  if (plain !== disk.path) await rm(plain);
  return target;
}

async function inFormat(world: World, disk: Disk, format: string): Promise<string> {
  if (format === disk.format) return disk.path;
  const path = world.file(format);
  await (format === "qcow2" ? writeQcow2(disk.path, path) : readQcow2(disk.path, path));
  return path;
}

async function unpacked(world: World, wire: string): Promise<string> {
  const path = world.file("disk");
  const start = await head(wire);
  if (start[0] !== 0x1f || start[1] !== 0x8b) {
    await rename(wire, path);
    return path;
  }
  await pipeline(createReadStream(wire), createGunzip(), createWriteStream(path), { signal: world.signal });
  await rm(wire);
  return path;
}

async function head(path: string): Promise<Buffer> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
  return buffer.subarray(0, bytesRead);
}
