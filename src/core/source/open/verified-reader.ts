import { stat } from "node:fs/promises";
import { Failure } from "../../failure.ts";
import type { Algorithm } from "../../model/digest.ts";
import { orAborted } from "../../net/scope.ts";
import { sourceFailure } from "../failure.ts";
import { heldBack, type ProgressListener, type VerificationResult, type VerifiedBytes } from "../verified-bytes.ts";
import { changed, type Expectation, Verifier } from "../verify/index.ts";

/**
 * What one reader gets of bytes that several may share: hashed on their way to it, wherever they come from, and compared with what it
 * demands itself. Neither an earlier reader, nor the writer, nor the file's time and size vouch for them.
 */
export class VerifiedReader implements VerifiedBytes {
  readonly #inner: VerifiedBytes;
  readonly #expectation: Expectation;
  #proven: VerificationResult | undefined;
  /** The file that a pass of this reader has proven, and what the file system said of it. */
  #file: { readonly path: string; readonly marks: string } | undefined;

  constructor(inner: VerifiedBytes, expectation: Expectation) {
    this.#inner = inner;
    this.#expectation = expectation;
  }

  get filename(): string {
    return this.#inner.filename;
  }
  get ready(): Promise<void> {
    return this.#inner.ready;
  }
  get size(): number | undefined {
    return this.#inner.size;
  }
  get algorithms(): ReadonlySet<Algorithm> {
    return Verifier.algorithms(this.#expectation);
  }
  get path(): string | undefined {
    return this.#file?.path;
  }
  get location(): string | undefined {
    return this.#inner.path;
  }

  watch(watcher: ProgressListener): void {
    this.#inner.watch(watcher);
  }

  read(signal: AbortSignal, lent = false): AsyncIterable<Uint8Array> {
    return heldBack(this.#pass(signal, lent));
  }

  async verify(signal: AbortSignal): Promise<VerificationResult> {
    if (this.#proven === undefined) {
      // Once it is whole it may be a file, which can be read at any place afterwards.
      await this.#inner.verify(signal);
      for await (const _ of this.#pass(signal, true)) signal.throwIfAborted();
    }
    if (this.#proven === undefined) throw new Error("a pass ended without a proof");
    return this.#proven;
  }

  async check(): Promise<void> {
    if (this.#file === undefined) return;
    if ((await marksOf(this.#file.path)) !== this.#file.marks)
      throw changed(this.#expectation.where, "the cached file was modified", "while it was read");
  }

  async distrust(): Promise<void> {
    await this.#inner.distrust?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async *#pass(signal: AbortSignal, lent: boolean): AsyncGenerator<Uint8Array> {
    await orAborted(this.#inner.ready, signal);
    const { path } = this.#inner;
    const marks = path === undefined ? undefined : await marksOf(path);
    using verifier = await Verifier.begin(this.#expectation, { size: this.#inner.size });
    for await (const piece of this.#inner.read(signal, lent)) {
      await verifier.update(piece);
      yield piece;
    }
    const whole = await this.#inner.verify(signal);
    const came = await verifier.soFar();
    try {
      if (whole.digests.sha256 !== undefined && whole.digests.sha256 !== `sha256:${came}`)
        throw damaged(this.#expectation.where, whole.digests.sha256, came);
      this.#proven = await verifier.end();
    } catch (thrown) {
      // Another digest than the one that is demanded is looked for by its own name; only bytes without one would be found again.
      if (thrown instanceof Failure && DISTRUSTED.includes(thrown.code)) await this.#inner.distrust?.();
      throw thrown;
    }
    if (path !== undefined && marks !== undefined && (await marksOf(path)) === marks) this.#file = { path, marks };
  }
}

const DISTRUSTED: readonly string[] = ["source.damaged", "source.signature"];

/** What tells whether a file was touched; the time of its inode as well, which no program can set back. */
async function marksOf(path: string): Promise<string> {
  try {
    const { size, mtimeNs, ctimeNs, ino, dev } = await stat(path, { bigint: true });
    return `${size} ${mtimeNs} ${ctimeNs} ${ino} ${dev}`;
  } catch (thrown) {
    throw sourceFailure(thrown, path);
  }
}

const damaged = (where: string, expected: string, came: string): Failure =>
  new Failure("source.damaged", `${where}: the cached copy was damaged: expected ${expected}, got sha256:${came}`, {
    hint: "the copy was deleted: run the same command again; if it happens twice, check the disk",
    retry: true,
  });
