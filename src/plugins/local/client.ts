import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, link, mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure, hexOf, type ImageId, imageId, type Mark, passing, type Source, type Written } from "images";
import { codeOf, isFull, whenMissing } from "./disk.ts";
import { writeWithHoles } from "./holes.ts";
import type { Image } from "./schema.ts";

/** One file of an image: bytes under `blobs/`, named by their sha256. */
export interface Blob {
  readonly sha256: string;
  readonly size: number;
}

/** An image as its file under `images/` has it. Written last: an image without its record is none. */
export interface Entry {
  readonly id: ImageId;
  readonly name: string;
  readonly mark?: Mark;
  readonly attributes: Written<Image>;
  readonly disk: Blob;
  readonly metadata?: Blob;
  /** What Incus calls it: the sha256 of the metadata followed by the disk, or of the one file with everything in it. */
  readonly fingerprint: string;
  readonly format: string;
  readonly compression: string;
  /** RFC 3339. */
  readonly created: string;
}

/** The directory of a store. Every file appears whole, by rename; several processes may work in it at once. */
export class Directory {
  readonly root: string;
  /** Milliseconds that bytes stay after their last image is gone. */
  readonly #grace: number;

  constructor(root: string, grace: number) {
    this.root = root;
    this.#grace = grace;
  }

  at(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  async prepare(): Promise<void> {
    try {
      for (const folder of ["blobs", "images", "files", "streams/v1", "tmp"])
        await mkdir(this.at(folder), { recursive: true });
      await access(this.root, constants.W_OK);
    } catch (cause) {
      throw new Failure("backend.denied", `the store ${this.root} cannot be written`, {
        cause,
        hint: "check `path` and its rights",
      });
    }
  }

  /** All records, in the order of their names. A store that is not there yet is empty. */
  async *entries(): AsyncGenerator<Entry> {
    const names = await readdir(this.at("images"))
      .catch(whenMissing([]))
      .catch((cause: unknown) => {
        throw new Failure("backend.denied", `the store ${this.root} cannot be read`, {
          cause,
          hint: "check `path`: it is to be a folder that you may read",
        });
      });
    const ids = names.filter((one) => one.endsWith(".json")).sort();
    for (let from = 0; from < ids.length; from += BATCH) {
      const batch = ids.slice(from, from + BATCH).map((name) => this.entry(imageId(name.slice(0, -".json".length))));
      for (const entry of await Promise.all(batch)) if (entry !== undefined) yield entry;
    }
  }

  async entry(id: ImageId): Promise<Entry | undefined> {
    if (!/^[A-Za-z0-9._:@-]+$/.test(id) || id.startsWith(".")) return undefined;
    const text = await readFile(this.at("images", `${id}.json`), "utf8").catch(whenMissing(undefined));
    return text === undefined ? undefined : parse(text, id);
  }

  async putEntry(entry: Entry): Promise<void> {
    await this.replace(["images", `${entry.id}.json`], `${JSON.stringify(entry, undefined, 2)}\n`, { durable: true });
  }

  /** The record goes at once; the bytes after the grace period, when no other image has them. */
  async removeEntry(entry: Entry): Promise<void> {
    await rm(this.at("images", `${entry.id}.json`), { force: true });
    const now = new Date();
    for (const { sha256 } of [entry.disk, ...(entry.metadata === undefined ? [] : [entry.metadata])]) {
      await utimes(this.at("blobs", sha256), now, now).catch(whenMissing(undefined));
    }
  }

  /** Streams bytes into the store; the same bytes are kept once. `combined` is the sha256 of `before` followed by them. */
  async putBlob(
    source: Pick<Source, "open" | "lend"> & Partial<Pick<Source, "digests">>,
    signal: AbortSignal,
    { before, progress }: { readonly before?: Uint8Array; readonly progress?: (done: number) => void } = {},
  ): Promise<Blob & { readonly combined: string }> {
    const path = this.#temporary();
    const file = await open(path, "wx");
    try {
      // The digest of a source is made on its way to us.
      const hash = source.digests === undefined ? new Bun.CryptoHasher("sha256") : undefined;
      const both = before === undefined ? undefined : new Bun.CryptoHasher("sha256").update(before);
      let size = 0;
      for await (const piece of passing(source, signal)) {
        signal.throwIfAborted();
        for (const hasher of [hash, both]) hasher?.update(piece);
        await writeWithHoles(file, piece, size);
        size += piece.byteLength;
        progress?.(size);
      }
      await file.sync();
      const sha256 = hash?.digest("hex") ?? (await sha256Of(source));
      await this.#settle(path, this.at("blobs", sha256), size);
      return { sha256, size, combined: both?.digest("hex") ?? sha256 };
    } catch (thrown) {
      await rm(path, { force: true });
      if (isFull(thrown))
        throw new Failure("backend.limits", `no space is left in ${this.root}`, {
          cause: thrown,
          hint: "free some, then apply again",
        });
      throw thrown;
    } finally {
      await file.close();
    }
  }

  /**
   * Gives bytes the name of their digest. What has that name already stays the file that other names are links to, and its grace
   * period starts again; only a file of another size, which cannot be those bytes, is replaced. A link and no rename: that of
   * another writer, under way, would take the blob from under whoever links to it.
   */
  async #settle(temporary: string, blob: string, size: number): Promise<void> {
    try {
      await link(temporary, blob);
      await rm(temporary);
    } catch (thrown) {
      if (codeOf(thrown) !== "EEXIST") throw thrown;
      const now = new Date();
      const isSame = await stat(blob).then((found) => found.size === size, whenMissing(false));
      const isKept = isSame && (await utimes(blob, now, now).then(() => true, whenMissing(false)));
      await (isKept ? rm(temporary) : rename(temporary, blob));
    }
  }

  async readBlob({ sha256 }: Blob): Promise<Uint8Array> {
    return await readFile(this.at("blobs", sha256));
  }

  /** A file with a name of its own beside the blob, for people and web servers; the former one of that name is replaced whole. */
  async name(blob: Blob, file: string): Promise<void> {
    const temporary = this.#temporary();
    await link(this.at("blobs", blob.sha256), temporary);
    await rename(temporary, this.at("files", file));
    // Renaming one hard link of a file over another does nothing, and leaves the first.
    await rm(temporary, { force: true });
  }

  /** Writes beside and renames: a reader sees the former file or this one. */
  async replace(parts: readonly string[], text: string, { durable = false } = {}): Promise<void> {
    const temporary = this.#temporary();
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(text);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.at(...parts));
  }

  /** From here on, and until `settled`, the indexes may not be what the records say; a run that dies in between leaves this behind. */
  async unsettle(): Promise<void> {
    await writeFile(this.at("tmp", `${process.pid}.stale`), "");
  }

  async settled(): Promise<void> {
    for (const name of await this.#abandoned()) await rm(this.at("tmp", name), { force: true });
    await rm(this.at("tmp", `${process.pid}.stale`), { force: true });
  }

  /** Whether a run died before it had written the indexes. */
  async isStale(): Promise<boolean> {
    return (await this.#abandoned()).some((name) => name.endsWith(".stale"));
  }

  /** Files of processes that are no more. */
  async #abandoned(): Promise<readonly string[]> {
    // A folder that cannot be read was told of by whoever wanted its images.
    const names = await readdir(this.at("tmp")).catch(() => []);
    return names.filter((name) => Number(name.split(".")[0]) !== process.pid && !isRunning(Number(name.split(".")[0])));
  }

  #temporary(): string {
    return this.at("tmp", `${process.pid}.${randomUUID()}`);
  }

  /** Takes away blobs and named files that no record has any more. */
  async sweep(
    used: { readonly blobs: ReadonlySet<string>; readonly files: ReadonlySet<string> },
    now: Date,
  ): Promise<void> {
    const old = async (path: string, grace: number) => {
      const found = await stat(path).catch(whenMissing(undefined));
      return found !== undefined && now.getTime() - found.mtimeMs >= grace;
    };
    const drop = async (folder: string, keep: ReadonlySet<string>, grace: number) => {
      for (const name of await readdir(this.at(folder)).catch(whenMissing([]))) {
        if (!keep.has(name) && (await old(this.at(folder, name), grace)))
          await rm(this.at(folder, name), { force: true });
      }
    };
    await drop("files", used.files, this.#grace);
    await drop("blobs", used.blobs, this.#grace);
  }
}

/** Records that are read at a time. */
const BATCH = 64;

function parse(text: string, id: ImageId): Entry {
  try {
    return JSON.parse(text) as Entry;
  } catch (cause) {
    throw new Failure("backend.answer", `the record images/${id}.json of the store is not JSON`, {
      cause,
      hint: "delete it, and apply again",
    });
  }
}

async function sha256Of(source: Partial<Pick<Source, "digests">>): Promise<string> {
  const made = (await source.digests?.())?.sha256;
  if (made === undefined) throw new Error("a source does not say what its bytes hash to");
  return hexOf(made);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) !== "ESRCH";
  }
}
