import { constants } from "node:fs";
import { access, lstat, lutimes, mkdir, rm } from "node:fs/promises";
import { errno, Failure, type ImageId } from "images";
import { Blobs } from "./blobs.ts";
import { Disk, whenMissing } from "./disk.ts";
import { establish, makeDirectories, recognize, type StoreFound } from "./identity.ts";
import { INDEXES, type Index, Ledger } from "./ledger.ts";
import { Pages } from "./pages.ts";
import { idOfFile, isId, type StoreBlob, type StoreEntry } from "./record.ts";
import { RecordFiles } from "./record-files.ts";
import { blobsOf, type ListedEntry } from "./store.ts";
import { fileName } from "./streams.ts";
import { Working } from "./working.ts";

type Note = (text: string) => void;

/** The directory of a store. Every file appears whole, by rename; several processes and hosts may work in it at once. */
export class Directory {
  readonly root: string;
  /** Milliseconds that bytes stay after their last image is gone. */
  readonly #grace: number;
  readonly #working: Working;
  readonly #ledger: Ledger;
  readonly blobs: Blobs;
  readonly pages: Pages;
  readonly #records: RecordFiles;
  readonly #disk = new Disk();
  #found: Promise<StoreFound> | undefined;

  constructor(root: string, grace: number) {
    this.root = root;
    this.#grace = grace;
    this.#working = new Working(this.at("tmp"));
    this.#ledger = new Ledger(root, () => this.#working.temporary(), this.#disk);
    this.pages = new Pages(root, () => this.#working.temporary());
    this.blobs = new Blobs(root, this.#ledger, () => this.#working.temporary(), this.#disk);
    this.#records = new RecordFiles(root, this.#disk, this.blobs);
  }

  at(...parts: readonly string[]): string {
    return parts.length === 0 ? this.root : `${this.root}/${parts.join("/")}`;
  }

  /** The store's own id; undefined before the first change of a store that is not there yet, or of the first version. */
  async id(): Promise<string | undefined> {
    this.#found ??= recognize(this.root);
    const found = await this.#found;
    return found.kind === "store" ? found.id : undefined;
  }

  /** Before the first change: the directory is a store, and nothing of another user's is in the way of its indexes. */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.root, { recursive: true });
      const found = await recognize(this.root);
      await access(this.root, constants.W_OK);
      // An empty directory is a store before anything is in it: to another process it is never a directory in use that is none.
      const made = found.kind === "none" ? await establish(this.root) : undefined;
      await makeDirectories(this.root);
      if (found.kind === "first") await this.#upgrade();
      await this.#ledger.checkIndexes();
      const id = found.kind === "store" ? found.id : (made ?? (await establish(this.root)));
      await this.pages.guard();
      this.#found = Promise.resolve({ kind: "store", id });
    } catch (cause) {
      if (cause instanceof Failure) throw cause;
      throw new Failure("backend.denied", `the store ${this.root} cannot be written`, {
        cause,
        hint: "check `path` and its permissions",
      });
    }
  }

  async #upgrade(): Promise<void> {
    const entries = await Array.fromAsync(this.entries());
    await this.#ledger.upgrade(entries.map((entry) => ({ blobs: blobsOf(entry), file: fileName(entry) })));
  }

  /** All records that can be read, in the order of their names. A store that is not there yet is empty. */
  async *entries(note?: Note): AsyncGenerator<StoreEntry> {
    await this.id();
    yield* this.#records.entries(note);
  }

  /** The same, some at a time, and whether the bytes of each are there. */
  async *list(note: Note): AsyncGenerator<readonly ListedEntry[]> {
    await this.id();
    yield* this.#records.list(note);
  }

  async entry(id: ImageId, note?: Note): Promise<StoreEntry | undefined> {
    await this.id();
    return isId(id) ? await this.#records.entry(`${id}.json`, note) : undefined;
  }

  async putEntry(entry: StoreEntry): Promise<void> {
    const temporary = this.#working.temporary();
    await this.#disk.createDurable(temporary, `${JSON.stringify(entry, undefined, 2)}\n`);
    await this.#disk.rename(temporary, this.at("images", `${entry.id}.json`));
  }

  /** The record goes at once; the bytes after the grace period, when no other image has them. */
  async removeEntry(entry: StoreEntry): Promise<void> {
    await rm(this.at("images", `${entry.id}.json`), { force: true });
    const now = new Date();
    for (const sha256 of blobsOf(entry))
      await lutimes(this.at("blobs", sha256), now, now).catch(whenMissing(undefined));
  }

  /** @throws Failure backend.conflict: a file of that name is there that the store did not write */
  async checkFile(file: string): Promise<void> {
    await this.#version(file);
  }

  /** @throws Failure backend.conflict, as `checkFile` */
  async #version(file: string): Promise<string> {
    const version = await this.#ledger.ownFile(file);
    if (version !== undefined) return version;
    throw new Failure("backend.conflict", `${this.at("files", file)} was not written by this store`, {
      hint: "move the file away or choose another `name`, then apply again",
    });
  }

  /** A file with a name of its own beside the blob, for people and web servers; the former one of that name is replaced whole. */
  async name({ sha256 }: StoreBlob, file: string): Promise<void> {
    const before = await this.#version(file);
    const version = await this.#ledger.version(sha256);
    if (before === version) return;
    const [blob, named] = [this.at("blobs", sha256), this.at("files", file)];
    if (before === "absent") await this.#ledger.addNewFile(file, version);
    else await this.#ledger.addFile(file, [version, before]);
    if (before === "absent" && (await this.#linked(blob, named))) return;
    const temporary = this.#working.temporary();
    await this.#disk.link(blob, temporary);
    await this.#disk.rename(temporary, named);
    // Renaming one hard link of a file over another does nothing, and leaves the first.
    await this.#disk.remove(temporary);
    if (before !== "absent") await this.#ledger.addFile(file, [version]);
  }

  /** False: something has that name by now. */
  async #linked(blob: string, named: string): Promise<boolean> {
    try {
      await this.#disk.link(blob, named);
      return true;
    } catch (thrown) {
      if (errno(thrown) === "EEXIST") return false;
      throw thrown;
    }
  }

  /** Takes the name away from these bytes, where the store gave it to them. Whether it did. */
  async unname({ sha256 }: StoreBlob, file: string): Promise<boolean> {
    const version = await this.#ledger.ownFile(file);
    if (version?.startsWith(`${sha256} `) !== true) return false;
    await rm(this.at("files", file), { force: true });
    await this.#ledger.drop("files", file);
    return true;
  }

  async putIndex(name: Index, text: string): Promise<void> {
    await this.#ledger.add("indexes", name);
    await this.#replace(INDEXES[name], text);
  }

  /** Writes beside and renames: a reader sees the former file or this one. */
  async #replace(parts: readonly string[], text: string): Promise<void> {
    const temporary = this.#working.temporary();
    await this.#disk.create(temporary, text);
    await this.#disk.rename(temporary, this.at(...parts));
  }

  /** From here on, and until `settled`, the indexes may not be what the records say; a run that dies in between leaves this behind. */
  async unsettle(): Promise<void> {
    await this.#working.begin();
  }

  async settled(): Promise<void> {
    await this.#working.settle(new Date());
  }

  /** Whether a run died before it had written the indexes. */
  async isStale(): Promise<boolean> {
    const id = await this.id().catch(() => undefined);
    return id !== undefined && (await this.#working.isStale(new Date()));
  }

  /** Removes blobs and named files of the store that no record has any more; none while a record cannot be read or another run is at work. */
  async sweep(
    used: { readonly blobs: ReadonlySet<string>; readonly files: ReadonlySet<string> },
    now: Date,
  ): Promise<void> {
    const left = { files: await this.#unused("files", used.files), blobs: await this.#unused("blobs", used.blobs) };
    if (left.files.length + left.blobs.length === 0) return;
    const records = await Promise.all((await this.#records.names()).map((name) => this.entry(idOfFile(name))));
    if (records.includes(undefined) || (await this.#working.hasOthers(now))) return;
    for (const kind of ["files", "blobs"] as const) {
      for (const name of left[kind]) {
        const found = await lstat(this.at(kind, name)).catch(whenMissing(undefined));
        if (found !== undefined && now.getTime() - found.mtimeMs < this.#grace) continue;
        const isOurs = kind === "blobs" ? found?.isFile() : (await this.#ledger.ownFile(name)) !== undefined;
        if (isOurs) await rm(this.at(kind, name), { force: true });
        await this.#ledger.drop(kind, name);
      }
    }
  }

  async #unused(kind: "blobs" | "files", used: ReadonlySet<string>): Promise<readonly string[]> {
    return (await this.#ledger.names(kind)).filter((name) => !used.has(name));
  }
}
