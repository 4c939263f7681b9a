import { writeSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, truncate } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errno } from "../disk/reason.ts";
import { SmallReads } from "../disk/small-reads.ts";
import { syncDirectory } from "../disk/write.ts";
import { stateFailure } from "./failure.ts";
import type { Journal, ListedRun, OpenRun } from "./storage.ts";

const OPEN = ".open.jsonl";
const ENDED = ".jsonl";
/** Bytes that are written at once; more of them are worth a thread. */
const SMALL = 64 * 1024;
/** Enough for any first or last line of a run. */
const END = 64 * 1024;

/** Journals as files of a directory: `RUN.open.jsonl` until the run has ended, `RUN.jsonl` from then on. */
export class JournalDirectory implements Journal {
  readonly #directory: string;
  readonly #keep: number;
  readonly #check: () => Promise<void>;
  readonly #writes = new SmallReads();
  #current: { readonly run: string; readonly handle: FileHandle; length: number } | undefined;
  #broken: unknown;

  /** `keep`: how many past runs stay. `check`: fails when nothing may be written any more. */
  constructor(directory: string, keep: number, check: () => Promise<void>) {
    this.#directory = directory;
    this.#keep = keep;
    this.#check = check;
  }

  async append(run: string, text: string, durable: boolean): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    await this.#check();
    const path = join(this.#directory, run + OPEN);
    try {
      if (this.#current === undefined) await this.#create(run, path);
      if (this.#current !== undefined) await this.#write(this.#current, Buffer.from(text), durable);
    } catch (error) {
      throw stateFailure(error, path);
    }
  }

  async #create(run: string, path: string): Promise<void> {
    const first = await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    this.#current = { run, handle: await open(path, "wx", 0o600), length: 0 };
    await syncDirectory(this.#directory);
    // The names of directories that are new must be as durable as what is in them.
    for (let at = this.#directory; first !== undefined && at.length >= first.length; at = dirname(at))
      await syncDirectory(dirname(at));
  }

  async #write(to: { readonly handle: FileHandle; length: number }, bytes: Buffer, durable: boolean): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += await this.#written(to.handle, bytes.subarray(done), to.length + done);
      }
    } catch (error) {
      await to.handle.truncate(to.length).catch((cause: unknown) => {
        this.#broken = cause;
      });
      throw error;
    }
    to.length += bytes.length;
    if (!durable) return;
    await to.handle.datasync().catch((error: unknown) => {
      // After a failed sync the content of the disk is unknown, and the next sync does not report it.
      this.#broken = error;
      throw error;
    });
  }

  /** How many of the bytes were written. */
  async #written(handle: FileHandle, bytes: Buffer, at: number): Promise<number> {
    const later = async () => (await handle.write(bytes, 0, bytes.length, at)).bytesWritten;
    if (bytes.length > SMALL) return await later();
    return await this.#writes.read(() => writeSync(handle.fd, bytes, 0, bytes.length, at), later);
  }

  async finish(run: string, bytes?: number): Promise<void> {
    await this.#check();
    const path = join(this.#directory, run + OPEN);
    try {
      if (this.#current?.run === run) await this.#current.handle.close();
      if (bytes === 0) await rm(path, { force: true });
      else {
        if (bytes !== undefined) await truncate(path, bytes);
        await rename(path, join(this.#directory, run + ENDED));
      }
      const past = (await names(this.#directory, ENDED)).slice(0, -this.#keep);
      await Promise.all(past.map((old) => rm(join(this.#directory, old + ENDED), { force: true })));
      await syncDirectory(this.#directory);
    } catch (error) {
      throw stateFailure(error, path);
    }
  }

  /** Closes the file and leaves the run open. */
  async close(): Promise<void> {
    await this.#current?.handle.close().catch(() => {});
  }
}

/** The journals of runs that have not ended, oldest first; undefined when one of them ended meanwhile. */
export async function openRuns(directory: string): Promise<readonly OpenRun[] | undefined> {
  const found: OpenRun[] = [];
  for (const run of await names(directory, OPEN)) {
    const text = await textOf(join(directory, run + OPEN));
    if (text === undefined) return undefined;
    found.push({ run, text });
  }
  return found;
}

/** Every run, oldest first. */
export async function listRuns(directory: string): Promise<readonly ListedRun[]> {
  const open = (await names(directory, OPEN)).map((run) => ({ run, open: true, path: join(directory, run + OPEN) }));
  const ended = (await names(directory, ENDED)).map((run) => ({
    run,
    open: false,
    path: join(directory, run + ENDED),
  }));
  const all = [...open, ...ended].sort((a, b) => (a.run < b.run ? -1 : 1));
  const listed = await Promise.all(all.map(async ({ path, ...one }) => ({ ...one, ...(await endsOf(path)) })));
  return listed.flatMap(({ run, open, first, last }) => (first === undefined ? [] : [{ run, open, first, last }]));
}

export async function readRun(directory: string, run: string): Promise<string | undefined> {
  if (basename(run) !== run) return undefined;
  // In this order: what was open may have ended meanwhile.
  return (await textOf(join(directory, run + OPEN))) ?? (await textOf(join(directory, run + ENDED)));
}

async function names(directory: string, ending: string): Promise<string[]> {
  try {
    const all = (await readdir(directory)).filter((name) => name.endsWith(ending)).sort();
    const runs = all.map((name) => name.slice(0, -ending.length));
    return ending === ENDED ? runs.filter((run) => !`${run}${ENDED}`.endsWith(OPEN)) : runs;
  } catch (error) {
    if (errno(error) === "ENOENT") return [];
    throw stateFailure(error, directory);
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errno(error) === "ENOENT") return undefined;
    throw stateFailure(error, path);
  }
}

/** The first line and the last whole one; both undefined when the file is gone. */
async function endsOf(path: string): Promise<{ readonly first?: string; readonly last: string }> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (errno(error) === "ENOENT") return { last: "" };
    throw stateFailure(error, path);
  }
  try {
    const { size } = await handle.stat();
    const part = async (from: number) => {
      const buffer = Buffer.alloc(Math.min(END, size - from));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
      return buffer.toString("utf8", 0, bytesRead);
    };
    const head = await part(0);
    const tail = size > END ? await part(size - END) : head;
    const whole = tail.slice(0, Math.max(0, tail.lastIndexOf("\n")));
    return { first: head.slice(0, Math.max(0, head.indexOf("\n"))), last: whole.slice(whole.lastIndexOf("\n") + 1) };
  } finally {
    await handle.close();
  }
}
