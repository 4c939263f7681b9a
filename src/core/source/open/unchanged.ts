import { statPathNow } from "../../disk/regular.ts";
import { statOf } from "../../disk/stat.ts";
import type { Content, SourceSpec, Stat } from "../../model/source.ts";
import { sameStat } from "../content.ts";
import { transformOf } from "../web/index.ts";
import { content } from "./inspect.ts";

type StatNow = typeof statPathNow;

/**
 * What a local file means now, where it is the one of `previous` by size, time and inode: the same that a look at it says, at once. Undefined:
 * it is another one, or more is to be looked at than the file, or `statNow` does not tell at once. `stats`: what files were found to be,
 * and are not asked for again.
 */
export function unchangedNow(
  spec: SourceSpec,
  previous: Content,
  { stats, statNow = statPathNow }: { readonly stats?: Map<string, Stat> | undefined; readonly statNow?: StatNow } = {},
): Content | undefined {
  if (spec.kind !== "file" || spec.metadata !== undefined || spec.checksum !== undefined || !spec.follow)
    return undefined;
  const { digest, stat, where } = previous;
  if (digest === undefined || stat === undefined || where !== spec.path) return undefined;
  const now = stats?.get(where) ?? fileNow(where, statNow);
  if (now === undefined || !sameStat(stat, now)) return undefined;
  stats?.set(where, now);
  const transform = transformOf(spec);
  const isAll = previous.size === now.size && previous.transform === transform;
  if (isAll && Object.keys(previous).length === (transform === undefined ? 4 : 5)) return previous;
  return content(where, { digest, size: now.size, stat: now, transform });
}

function fileNow(path: string, statNow: StatNow): Stat | undefined {
  const found = statNow(path);
  return found?.isFile() === true ? statOf(found) : undefined;
}
