import { randomUUID } from "node:crypto";
import { link, lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errno, Failure, syncDirectory } from "images";
import { readPlain, whenMissing } from "./disk.ts";
import { recordNames, recordOf } from "./record.ts";

/** The file by which a directory says that it is a store. */
const STORE_FILE = "images-store.json";
const LAYOUT = 2;
/** Directories of a store. None of them may be a symbolic link: what is written into them stays in the store. */
const DIRECTORIES = [
  "blobs",
  "images",
  "files",
  "streams",
  "streams/v1",
  "tmp",
  "wrote",
  "wrote/blobs",
  "wrote/files",
  "wrote/indexes",
] as const;

/** What is found at the path of a store. `first`: a store of the first version, which had no file of its own. */
export type StoreFound = { readonly kind: "none" | "first" } | { readonly kind: "store"; readonly id: string };

/** @throws Failure config.value: the directory is in use and not a store */
export async function recognize(root: string): Promise<StoreFound> {
  const id = await storeId(root);
  if (id === undefined) {
    const names = (await readdir(root).catch(whenMissing([]))).filter((name) => !isIgnored(name));
    if (names.length === 0) return { kind: "none" };
    // Another process may have made the store since.
    const since = await storeId(root);
    if (since !== undefined) return { kind: "store", id: since };
    await refuseLinks(root);
    if (await isFirst(root, names)) return { kind: "first" };
    throw new Failure("config.value", `${root} is not a store and not empty`, {
      hint: `set \`path\` to a separate directory, for example ${JSON.stringify(join(root, "store"))}`,
    });
  }
  await refuseLinks(root);
  return { kind: "store", id };
}

/** Makes the directory a store; of several processes at once one gives the id. */
export async function establish(root: string): Promise<string> {
  const temporary = join(root, `.${STORE_FILE}.${randomUUID()}`);
  const file = await open(temporary, "wx", 0o644);
  try {
    await file.writeFile(`${JSON.stringify({ images_store: LAYOUT, id: randomUUID() })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, join(root, STORE_FILE));
  } catch (thrown) {
    if (errno(thrown) !== "EEXIST") throw thrown;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(root);
  const id = await storeId(root);
  if (id === undefined) throw new Failure("backend.missing", `${join(root, STORE_FILE)} is gone`);
  return id;
}

export async function makeDirectories(root: string): Promise<void> {
  await refuseLinks(root);
  for (const name of DIRECTORIES) await mkdir(join(root, name), { recursive: true });
  await refuseLinks(root);
}

async function storeId(root: string): Promise<string | undefined> {
  const path = join(root, STORE_FILE);
  const text = await readPlain(path).catch((thrown: unknown) => {
    if (errno(thrown) === "ENOENT") return undefined;
    throw new Failure("backend.denied", `the store ${root} cannot be read`, {
      cause: thrown,
      hint: "check that `path` is a readable directory",
    });
  });
  if (text === undefined) return undefined;
  const said = fieldsOf(text);
  if (typeof said["images_store"] === "number" && said["images_store"] > LAYOUT)
    throw new Failure("backend.answer", `the store ${root} has layout ${said["images_store"]}, which is newer`, {
      hint: "use a newer version of images",
    });
  const { id } = said;
  if (said["images_store"] !== LAYOUT || typeof id !== "string" || !/^[0-9a-f-]{36}$/.test(id))
    throw new Failure("backend.answer", `${path} is damaged`, { hint: "restore it from a backup" });
  return id;
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** What is in a directory that is empty for us: the root of a file system, a store that is just being made. */
const isIgnored = (name: string): boolean =>
  name === "lost+found" || name === STORE_FILE || name.startsWith(`.${STORE_FILE}.`);

/** A store of the first version: a record that is valid, or its directories and nothing but empty ones. */
async function isFirst(root: string, names: readonly string[]): Promise<boolean> {
  if (!["blobs", "images"].every((one) => names.includes(one))) return false;
  for (const name of await recordNames(root)) {
    const text = await readPlain(join(root, "images", name)).catch(() => undefined);
    if (text !== undefined && typeof recordOf(text, name) === "object") return true;
  }
  if (names.some((name) => ![...DIRECTORIES, "SHA256SUMS"].some((one) => one === name))) return false;
  const listed = await Promise.all(
    ["images", "files"].map((name) => readdir(join(root, name)).catch(whenMissing<string[]>([]))),
  );
  return listed.flat().length === 0;
}

async function refuseLinks(root: string): Promise<void> {
  for (const name of DIRECTORIES) {
    const found = await lstat(join(root, name)).catch(whenMissing(undefined));
    if (found === undefined || found.isDirectory()) continue;
    throw new Failure("backend.denied", `${join(root, name)} is not a directory of the store`, {
      hint: "symbolic links in a store are not followed; set `path` to the location of the store",
    });
  }
}
