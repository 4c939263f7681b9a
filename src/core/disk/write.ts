import { randomBytes } from "node:crypto";
import { chmod, copyFile, link, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { diskFailure, errno } from "./reason.ts";

/** The name of a temporary file beside `path`; `isTemporary` knows it again. */
const temporary = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
/** Is `name` a temporary file that a killed write of `path` has left? */
export const isTemporary = (name: string, path: string): boolean =>
  name.startsWith(`.${basename(path)}.`) && /\.[0-9a-f]{12}\.tmp$/.test(name);

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some filesystems cannot sync a directory, and say so.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EPERM"].includes(errno(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** Writes a new file, whole and durable but for its name. Fails when it already exists, and leaves nothing then. */
export async function createFile(path: string, text: string): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
  await handle.close();
}

/**
 * Replaces a file whole, mode 0600: a reader sees the former text or this one, also after a power cut. `backup`: the
 * former file is kept under that name; at no instant is there neither. Fails without a trace.
 * @throws Failure disk.*
 */
export async function replaceFile(
  path: string,
  text: string,
  { backup }: { readonly backup?: string } = {},
): Promise<void> {
  const fresh = temporary(path);
  try {
    await createFile(fresh, text);
    if (backup !== undefined) await keepAs(path, backup);
    await rename(fresh, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {});
    throw diskFailure(error, path);
  }
}

/** Gives the file a second name, in the place of whatever had that name. A file that is not there is left at that. */
async function keepAs(path: string, backup: string): Promise<void> {
  const second = temporary(path);
  try {
    await link(path, second).catch(async (error: unknown) => {
      if (errno(error) === "ENOENT") throw error;
      await copyFile(path, second);
    });
    await chmod(second, 0o600);
    await rename(second, backup);
    // Between two names of one file rename does nothing: a run that was killed in here had made the backup already.
    await rm(second, { force: true });
  } catch (error) {
    await rm(second, { force: true });
    if (errno(error) !== "ENOENT") throw error;
  }
}
