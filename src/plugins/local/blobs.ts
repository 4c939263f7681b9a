import { lstatSync } from "node:fs";
import { lutimes, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errno, Failure, hexOf, passThrough, type Source } from "images";
import { type Disk, isFull, openPlain, sha256OfPlain, whenMissing } from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import { NewFile } from "./new-file.ts";
import type { StoreBlob } from "./record.ts";

/** The bytes of a store: each content is kept once, in a file that is named by its sha256. */
export class Blobs {
  readonly #directory: string;
  readonly #ledger: Ledger;
  readonly #temporary: () => string;
  readonly #disk: Disk;

  constructor(root: string, ledger: Ledger, temporary: () => string, disk: Disk) {
    this.#disk = disk;
    this.#directory = join(root, "blobs");
    this.#ledger = ledger;
    this.#temporary = temporary;
  }

  /** Whether all files of bytes are there, with these sizes. */
  async areWhole(all: readonly StoreBlob[]): Promise<boolean> {
    for (const { sha256, size } of all) {
      const found = await this.#disk.look(`${this.#directory}/${sha256}`);
      if (!found?.isFile() || Number(found.size) !== size) return false;
    }
    return true;
  }

  /** The same, without a thread. `sizes`: what was found of blobs before; one that many images have is looked at once. */
  areWholeNow(all: readonly StoreBlob[], sizes: Map<string, number | undefined>): boolean {
    return all.every(({ sha256, size }) => {
      if (!sizes.has(sha256)) sizes.set(sha256, this.#sizeNow(sha256));
      return sizes.get(sha256) === size;
    });
  }

  #sizeNow(sha256: string): number | undefined {
    const found = lstatSync(`${this.#directory}/${sha256}`, { throwIfNoEntry: false });
    return found?.isFile() === true ? found.size : undefined;
  }

  /** Streams bytes into the store; the same bytes are kept once. `combined` is the sha256 of `before` followed by them. */
  async put(
    source: Pick<Source, "open" | "lend"> & Partial<Pick<Source, "digests">>,
    signal: AbortSignal,
    { before, progress }: { readonly before?: Uint8Array; readonly progress?: (done: number) => void } = {},
  ): Promise<StoreBlob & { readonly combined: string }> {
    const file = new NewFile(this.#temporary(), this.#disk);
    try {
      // The digest of a source is made on its way to us.
      const hash = source.digests === undefined ? new Bun.CryptoHasher("sha256") : undefined;
      const both = before === undefined ? undefined : new Bun.CryptoHasher("sha256").update(before);
      for await (const piece of passThrough(source, signal)) {
        signal.throwIfAborted();
        const written = file.write(piece);
        // The disk works while the digest is made.
        for (const hasher of [hash, both]) hasher?.update(piece);
        await written;
        progress?.(file.size);
      }
      await file.sync();
      const sha256 = hash?.digest("hex") ?? (await sha256Of(source));
      await this.#settle(file.path, sha256, file.size);
      return { sha256, size: file.size, combined: both?.digest("hex") ?? sha256 };
    } catch (thrown) {
      await rm(file.path, { force: true });
      if (isFull(thrown))
        throw new Failure("backend.limits", `no space left in ${dirname(this.#directory)}`, {
          cause: thrown,
          hint: "free space, then apply again",
        });
      throw thrown;
    } finally {
      await file.close();
    }
  }

  /**
   * Gives bytes the name of their digest. What has that name already stays the file that other names are links to, and its grace
   * period starts again; only a file of other bytes is replaced, if the store wrote it. A link and no rename: that of another writer,
   * under way, would remove a blob that is about to be linked.
   */
  async #settle(temporary: string, sha256: string, size: number): Promise<void> {
    const blob = `${this.#directory}/${sha256}`;
    const found = await this.#disk.look(blob);
    // Where nothing is, the ledger is not read: what is put there is entered before it is there.
    const isOurs =
      found === undefined ? await this.#ledger.enter("blobs", sha256) : await this.#ledger.has("blobs", sha256);
    try {
      await this.#disk.link(temporary, blob);
      await this.#disk.remove(temporary);
    } catch (thrown) {
      if (errno(thrown) !== "EEXIST") throw thrown;
      const now = new Date();
      const isSame = found?.isFile() !== false && (await this.#holds(blob, sha256, size));
      if (!isSame && !isOurs && found !== undefined)
        throw new Failure("backend.conflict", `${blob} was not written by this store, and has other bytes`, {
          hint: "move the file away, then apply again",
        });
      const isKept = isSame && (await lutimes(blob, now, now).then(() => true, whenMissing(false)));
      await (isKept ? this.#disk.remove(temporary) : this.#disk.rename(temporary, blob));
    }
  }

  async #holds(blob: string, sha256: string, size: number): Promise<boolean> {
    const found = await this.#disk.look(blob);
    if (!found?.isFile() || Number(found.size) !== size) return false;
    return (await sha256OfPlain(blob).catch(whenMissing(undefined))) === sha256;
  }

  async read({ sha256 }: StoreBlob): Promise<Uint8Array> {
    const file = await openPlain(join(this.#directory, sha256));
    try {
      return await file.readFile();
    } finally {
      await file.close();
    }
  }
}

async function sha256Of(source: Partial<Pick<Source, "digests">>): Promise<string> {
  const made = (await source.digests?.())?.sha256;
  if (made === undefined) throw new Error("a source does not say what its bytes hash to");
  return hexOf(made);
}
