import { copyFile, link, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errno } from "../disk/reason.ts";
import { onDisk } from "./failure.ts";
import { KEPT_VERSIONS, type Version } from "./storage.ts";

// Former documents of a state in a file: `.images/versions/FILE/ID`, where ID tells when it was replaced and which one it was.

/** `20260301T101500123Z-3f9a1c20b7d4`: when a document was replaced, and the beginning of its tag. Sorts by time. */
export const versionId = (at: Date, tag: string): string =>
  `${at.toISOString().replace(/[-:.]/g, "")}-${tag.replace(/\W/g, "").slice(0, 12)}`;

/** When that was, in RFC 3339. */
export const timeOf = (id: string): string =>
  id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3}).*$/, "$1-$2-$3T$4:$5:$6.$7Z");

/** Gives the document that is about to be replaced a second name, and removes those that are more than are kept. */
export async function keepVersion(directory: string, document: string, tag: string): Promise<void> {
  await onDisk(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, versionId(after((await names(directory)).at(-1)), tag));
    await link(document, path).catch(async (error: unknown) => {
      if (errno(error) === "ENOENT") throw error;
      if (errno(error) !== "EEXIST") await copyFile(document, path);
    });
    const old = (await names(directory)).slice(0, -KEPT_VERSIONS);
    await Promise.all(old.map((name) => rm(join(directory, name), { force: true })));
  });
}

/** Now, but later than the last version: ids tell the order also where two are of one millisecond, or the clock was set back. */
function after(last: string | undefined): Date {
  const before = last === undefined ? 0 : Date.parse(timeOf(last));
  return new Date(Math.max(Date.now(), before + 1));
}

export async function listVersions(directory: string): Promise<readonly Version[]> {
  return (await onDisk(directory, () => names(directory))).map((id) => ({ id, at: timeOf(id) }));
}

export async function readVersion(directory: string, id: string): Promise<string | undefined> {
  if (!/^[\w-]+$/.test(id)) return undefined;
  const path = join(directory, id);
  return await onDisk(path, async () => {
    const found = await stat(path).catch(missing);
    return found === undefined ? undefined : await readFile(path, "utf8");
  });
}

async function names(directory: string): Promise<readonly string[]> {
  return ((await readdir(directory).catch(missing)) ?? []).filter((name) => /^\d{8}T\d{9}Z-\w+$/.test(name)).sort();
}

function missing(error: unknown): undefined {
  if (errno(error) === "ENOENT") return undefined;
  throw error;
}
