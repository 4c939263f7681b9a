import { errno, Failure } from "images";
import type { Blobs } from "./blobs.ts";
import { type Disk, readBeginningNow, readPlainNow } from "./disk.ts";
import { partsOf } from "./entry.ts";
import { recordNames, recordOf, type StoreEntry } from "./record.ts";
import type { ListedEntry } from "./store.ts";

type Note = (text: string) => void;

/** Records that are read at a time. */
const BATCH = 64;

/** The records of a directory: small files, thousands of them. */
export class RecordFiles {
  readonly #root: string;
  readonly #disk: Disk;
  readonly #blobs: Blobs;
  readonly #noted = new Set<string>();

  constructor(root: string, disk: Disk, blobs: Blobs) {
    this.#root = root;
    this.#disk = disk;
    this.#blobs = blobs;
  }

  async names(): Promise<readonly string[]> {
    return await recordNames(this.#root).catch((cause: unknown) => {
      throw new Failure("backend.denied", `the store ${this.#root} cannot be read`, {
        cause,
        hint: "check that `path` is a readable directory",
      });
    });
  }

  /** All that can be read, in the order of their names. */
  async *entries(note?: Note): AsyncGenerator<StoreEntry> {
    const now = (file: string) => this.#entryNow(file, note);
    for await (const some of this.#batches(now, (file) => this.entry(file, note))) yield* some;
  }

  /** The same, some at a time, and whether the bytes of each are there. */
  list(note: Note): AsyncGenerator<readonly ListedEntry[]> {
    const sizes = new Map<string, number | undefined>();
    const now = (file: string) => {
      const entry = this.#entryNow(file, note);
      return entry && { entry, isWhole: this.#blobs.areWholeNow(partsOf(entry), sizes) };
    };
    return this.#batches(now, async (file) => {
      const entry = await this.entry(file, note);
      return entry && { entry, isWhole: await this.#blobs.areWhole(partsOf(entry)) };
    });
  }

  /** The record in a file; undefined: there is none, or it cannot be read. */
  async entry(file: string, note?: Note): Promise<StoreEntry | undefined> {
    const result = await this.#disk.text(this.#pathOf(file)).then((text) => recordOf(text, file), whyUnread);
    return this.#sound(file, result, note);
  }

  /** The same, without a thread. */
  #entryNow(file: string, note?: Note): StoreEntry | undefined {
    let result: StoreEntry | string | undefined;
    const path = this.#pathOf(file);
    try {
      result = recordOf(readBeginningNow(path), file);
      // It may be a large one, or no file: only JSON that is whole is a record.
      if (typeof result === "string") result = recordOf(readPlainNow(path), file);
    } catch (thrown) {
      result = whyUnread(thrown);
    }
    return this.#sound(file, result, note);
  }

  async *#batches<T>(
    now: (file: string) => T | undefined,
    later: (file: string) => Promise<T | undefined>,
  ): AsyncGenerator<readonly T[]> {
    const names = await this.names();
    for (let from = 0; from < names.length; from += BATCH)
      yield (await this.#disk.each(names.slice(from, from + BATCH), now, later)).filter((one) => one !== undefined);
  }

  #pathOf(file: string): string {
    return `${this.#root}/images/${file}`;
  }

  /** A record that is broken is reported once, and its image cannot be seen. */
  #sound(file: string, result: StoreEntry | string | undefined, note?: Note): StoreEntry | undefined {
    if (typeof result !== "string") return result;
    if (note !== undefined && !this.#noted.has(file)) {
      this.#noted.add(file);
      note(`warning: ${this.#pathOf(file)} is skipped: ${result}`);
    }
    return undefined;
  }
}

/** Why a record is not read; undefined: it is gone by now. */
function whyUnread(thrown: unknown): string | undefined {
  if (errno(thrown) === "ENOENT") return undefined;
  return errno(thrown) === "ELOOP" ? "a symbolic link" : "not readable";
}
