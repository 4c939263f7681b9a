import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { openRegular } from "../../disk/regular.ts";
import type { Failure } from "../../failure.ts";
import { extentsOf } from "../../format/holes.ts";
import { zeros } from "../../format/segment.ts";
import type { Algorithm } from "../../model/digest.ts";
import { sourceFailure } from "../failure.ts";
import { Ring, readPieces } from "../pieces.ts";
import { heldBack, type ProofResult, type ProvenBytes, type SupplyWatcher, Watchers } from "../supply.ts";
import { changed, type Demand, Proving } from "../verify/index.ts";
import { isMostlyHoles } from "./sparse.ts";

/** What tells whether a file was touched; the time of its inode as well, which no program can set back. */
interface Marks {
  readonly size: number;
  readonly text: string;
}

/** A file on this host, read where it lies. One that changes while it is read is Failure source.changed. */
export class LocalFile implements ProvenBytes {
  readonly filename: string;
  readonly ready = Promise.resolve();
  readonly size: number;
  readonly #path: string;
  readonly #demand: Demand;
  readonly #watchers = new Watchers();
  #proven: { readonly result: ProofResult; readonly marks: Marks } | undefined;
  /** What the file system said of it before it was read without a proof. */
  #unread: Marks | undefined;

  private constructor(path: string, size: number, demand: Demand) {
    this.filename = basename(path);
    this.size = size;
    this.#path = path;
    this.#demand = demand;
  }

  /** @throws Failure source.missing, source.denied, source.io */
  static async open(path: string, demand: Demand): Promise<LocalFile> {
    try {
      await using file = await openRegular(path);
      return new LocalFile(path, (await file.stat()).size, demand);
    } catch (thrown) {
      throw sourceFailure(thrown, path);
    }
  }

  get path(): string | undefined {
    return this.#proven === undefined ? undefined : this.#path;
  }

  get algorithms(): ReadonlySet<Algorithm> {
    return Proving.algorithms(this.#demand);
  }

  watch(watcher: SupplyWatcher): void {
    this.#watchers.add(watcher);
  }

  read(signal: AbortSignal, lent = false): AsyncIterable<Uint8Array> {
    return heldBack(this.#pass(signal, lent));
  }

  async prove(signal: AbortSignal): Promise<ProofResult> {
    if (this.#proven === undefined) for await (const piece of this.#pass(signal, true)) this.#count(piece.length);
    if (this.#proven === undefined) throw new Error("a pass ended without a proof");
    return this.#proven.result;
  }

  async unread(): Promise<string | undefined> {
    const { proof, expected } = this.#demand;
    const isDemanded = proof.digest !== undefined || proof.signature !== undefined || expected !== undefined;
    if (isDemanded || this.#proven !== undefined || !(await isMostlyHoles(this.#path))) return undefined;
    await using file = await this.#open();
    this.#unread ??= await marksOf(file);
    return this.#path;
  }

  async check(): Promise<void> {
    const marks = this.#proven?.marks ?? this.#unread;
    if (marks === undefined) return;
    await using file = await this.#open();
    if ((await marksOf(file)).text !== marks.text) throw touched(this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #counted = 0;
  #count(bytes: number): void {
    this.#counted += bytes;
    this.#watchers.tell("verify", Math.min(this.#counted, this.size), this.size);
  }

  /** Reads and proves; it ends only when the file was the same all the time. */
  async *#pass(signal: AbortSignal, lent: boolean): AsyncGenerator<Uint8Array> {
    await using file = await this.#open();
    const marks = await marksOf(file);
    using proving = await Proving.begin(this.#demand, marks.size);
    for await (const piece of this.#pieces(file, marks.size, signal, lent)) {
      await proving.update(piece);
      yield piece;
    }
    const after = await marksOf(file);
    if (marks.text !== after.text || marks.size !== this.size) throw touched(this.#path);
    const result = await proving.end();
    this.#proven = { result, marks };
  }

  /** Its holes are not read. */
  async *#pieces(file: FileHandle, size: number, signal: AbortSignal, lent: boolean): AsyncGenerator<Uint8Array> {
    const ring = lent ? new Ring() : undefined;
    let at = 0;
    const hole = function* (to: number): Generator<Uint8Array> {
      for (const piece of zeros(to - at)) {
        signal.throwIfAborted();
        yield piece;
      }
    };
    try {
      for (const [from, to] of await extentsOf(file)) {
        yield* hole(from);
        yield* readPieces(file, signal, { from, to, ring });
        at = to;
      }
      yield* hole(size);
    } catch (thrown) {
      signal.throwIfAborted();
      throw sourceFailure(thrown, this.#path);
    }
  }

  async #open(): Promise<FileHandle> {
    try {
      return await openRegular(this.#path);
    } catch (thrown) {
      throw sourceFailure(thrown, this.#path);
    }
  }
}

async function marksOf(file: FileHandle): Promise<Marks> {
  const { size, mtimeNs, ctimeNs, ino, dev } = await file.stat({ bigint: true });
  return { size: Number(size), text: `${size} ${mtimeNs} ${ctimeNs} ${ino} ${dev}` };
}

const touched = (path: string): Failure => changed(path, "it was modified", "while it was read");
