import { readFile, rm, stat, statfs } from "node:fs/promises";
import { replaceFile } from "../../disk/write.ts";
import { Failure } from "../../failure.ts";
import type { Validators } from "../../model/source.ts";
import { type Cache, parseSidecar, readJson, type Sidecar } from "../cache/index.ts";
import { sourceFailure } from "../failure.ts";
import type { ProgressListener, VerificationResult } from "../verified-bytes.ts";
import { changed, type Expectation, Verifier } from "../verify/index.ts";
import { GrowingFile } from "./growing-file.ts";
import type { VerifyingSink } from "./mirrors.ts";
import { announced, type Pinned, stillPinned } from "./request.ts";

/** What a partial file is to become. */
interface PartialOptions {
  /** What it is filed under: the digest, or where it comes from. */
  readonly key: string;
  readonly demand: Expectation;
  /** What the server said when the plan was made, and which. */
  readonly pinned: Pinned | undefined;
  /** The mirrors, without secrets. */
  readonly places: readonly string[];
  readonly signal: AbortSignal;
  readonly tell: ProgressListener;
  /** Asked to free so many bytes. */
  readonly room: (bytes: number) => Promise<void>;
  /** Called when readers may begin. */
  readonly seen: (growing: GrowingFile) => void;
  /** Readers begin only once all is proven, so that wrong bytes of one mirror can be taken back. */
  readonly isHeld: boolean;
}

/** The file that a download fills, proven while it grows; taken up again where an earlier run was ended. */
export class PartialFile implements VerifyingSink {
  validators: Validators = {};
  where: string | undefined;
  readonly #cache: Cache;
  readonly #goal: PartialOptions;
  #growing: GrowingFile;
  #verifier: Verifier;
  #isSeen = false;
  /** Part of it is from an earlier run. */
  #isOld = false;

  private constructor(cache: Cache, goal: PartialOptions, growing: GrowingFile, verifier: Verifier) {
    this.#cache = cache;
    this.#goal = goal;
    this.#growing = growing;
    this.#verifier = verifier;
  }

  /** @throws Failure source.space, source.io; those of fetching a signature */
  static async open(cache: Cache, goal: PartialOptions): Promise<PartialFile> {
    const path = cache.directory.partial(goal.key);
    const sidecar = await readJson(cache.directory.sidecar(goal.key), parseSidecar);
    const size = sidecar === undefined || !(await isUsable(sidecar, goal)) ? 0 : await sizeOf(path);
    const written = sidecar?.total !== undefined && size > sidecar.total ? 0 : size;
    const growing = await GrowingFile.open(path, { written, owns: true });
    try {
      const verifier = await verifierOf(goal, growing);
      const partial = new PartialFile(cache, goal, growing, verifier);
      if (written > 0 && sidecar !== undefined) await partial.#takeUp(sidecar);
      return partial;
    } catch (thrown) {
      await growing.release();
      throw thrown;
    }
  }

  get offset(): number {
    return this.#growing.written;
  }
  get total(): number | undefined {
    return this.#growing.total;
  }
  get isSeen(): boolean {
    return this.#isSeen;
  }
  get growing(): GrowingFile {
    return this.#growing;
  }

  soFar(): Promise<string> {
    return this.#verifier.soFar();
  }

  async accept(where: string, validators: Validators, reportedSize: number | undefined): Promise<void> {
    const { pinned, room } = this.#goal;
    stillPinned(pinned, where, validators);
    const total = announced(pinned, where, reportedSize);
    const { length: _, ...version } = validators;
    this.validators = version;
    this.where = where;
    this.#growing.total = total;
    if (total !== undefined) await this.#roomFor(total - this.offset, room);
    await this.#remember();
    if (!this.#goal.isHeld) this.#show();
  }

  async append(bytes: Uint8Array): Promise<void> {
    // The disk works while the digest is made.
    await Promise.all([this.#growing.write(bytes), this.#verifier.update(bytes)]);
    this.#goal.tell("download", this.offset, this.total);
  }

  async restart(): Promise<void> {
    if (this.#isSeen)
      throw changed(
        this.where ?? "the source",
        "the file has changed since the download began",
        "while it was fetched",
      );
    await this.close();
    this.#growing = await GrowingFile.open(this.#growing.path, { owns: true });
    this.#verifier = await verifierOf(this.#goal, this.#growing);
    this.#isOld = false;
  }

  /** All has come: is it what it should be? @throws Failure source.checksum, source.changed, source.signature, source.key */
  async verify(giver?: string): Promise<VerificationResult> {
    const proven = await this.#verifier.end(this.#isOld, giver);
    this.#show();
    this.#growing.prove();
    this.#goal.tell("verify", proven.size, proven.size);
    return proven;
  }

  /** Nothing of it is to be used again. */
  async discard(): Promise<void> {
    await this.#growing.remove();
    await this.forget();
  }

  /** The file has become something else: what is written beside it goes. */
  async forget(): Promise<void> {
    await rm(this.#cache.directory.sidecar(this.#goal.key), { force: true });
  }

  async close(): Promise<void> {
    this.#verifier[Symbol.dispose]();
    await this.#growing.release();
  }

  #show(): void {
    if (this.#isSeen) return;
    this.#isSeen = true;
    this.#goal.seen(this.#growing);
  }

  /** The proof begins with what exists. */
  async #takeUp({ where, validators, total }: Sidecar): Promise<void> {
    this.where = where;
    this.validators = validators;
    this.#growing.total = total;
    this.#isOld = true;
    let done = 0;
    for await (const piece of this.#growing.before(this.#goal.signal)) {
      await this.#verifier.update(piece);
      done += piece.length;
      this.#goal.tell("verify", done, this.offset);
    }
  }

  async #remember(): Promise<void> {
    const boot = await bootId();
    const { where = "", validators, total } = this;
    const path = this.#cache.directory.sidecar(this.#goal.key);
    const sidecar: Sidecar = {
      where,
      validators,
      ...(total === undefined ? {} : { total }),
      ...(boot === undefined ? {} : { boot }),
    };
    try {
      await replaceFile(path, JSON.stringify(sidecar));
    } catch (thrown) {
      throw sourceFailure(thrown, path);
    }
  }

  async #roomFor(bytes: number, room: PartialOptions["room"]): Promise<void> {
    const { root } = this.#cache.directory;
    const missing = bytes - (await freeIn(root));
    if (missing <= 0) return;
    await room(missing);
    const free = await freeIn(root);
    if (bytes <= free) return;
    throw new Failure("source.space", `${bytes} bytes are needed, and ${free} are free in ${root}`, {
      hint: "free space there (images cache gc), or set IMAGES_CACHE to a directory with more space",
    });
  }
}

/** Each reader hashes the same bytes on this thread, as they come. */
const verifierOf = ({ demand }: PartialOptions, growing: GrowingFile): Promise<Verifier> =>
  Verifier.begin(demand, { size: () => growing.total, isBeside: true });

async function isUsable({ where, boot }: Sidecar, { demand: expectation, places }: PartialOptions): Promise<boolean> {
  if (expectation.proof.digest !== undefined) return true;
  // The end of a file that was written before a power cut may be anything, and nothing would show it.
  return places.includes(where) && boot === (await bootId());
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

async function bootId(): Promise<string | undefined> {
  try {
    return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  } catch {
    return undefined;
  }
}

async function freeIn(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
