import type { Stat } from "../model/source.ts";

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
