import { randomUUID } from "node:crypto";
import { realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Replaces a user's file whole, with the rights that it has; a link is followed. New files get the usual rights. */
export async function rewrite(path: string, text: string | Uint8Array): Promise<void> {
  const target = await realpath(path).catch(() => path);
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
