import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { type Range, sectionOf } from "./elf.ts";

/** `MADV_DONTNEED` of Linux: unchanged pages of a file are mapped again when they are next touched. */
const DONTNEED = 4;
/** Where Bun has the modules of a program that it compiled, and what it translated them to. It reads them alone. */
const MODULES = ".bun";
/** The greatest pages that Linux has on the machines that this runs on. */
const PAGE = 1 << 16;

let release: (() => void) | undefined;

/**
 * Takes the code of this program, its modules and its constants, out of the memory of this process: what runs comes back from the kernel's
 * cache, some microseconds later, and what only the start needed, or a compiler, stays away. Of 50 MB 25 stay away in a run. Only pages that
 * are as they are in the file are meant. The main thread alone does it, for all. Does nothing where the system has no such call.
 */
export function releaseCode(): void {
  if (Bun.isMainThread) {
    release ??= prepared();
    release();
  }
}

function prepared(): () => void {
  if (process.platform !== "linux") return () => undefined;
  try {
    const ranges = codeOf(
      process.execPath,
      readFileSync("/proc/self/smaps", "utf8"),
      sectionOf("/proc/self/exe", MODULES),
    );
    const { symbols } = dlopen("libc.so.6", { madvise: { args: ["u64", "u64", "i32"], returns: "i32" } });
    return () => {
      for (const { start, length } of ranges) symbols.madvise(start, length, DONTNEED);
    };
  } catch {
    return () => undefined;
  }
}

/**
 * The read-only mappings of a file that `/proc/PID/smaps` shows without a changed page, and the whole pages of a section in a mapping that
 * can be written, which this process only reads.
 */
export function codeOf(file: string, smaps: string, section?: Range): Range[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((mapping): Range[] => {
    const [, from = "", to = "", path] = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \d+ +(.*)/.exec(mapping) ?? [];
    if (path !== file) return [];
    const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    const isReadOnly = /^\S+ r-.p /.test(mapping);
    if (isReadOnly) return /^Anonymous: +0 kB$/m.test(mapping) ? [{ start, length: end - start }] : [];
    if (section === undefined || section.start < start || section.start + section.length > end) return [];
    const first = Math.ceil(section.start / PAGE) * PAGE;
    const last = Math.floor((section.start + section.length) / PAGE) * PAGE;
    return last > first ? [{ start: first, length: last - first }] : [];
  });
}
