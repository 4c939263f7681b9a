import { mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

// The bytes that are raced with.

const MiB = 2 ** 20;

/** Bytes that no compression makes smaller; answers their sha256. */
export async function makeNoise(path: string, mib: number): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  await using file = await open(path, "w");
  const piece = new Uint8Array(MiB);
  for (let i = 0; i < mib; i += 1) {
    for (let at = 0; at < MiB; at += 65536) crypto.getRandomValues(piece.subarray(at, at + 65536));
    hasher.update(piece);
    await file.write(piece);
  }
  return hasher.digest("hex");
}

/** A disk as systems leave it: half of it holes, the rest programs, with a sixteenth of noise. */
export async function makeDisk(path: string, mib: number): Promise<void> {
  const program = (await Bun.file(process.execPath).bytes()).subarray(0, 80 * MiB);
  const noise = new Uint8Array(65536);
  await using file = await open(path, "w");
  for (let i = 0; i < mib; i += 1) {
    if (i % 8 >= 4) continue;
    const from = ((i * 37) % 79) * MiB;
    const piece = Uint8Array.from(program.subarray(from, from + MiB));
    crypto.getRandomValues(noise);
    piece.set(noise, (i % 16) * 65536);
    await file.write(piece, 0, MiB, i * MiB);
  }
  await file.truncate(mib * MiB);
}

/** Empties a directory but for these names. */
export async function clear(directory: string, keep: readonly string[] = []): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(directory)) {
    if (!keep.includes(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/**
 * The same, but what was there is only moved away, beside the directory: an ext4 without a journal looks for a new inode among all those that were
 * freed within the last half minute, which is no part of what is measured.
 */
export async function putAside(directory: string, keep: readonly string[] = []): Promise<void> {
  await mkdir(directory, { recursive: true });
  const aside = await mkdtemp(`${directory}-before-`);
  for (const name of await readdir(directory)) {
    if (!keep.includes(name)) await rename(join(directory, name), join(aside, name));
  }
}

/** Serves the file at every path, on loopback. */
export function serve(path: string): { readonly url: string; readonly stop: () => Promise<void> } {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: () => new Response(Bun.file(path)),
  });
  return { url: `http://127.0.0.1:${server.port}/image`, stop: () => server.stop(true) };
}
