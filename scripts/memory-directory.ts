import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";

const MEMORY = "/dev/shm";
/** What the tests may leave there at the most, twice. */
const ROOM = 4e9;

/**
 * A new directory in memory for the temporary files of tests, which wait for the disk at every durable step else; undefined where there is no
 * room, where programs cannot be run, or where TMPDIR says another place. The caller removes it.
 */
export function memoryDirectory(): string | undefined {
  if (process.platform !== "linux" || process.env["TMPDIR"] !== undefined) return undefined;
  let directory: string | undefined;
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize < ROOM) return undefined;
    directory = mkdtempSync(join(MEMORY, "images-tests-"));
    const program = join(directory, "true");
    copyFileSync("/bin/true", program);
    if (spawnSync(program).status === 0) return directory;
  } catch {
    // The disk will do.
  }
  if (directory !== undefined) rmSync(directory, { recursive: true });
  return undefined;
}
