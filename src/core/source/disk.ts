import { dirname } from "node:path";
import { errno } from "../disk/write.ts";
import { Failure } from "../failure.ts";
import type { Stat } from "../model/source.ts";

/** What the file system refused of a source or of the cache, in words; any other Failure passes as it is. */
export function diskFailure(thrown: unknown, path: string): Failure {
  if (thrown instanceof Failure) {
    // What writes files for the state as well speaks of the state.
    if (!thrown.code.startsWith("state.")) return thrown;
    if (thrown.cause !== undefined && errno(thrown.cause) !== "EPERM") return diskFailure(thrown.cause, path);
    return new Failure("source.cache", thrown.message, {
      cause: thrown.cause,
      hint: "name a folder on a local filesystem for the cache in IMAGES_CACHE",
    });
  }
  switch (errno(thrown)) {
    case "ENOSPC":
    case "EDQUOT":
      return new Failure("source.space", `no space left to write ${path}`, {
        cause: thrown,
        hint: "make room there (images cache gc), or name a folder with more of it in IMAGES_CACHE",
      });
    case "ENOENT":
    case "ENOTDIR":
      return new Failure("source.missing", `${path} is not there`, { cause: thrown, hint: "check the path" });
    case "EISDIR":
      return new Failure("source.missing", `${path} is a folder, not a file`, {
        cause: thrown,
        hint: "name the file in it",
      });
    case "EACCES":
    case "EPERM":
      return new Failure("source.denied", `no permission for ${path}`, {
        cause: thrown,
        hint: `give this user the right to it, or look at the rights of ${dirname(path)}`,
      });
    case "EROFS":
      return new Failure("source.denied", `${path} is on a filesystem that cannot be written`, {
        cause: thrown,
        hint: "name another folder for the cache in IMAGES_CACHE",
      });
    default:
      return new Failure("source.io", `${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
        cause: thrown,
        hint: "look at the path and at the health of that filesystem",
      });
  }
}

interface BigStat {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
}

/** Of `stat(…, { bigint: true })`. */
export const statOf = ({ size, mtimeNs, ino }: BigStat): Stat => ({
  size: Number(size),
  mtime: mtimeNs.toString(),
  inode: ino.toString(),
});
