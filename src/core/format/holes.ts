import { dlopen } from "bun:ffi";
import type { ReadableFile } from "../disk/regular.ts";

/** Holes are seen in grains of so many bytes, the clusters of the qcow2 images that we write. */
export const GRAIN = 1 << 16;

/** A part of a file that may hold data: whole grains, but for the end of the file. */
type Extent = readonly [from: number, to: number];

/** What a file system calls the two questions of `lseek`, and where that is found. musl takes the name of glibc for its own. */
const SYSTEMS = {
  linux: { library: "libc.so.6", data: 3, hole: 4 },
  darwin: { library: "libSystem.B.dylib", data: 4, hole: 3 },
} as const;

interface Seeking {
  /** The first byte of data, or of a hole, from `at` on; negative where there is none, or no answer. */
  data(fd: number, at: number): number;
  hole(fd: number, at: number): number;
}

let known: Seeking | null | undefined;

/** Node has no SEEK_DATA. Undefined: neither has this system, or it does not let a program call it. */
function seeking(): Seeking | undefined {
  if (known === undefined) known = load() ?? null;
  return known ?? undefined;
}

function load(): Seeking | undefined {
  const system = process.platform === "linux" || process.platform === "darwin" ? SYSTEMS[process.platform] : undefined;
  if (system === undefined) return undefined;
  try {
    const { symbols } = dlopen(system.library, { lseek: { args: ["i32", "i64", "i32"], returns: "i64" } });
    const ask = (whence: number) => (fd: number, at: number) => Number(symbols.lseek(fd, at, whence));
    return { data: ask(system.data), hole: ask(system.hole) };
  } catch {
    return undefined;
  }
}

/**
 * The parts of an open file that may hold data, in order; everything between them reads as zeros. All of the file where its file system
 * does not tell. The position of the file is moved.
 */
export async function extentsOf(file: ReadableFile): Promise<Iterable<Extent>> {
  const { size: bytes, blocks } = await file.stat({ bigint: true });
  const size = Number(bytes);
  // Where every block is there, no hole is.
  const seek = Number(blocks) * 512 < size ? seeking() : undefined;
  return seek === undefined ? whole(size) : extents(file.fd, size, seek);
}

function* whole(size: number): Generator<Extent> {
  if (size > 0) yield [0, size];
}

function* extents(fd: number, size: number, seek: Seeking): Generator<Extent> {
  let last: Extent | undefined;
  for (let at = 0; at < size; ) {
    let from = seek.data(fd, at);
    if (from < at) {
      // No data behind `at`, which is a hole then; else nothing is known.
      if (seek.hole(fd, at) === at) break;
      from = at;
    }
    const end = seek.hole(fd, from);
    at = end > from ? Math.min(end, size) : size;
    const next: Extent = [Math.floor(from / GRAIN) * GRAIN, Math.min(Math.ceil(at / GRAIN) * GRAIN, size)];
    if (last !== undefined && next[0] > last[1]) {
      yield last;
      last = next;
    } else last = [last?.[0] ?? next[0], next[1]];
  }
  if (last !== undefined) yield last;
}
