import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Failure } from "../failure.ts";

/**
 * Opens a regular file for reading. Never waits: a named pipe or a device is refused as any other thing that is no file.
 * @throws Failure source.missing; the system's error
 */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw Object.assign(new Error("EISDIR: is a directory"), { code: "EISDIR" });
    if (!stat.isFile()) throw notRegular(path);
    return file;
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

export const notRegular = (path: string): Failure =>
  new Failure("source.missing", `${path} is not a regular file`, { hint: "use the path of a file" });
