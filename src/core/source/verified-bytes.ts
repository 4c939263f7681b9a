import type { Algorithm, Digests } from "../model/digest.ts";
import type { Phase } from "../model/image.ts";
import type { Validators } from "../model/source.ts";

/** What is known of bytes once they have been proven: sha256 and what else was asked for. */
export interface VerificationResult {
  readonly digests: Digests;
  readonly size: number;
}

/** Told what goes on with bytes that come: `done` of `total`. */
export type ProgressListener = (phase: Phase, done: number, total?: number) => void;

/** Bytes that any number may read, each at its own pace. No reader gets the last of them before all are verified. */
export interface VerifiedBytes extends AsyncDisposable {
  /** The name that they have where they come from. */
  readonly filename: string;
  /** Resolves when it is known that they will come, and `size` is what is known of their number. */
  readonly ready: Promise<void>;
  readonly size: number | undefined;
  /** The digests that `prove` will give. */
  readonly algorithms: ReadonlySet<Algorithm>;
  /** The file of bytes that have been proven; undefined as long as they have not. */
  readonly path: string | undefined;
  /** The file that they lie in, to be looked at before they are proven: what it says is only believed until then. */
  readonly location?: string | undefined;
  /** All of them, where they are in memory: to be looked at before they are proven. */
  readonly held?: Uint8Array | undefined;
  /**
   * From the beginning to the end. Rejects with the signal's reason, or with what is wrong with the bytes. `lent`: a piece may be
   * overwritten once the fourth after it has been asked for.
   */
  read(signal: AbortSignal, lent?: boolean): AsyncIterable<Uint8Array>;
  /** The first bytes, at least so many where there are, for a supply that is not to be begun twice. */
  peek?(length: number, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** Resolves when all of them have been proven. */
  verify(signal: AbortSignal): Promise<VerificationResult>;
  /**
   * For bytes of which nothing is demanded, and most of which are holes of a file: a reader that skips holes need not wait for a digest of
   * all of them. The file; undefined: they are to be proven. `check` afterwards.
   */
  unread?(): Promise<string | undefined>;
  /** After a read of the file: is it still the one that was proven? @throws Failure source.changed */
  check(): Promise<void>;
  /** A reader found that the bytes are not what they should be: what is kept of them is not used again. */
  distrust?(): Promise<void>;
  watch(watcher: ProgressListener): void;
}

/** Bytes that come from the web. */
export interface FetchedBytes extends VerifiedBytes {
  /** What the server said of the file, once it was proven; without the length. */
  readonly validators: Validators;
  /** The mirror that the bytes came from, without secrets. */
  readonly from: string;
  /** It is to be started again for the next reader. */
  readonly hasFailed: boolean;
  /** Any number may open it; else it is of one opening alone. */
  readonly isShared: boolean;
}

/** Gives each piece only once the next one is there, so that the last comes after everything that can go wrong. */
export async function* heldBack(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const piece of input) {
    if (piece.length === 0) continue;
    if (held !== undefined) yield held;
    held = piece;
  }
  if (held !== undefined) yield held;
}

/** Several that listen, and what was reported last for those who come late. */
export class ProgressListeners {
  readonly #all = new Set<ProgressListener>();
  #last: Parameters<ProgressListener> | undefined;

  add(watcher: ProgressListener): void {
    this.#all.add(watcher);
    if (this.#last !== undefined) watcher(...this.#last);
  }

  tell(phase: Phase, done: number, total: number | undefined): void {
    this.#last = total === undefined ? [phase, done] : [phase, done, total];
    for (const watcher of this.#all) watcher(...this.#last);
  }
}
