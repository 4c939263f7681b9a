import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { claim, parseHolder, readHolder, release } from "../disk/lock.ts";
import { piecesOf, sha256OfFile } from "../disk/pieces.ts";
import { identity, isDead, probe } from "../disk/process.ts";
import { errno } from "../disk/reason.ts";
import { SmallReads } from "../disk/small-reads.ts";
import { isTemporary, replaceFile } from "../disk/write.ts";
import { Failure } from "../failure.ts";
import type { Holder } from "../model/state.ts";
import { broken } from "./document.ts";
import { onDisk, stateFailure } from "./failure.ts";
import { JournalDirectory, listRuns, openRuns, readRun } from "./journal-directory.ts";
import { hashing, LARGE, readByPieces } from "./pieces.ts";
import { type Document, KEPT_RUNS, type StateLock, type Storage } from "./storage.ts";
import { keepVersion, listVersions, readVersion } from "./versions.ts";

interface Paths {
  readonly document: string;
  readonly backup: string;
  readonly lock: string;
  readonly journals: string;
  readonly versions: string;
}

/**
 * A state in a file. Beside it: `FILE.backup`, the former document; `FILE.lock`; `.images/journal/FILE/`, the journals. A symbolic
 * link is followed, so that every name of a file has the same lock. `keep`: how many past runs are remembered.
 */
export function fileStorage(path: string, { keep = KEPT_RUNS }: { readonly keep?: number } = {}): Storage {
  const at = pathsOf(path);
  return {
    where: path,
    canPeek: true,
    backup: at.backup,
    async read() {
      const { document, journals } = at;
      // A document is never changed in place: the same before and after, and the journals belong to it.
      for (let turn = 0; turn < 1000; turn++) {
        const before = await versionOf(document);
        const found = await readDocument(at);
        const open = await openRuns(journals);
        if (open !== undefined && before === (await versionOf(document)))
          return { ...(found === undefined ? {} : { document: found }), open };
      }
      throw new Failure("state.io", `${path} changes faster than it can be read`, { retry: true });
    },
    async lock(me) {
      await onDisk(dirname(at.lock), () => mkdir(dirname(at.lock), { recursive: true }));
      const holder = await onDisk(at.lock, () => claim(at.lock, me));
      if (holder !== undefined) return { holder };
      // Nothing depends on it.
      await tidy(at, me).catch(() => {});
      return { lease: leaseOf(at, me, keep) };
    },
    async holder() {
      return await onDisk(at.lock, () => readHolder(at.lock));
    },
    async unlock(id) {
      const me = { ...identity(), id: crypto.randomUUID(), operation: "unlock", since: new Date().toISOString() };
      return await onDisk(at.lock, () => release(at.lock, id, me));
    },
    async runs() {
      return await listRuns(at.journals);
    },
    async readRun(run) {
      return await readRun(at.journals, run);
    },
    async versions() {
      return await listVersions(at.versions);
    },
    async readVersion(id) {
      return await readVersion(at.versions, id);
    },
  };
}

function leaseOf(at: Paths, me: Holder, keep: number): StateLock {
  const small = new SmallReads();
  // Before each write of the journal: most often it is the text that was ours before.
  let ours: string | undefined;
  const now = () => readFileSync(at.lock, "utf8");
  const text = () => small.read(now, () => readFile(at.lock, "utf8")).catch(() => undefined);
  const check = async () => {
    const found = await text();
    if (found !== undefined && found === ours) return;
    const holder = await onDisk(at.lock, () => readHolder(at.lock));
    if (holder?.id !== me.id) throw lost(at.document, holder);
    ours = `${JSON.stringify(me)}\n`;
  };
  const journal = new JournalDirectory(at.journals, keep, check);
  return {
    journal,
    async write(text, expected) {
      await check();
      const there = await withDocument(at, sha256OfFile);
      if (there !== expected)
        throw new Failure("state.conflict", `${at.document} was changed by another program while it was locked`, {
          hint: "the changes of this run are in its journal; the next command adds them to the state",
        });
      if (there !== undefined) await keepVersion(at.versions, at.document, there);
      await onDisk(at.document, () => replaceFile(at.document, text, { backup: at.backup }));
      return tagOf(Buffer.from(text));
    },
    async [Symbol.asyncDispose]() {
      await journal.close();
      await onDisk(at.lock, () => release(at.lock, me.id, me));
    },
  };
}

const lost = (path: string, holder: Holder | undefined): Failure =>
  new Failure(
    "state.lost",
    `the lock of ${path} was taken from this run${holder === undefined ? "" : ` by ${holder.user}@${holder.host}`}`,
    {
      hint: "the recorded state is kept; run the same command again when the other run has ended",
    },
  );

/** Where a path leads, through links; a file that is not there yet is where it will be. */
function pathsOf(path: string): Paths {
  let document = resolve(path);
  try {
    for (let links = 0; isLink(document); links++) {
      if (links === 40) throw new Failure("state.io", `${path} is a symbolic link that leads nowhere`);
      document = resolve(realpathSync(dirname(document)), readlinkSync(document));
    }
    if (existsSync(dirname(document))) document = join(realpathSync(dirname(document)), basename(document));
  } catch (error) {
    throw stateFailure(error, path);
  }
  return {
    document,
    backup: `${document}.backup`,
    lock: `${document}.lock`,
    journals: join(dirname(document), ".images", "journal", basename(document)),
    versions: join(dirname(document), ".images", "versions", basename(document)),
  };
}

const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

/** The document where there is one; a large one in pieces, if that is possible. It is one document, also while it is replaced. */
async function readDocument(at: Paths): Promise<Document | undefined> {
  return await withDocument(at, async (file) => {
    const isLarge = (await file.stat()).size > LARGE;
    const hash = createHash("sha256");
    const state = isLarge ? await readByPieces(hashing(piecesOf(file, LARGE), hash)) : undefined;
    if (state !== undefined) return { state, tag: hash.digest("hex") };
    const bytes = isLarge ? await wholeOf(file) : await file.readFile();
    if (!isUtf8(bytes)) throw broken("the state is not UTF-8 text", { where: at.document, backup: at.backup });
    return { text: bytes.toString("utf8"), tag: tagOf(bytes) };
  });
}

/** All bytes of a file, also where some of them have been read. */
async function wholeOf(file: FileHandle): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of piecesOf(file, LARGE)) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

async function withDocument<T>({ document }: Paths, work: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  try {
    await using file = await open(document);
    return await work(file);
  } catch (error) {
    if (errno(error) === "ENOENT") return undefined;
    throw stateFailure(error, document);
  }
}

const tagOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Another one for every replaced document. */
async function versionOf(path: string): Promise<string> {
  try {
    const { ino, ctimeNs, size } = await stat(path, { bigint: true });
    return `${ino} ${ctimeNs} ${size}`;
  } catch (error) {
    if (errno(error) === "ENOENT") return "none";
    throw stateFailure(error, path);
  }
}

/** Removes what killed processes have left beside the document. Only the holder of the lock does it. */
async function tidy({ document, lock }: Paths, me: Holder): Promise<void> {
  const directory = dirname(document);
  const names = await readdir(directory);
  const left = names.filter((name) => isTemporary(name, document));
  for (const name of names) {
    if (!name.startsWith(`${basename(lock)}.`) || name.includes(me.id)) continue;
    const text = await readFile(join(directory, name), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    // One that does not say whose it is may be just being written: its owner then writes it again.
    if (holder === undefined || isDead(holder, identity(), probe)) left.push(name);
  }
  await Promise.all(left.map((name) => rm(join(directory, name), { force: true })));
}
