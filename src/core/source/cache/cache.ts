import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { createLease, type DirectoryLease } from "../../disk/lease.ts";
import { openRegular } from "../../disk/regular.ts";
import { statOf } from "../../disk/stat.ts";
import { replaceFile, syncDirectory } from "../../disk/write.ts";
import { type Algorithm, type Digest, type Digests, hexOf, nameOf } from "../../model/digest.ts";
import type { Stat, Validators } from "../../model/source.ts";
import { sameStat } from "../content.ts";
import { sourceFailure } from "../failure.ts";
import { readPieces } from "../pieces.ts";
import { digestsOf, Hashers } from "../verify/index.ts";
import { CacheDirectory } from "./directory.ts";
import { type CacheRecord, parseKept, parsePointer, readJson } from "./record.ts";

/** A proven file of the cache. As long as it is held, no process takes it away. */
export interface CachedFile extends AsyncDisposable {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
  readonly digests: Digests;
  readonly filename: string;
  /** What the server said of it when it came. */
  readonly validators?: Validators;
}

/** How a blob that has just come is remembered. */
interface Arrival {
  readonly digest: Digest;
  readonly digests: Digests;
  readonly from: string;
  readonly filename: string;
  /** The URL (or what else it may be asked by again), and what the server said of it. */
  readonly key: string;
  readonly validators: Validators;
}

/** Bytes by their digest, shared by all processes of a user. Files appear in it whole and proven, or not at all. */
export class Cache {
  readonly directory: CacheDirectory;

  private constructor(directory: CacheDirectory) {
    this.directory = directory;
  }

  static async open(root: string): Promise<Cache> {
    const directory = new CacheDirectory(root);
    await directory.make();
    return new Cache(directory);
  }

  /** The blob with this digest; one that is not as it was when it was proven is proven again, or thrown away. */
  async byDigest(wanted: Digest, signal: AbortSignal): Promise<CachedFile | undefined> {
    if (nameOf(wanted) === "sha256") return await this.#hold(wanted, signal);
    const pointer = await readJson(this.directory.pointer(wanted), parsePointer);
    const blob = pointer && (await this.#hold(pointer.digest, signal));
    if (blob === undefined || blob.digests[nameOf(wanted)] === wanted) return blob;
    await blob[Symbol.asyncDispose]();
    return undefined;
  }

  /** The blob that last came from this URL, with the validators that it came with. */
  async byKey(key: string, signal: AbortSignal): Promise<CachedFile | undefined> {
    const pointer = await readJson(this.directory.pointer(key), parsePointer);
    const blob = pointer && (await this.#hold(pointer.digest, signal));
    return blob === undefined || pointer?.validators === undefined ? blob : { ...blob, validators: pointer.validators };
  }

  /** What is known of the last answer of this URL, without a look at the blob. */
  async validators(key: string): Promise<Validators | undefined> {
    return (await readJson(this.directory.pointer(key), parsePointer))?.validators;
  }

  /**
   * Makes a whole, proven and synced file part of the cache. From here on it is found, also after a power cut.
   * @throws Failure source.space, source.io
   */
  async insert(path: string, arrival: Arrival): Promise<CachedFile> {
    const { digest, digests, from, filename, key, validators } = arrival;
    const { directory } = this;
    const lease = await this.#use(digest);
    try {
      const stats = statOf(await stat(path, { bigint: true }));
      const kept: CacheRecord = { digest, digests, stat: stats, from, filename, added: new Date().toISOString() };
      await rename(path, directory.blob(digest));
      await syncDirectory(directory.blobs);
      await replaceFile(directory.record(digest), JSON.stringify(kept));
      for (const other of Object.values(digests))
        if (other !== digest) await replaceFile(directory.pointer(other), JSON.stringify({ digest }));
      await replaceFile(directory.pointer(key), JSON.stringify({ digest, validators }));
      return { ...held(directory.blob(digest), kept, lease), validators };
    } catch (thrown) {
      await lease[Symbol.asyncDispose]();
      throw sourceFailure(thrown, directory.root);
    }
  }

  /** Reads all of a blob. True: it is what its name says. */
  async isWhole(digest: Digest, signal: AbortSignal): Promise<boolean> {
    return (await this.#proven(digest, ["sha256"], signal)).sha256 === digest;
  }

  /** Removes a blob. */
  async drop(digest: Digest): Promise<void> {
    await rm(this.directory.record(digest), { force: true });
    await rm(this.directory.blob(digest), { force: true });
  }

  /** The files that say that a process works with this blob. */
  async usesOf(digest: Digest): Promise<readonly string[]> {
    const prefix = `${hexOf(digest)}.`;
    const names = await readdir(this.directory.uses);
    return names.filter((name) => name.startsWith(prefix)).map((name) => `${this.directory.uses}/${name}`);
  }

  async #hold(digest: Digest, signal: AbortSignal): Promise<CachedFile | undefined> {
    // First the marker, then the look: a collector looks for marks after it has moved a blob aside.
    const lease = await this.#use(digest);
    try {
      const kept = await this.#kept(digest, signal);
      if (kept === undefined) {
        await lease[Symbol.asyncDispose]();
        return undefined;
      }
      const now = new Date();
      await utimes(this.directory.record(digest), now, now);
      return held(this.directory.blob(digest), kept, lease);
    } catch (thrown) {
      await lease[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw sourceFailure(thrown, this.directory.root);
    }
  }

  async #use(digest: Digest): Promise<DirectoryLease> {
    try {
      return await createLease(this.directory.use(digest, randomUUID()), "use of a cached image");
    } catch (thrown) {
      throw sourceFailure(thrown, this.directory.root);
    }
  }

  async #kept(digest: Digest, signal: AbortSignal): Promise<CacheRecord | undefined> {
    const found = await this.#stat(digest);
    if (found === undefined) return undefined;
    const kept = await readJson(this.directory.record(digest), parseKept);
    if (kept !== undefined && kept.digest === digest && sameStat(kept.stat, found)) return kept;
    const names = Object.values(kept?.digests ?? {}).map(nameOf);
    const digests = await this.#proven(digest, ["sha256", ...names], signal);
    if (digests.sha256 !== digest) {
      await this.drop(digest);
      return undefined;
    }
    const renewed: CacheRecord = {
      digest,
      digests,
      stat: found,
      from: kept?.from ?? "unknown",
      filename: kept?.filename ?? "image",
      added: kept?.added ?? new Date().toISOString(),
    };
    await replaceFile(this.directory.record(digest), JSON.stringify(renewed));
    return renewed;
  }

  async #stat(digest: Digest): Promise<Stat | undefined> {
    try {
      const found = await stat(this.directory.blob(digest), { bigint: true });
      return found.isFile() ? statOf(found) : undefined;
    } catch {
      return undefined;
    }
  }

  async #proven(digest: Digest, names: readonly Algorithm[], signal: AbortSignal): Promise<Digests> {
    const file = await openRegular(this.directory.blob(digest));
    try {
      using hashing = new Hashers(names, { size: Number((await file.stat({ bigint: true })).size) });
      for await (const piece of readPieces(file, signal)) await hashing.update(piece);
      return digestsOf(await hashing.end());
    } finally {
      await file.close();
    }
  }
}

const held = (
  path: string,
  { digest, digests, filename, stat: { size } }: CacheRecord,
  lease: DirectoryLease,
): CachedFile => ({
  path,
  size,
  digest,
  digests,
  filename,
  [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose](),
});
