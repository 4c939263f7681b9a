import { randomUUID } from "node:crypto";
import { realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * The file that a path names, behind all links, where that can be replaced by another one; undefined for a device, a pipe or a socket:
 * a rename would put a file in its place.
 */
export async function replaceable(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return path;
  return found.isFile() ? await realpath(path) : undefined;
}

/** Replaces a user's file whole, with the rights that it has; a link is followed. New files get the usual rights. */
export async function rewrite(path: string, text: string | Uint8Array): Promise<void> {
  const target = await replaceable(path);
  if (target === undefined) {
    await writeFile(path, text);
    return;
  }
  const mode = await stat(target).then(
    (found) => found.mode & 0o777,
    () => undefined,
  );
  const fresh = join(dirname(target), `.${randomUUID()}.tmp`);
  try {
    await writeFile(fresh, text, { flag: "wx", ...(mode === undefined ? {} : { mode }) });
    await rename(fresh, target);
  } catch (thrown) {
    await rm(fresh, { force: true });
    throw thrown;
  }
}
