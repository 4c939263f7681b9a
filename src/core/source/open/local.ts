import type { BigIntStats } from "node:fs";
import { basename } from "node:path";
import { openRegular, type ReadableFile, readSmall, statPath } from "../../disk/regular.ts";
import { statOf } from "../../disk/stat.ts";
import type { Failure } from "../../failure.ts";
import { countAllocated } from "../../format/collection.ts";
import { extentsOf } from "../../format/holes.ts";
import { Ring } from "../../format/ring.ts";
import { hole } from "../../format/segment.ts";
import type { Algorithm } from "../../model/digest.ts";
import type { Stat } from "../../model/source.ts";
import { sourceFailure } from "../failure.ts";
import { readPieces } from "../pieces.ts";
import {
  heldBack,
  type ProgressListener,
  ProgressListeners,
  type VerificationResult,
  type VerifiedBytes,
} from "../verified-bytes.ts";
import { changed, type Expectation, Verifier } from "../verify/index.ts";
import { isMostlyHoles } from "./sparse.ts";

/** What tells whether a file was touched; the time of its inode as well, which no program can set back. */
interface Marks {
  readonly size: number;
  readonly text: string;
}

/** All bytes of a small file, as they were when it was opened. */
interface Held {
  readonly bytes: Uint8Array;
  readonly marks: Marks;
}

/** What is known of a file once it was opened. */
interface Opened {
  readonly stat: Stat;
  readonly held?: Held;
}

/** A file on this host, read where it lies. One that changes while it is read is Failure source.changed. */
export class LocalFile implements VerifiedBytes {
  readonly filename: string;
  readonly ready = Promise.resolve();
  readonly size: number;
  /** As it was when it was opened. */
  readonly stat: Stat;
  readonly #path: string;
  readonly #expectation: Expectation;
  readonly #listeners = new ProgressListeners();
  #proven: { readonly result: VerificationResult; readonly marks: Marks } | undefined;
  /** What the file system said of it before it was read without a proof. */
  #unread: Marks | undefined;

  /** Read once, when it was opened. */
  readonly #held: Held | undefined;

  private constructor(path: string, { stat, held }: Opened, expectation: Expectation) {
    this.filename = basename(path);
    this.#held = held;
    this.stat = stat;
    this.size = stat.size;
    this.#path = path;
    this.#expectation = expectation;
  }

  /** @throws Failure source.missing, source.denied, source.io */
  static async open(path: string, expectation: Expectation): Promise<LocalFile> {
    try {
      const small = await readSmall(path);
      if (small !== undefined) {
        const { bytes, stat } = small;
        countAllocated(bytes);
        return new LocalFile(path, { stat: statOf(stat), held: { bytes, marks: marksIn(stat) } }, expectation);
      }
      await using file = await openRegular(path);
      return new LocalFile(path, { stat: statOf(await file.stat({ bigint: true })) }, expectation);
    } catch (thrown) {
      throw sourceFailure(thrown, path);
    }
  }

  get path(): string | undefined {
    return this.#proven === undefined ? undefined : this.#path;
  }

  /** All bytes, to be looked at before they are proven. */
  get held(): Uint8Array | undefined {
    return this.#held?.bytes;
  }

  get algorithms(): ReadonlySet<Algorithm> {
    return Verifier.algorithms(this.#expectation);
  }

  watch(watcher: ProgressListener): void {
    this.#listeners.add(watcher);
  }

  read(signal: AbortSignal, lent = false): AsyncIterable<Uint8Array> {
    return this.#held === undefined ? heldBack(this.#pass(signal, lent)) : this.#given(this.#held, signal, lent);
  }

  async verify(signal: AbortSignal): Promise<VerificationResult> {
    if (this.#proven === undefined && this.#held !== undefined) {
      await this.#prove(this.#held, signal);
      this.#count(this.#held.bytes.length);
    } else if (this.#proven === undefined)
      for await (const piece of this.#pass(signal, true)) this.#count(piece.length);
    if (this.#proven === undefined) throw new Error("a pass ended without a proof");
    return this.#proven.result;
  }

  async unread(): Promise<string | undefined> {
    const { proof, expected } = this.#expectation;
    const isDemanded = proof.digest !== undefined || proof.signature !== undefined || expected !== undefined;
    if (isDemanded || this.#proven !== undefined || !(await isMostlyHoles(this.#path, this.size))) return undefined;
    this.#unread ??= await this.#marksNow();
    return this.#path;
  }

  async check(): Promise<void> {
    const marks = this.#proven?.marks ?? this.#unread;
    if (marks === undefined) return;
    if ((await this.#marksNow()).text !== marks.text) throw touched(this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #counted = 0;
  #count(bytes: number): void {
    this.#counted += bytes;
    this.#listeners.tell("verify", Math.min(this.#counted, this.size), this.size);
  }

  /** Reads and proves; it ends only when the file was the same all the time. */
  async *#pass(signal: AbortSignal, lent: boolean): AsyncGenerator<Uint8Array> {
    await using file = await this.#open();
    const marks = await marksOf(file);
    using verifier = await Verifier.begin(this.#expectation, { size: marks.size });
    for await (const piece of this.#pieces(file, marks.size, signal, lent)) {
      await verifier.update(piece);
      yield piece;
    }
    const after = await marksOf(file);
    if (marks.text !== after.text || marks.size !== this.size) throw touched(this.#path);
    const result = await verifier.end();
    this.#proven = { result, marks };
  }

  /** Bytes that were read already, once they are proven. */
  async *#given(held: Held, signal: AbortSignal, lent: boolean): AsyncGenerator<Uint8Array> {
    await this.#prove(held, signal);
    const { bytes } = held;
    if (bytes.length > 0) yield lent ? bytes : new Uint8Array(bytes);
  }

  /** Bytes that were read already are hashed for each reader, and the file must be the one that they came from. */
  async #prove({ bytes, marks }: Held, signal: AbortSignal): Promise<void> {
    using verifier = await Verifier.begin(this.#expectation, { size: marks.size });
    signal.throwIfAborted();
    await verifier.update(bytes);
    if ((await this.#marksNow()).text !== marks.text) throw touched(this.#path);
    const result = await verifier.end();
    this.#proven = { result, marks };
  }

  /** Its holes are not read. */
  async *#pieces(file: ReadableFile, size: number, signal: AbortSignal, lent: boolean): AsyncGenerator<Uint8Array> {
    using ring = lent ? new Ring() : undefined;
    let at = 0;
    const holeTo = async function* (to: number): AsyncGenerator<Uint8Array> {
      for await (const piece of hole(to - at)) {
        signal.throwIfAborted();
        yield piece;
      }
    };
    try {
      for (const [from, to] of await extentsOf(file)) {
        yield* holeTo(from);
        yield* readPieces(file, signal, { from, to, ring });
        at = to;
      }
      yield* holeTo(size);
    } catch (thrown) {
      signal.throwIfAborted();
      throw sourceFailure(thrown, this.#path);
    }
  }

  async #marksNow(): Promise<Marks> {
    try {
      return marksIn(await statPath(this.#path));
    } catch (thrown) {
      throw sourceFailure(thrown, this.#path);
    }
  }

  async #open(): Promise<ReadableFile> {
    try {
      return await openRegular(this.#path);
    } catch (thrown) {
      throw sourceFailure(thrown, this.#path);
    }
  }
}

const marksOf = async (file: ReadableFile): Promise<Marks> => marksIn(await file.stat({ bigint: true }));

function marksIn({ size, mtimeNs, ctimeNs, ino, dev }: BigIntStats): Marks {
  return { size: Number(size), text: `${size} ${mtimeNs} ${ctimeNs} ${ino} ${dev}` };
}

const touched = (path: string): Failure => changed(path, "it was modified", "while it was read");
