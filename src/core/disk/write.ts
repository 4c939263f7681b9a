import { randomBytes } from "node:crypto";
import { chmod, copyFile, link, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Failure } from "../failure.ts";

/** The system's name of an error ("ENOENT"); undefined when it is none of its errors. */
export function errno(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** What the file system refused, in words; a Failure passes as it is. */
export function ioFailure(thrown: unknown, path: string): Failure {
  if (thrown instanceof Failure) return thrown;
  const code = errno(thrown);
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new Failure("state.space", `no space left to write ${path}`, {
        cause: thrown,
        hint: "make room there and run the same command again; what was recorded before is kept",
      });
    case "EROFS":
      return new Failure("state.readonly", `${path} is on a filesystem that cannot be written`, {
        cause: thrown,
        hint: 'put the state elsewhere: state = "PATH" in [settings], or --state PATH',
      });
    case "EACCES":
    case "EPERM":
      return new Failure("state.denied", `no permission for ${path}`, {
        cause: thrown,
        hint: `run as the user who owns ${dirname(path)}, or give this one the right to write there`,
      });
    default:
      return new Failure("state.io", `${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
        cause: thrown,
        hint: "look at the path and at the health of that filesystem",
      });
  }
}

/** The name of a temporary file beside `path`; `isTemporary` knows it again. */
const temporary = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
/** Is `name` a temporary file that a killed write of `path` has left? */
export const isTemporary = (name: string, path: string): boolean =>
  name.startsWith(`.${basename(path)}.`) && /\.[0-9a-f]{12}\.tmp$/.test(name);

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some filesystems cannot sync a folder, and say so.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EPERM"].includes(errno(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** Writes a new file, whole and durable but for its name. Fails when it is there already, and leaves nothing then. */
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
 * Replaces a file whole, mode 0600: whoever reads it sees the former text or this one, also after a power cut. `backup`: the
 * former file is kept under that name; at no instant is there neither. Fails without a trace.
 * @throws Failure state.space, state.readonly, state.denied, state.io
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
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {});
    throw ioFailure(error, path);
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
