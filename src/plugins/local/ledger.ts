import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errno, Failure } from "images";
import { type Disk, readPlain, sha256OfPlain, whenMissing } from "./disk.ts";
import { GUARD } from "./pages.ts";

/** Files of the indexes, and the names under which the ledger has them. */
export const INDEXES = {
  SHA256SUMS: ["SHA256SUMS"],
  "images.json": ["streams", "v1", "images.json"],
  "index.json": ["streams", "v1", "index.json"],
} as const;
export type Index = keyof typeof INDEXES;

/**
 * What the store wrote: an entry under `wrote/` for each blob, named file and index, made before the file is. What has none is
 * another user's, and is neither overwritten nor deleted.
 */
export class Ledger {
  readonly #root: string;
  readonly #temporary: () => string;
  readonly #disk: Disk;

  constructor(root: string, temporary: () => string, disk: Disk) {
    this.#root = root;
    this.#disk = disk;
    this.#temporary = temporary;
  }

  async names(kind: "blobs" | "files"): Promise<readonly string[]> {
    const names = await readdir(join(this.#root, "wrote", kind)).catch(whenMissing<string[]>([]));
    return names.filter((name) => name !== GUARD);
  }

  async has(kind: "blobs" | "indexes", name: string): Promise<boolean> {
    return (await this.#state(`wrote/${kind}/${name}`)) !== undefined;
  }

  /** Of a blob or an index. */
  async add(kind: "blobs" | "indexes", name: string): Promise<void> {
    if (!(await this.has(kind, name))) await this.enter(kind, name);
  }

  /** Whether it was there before. */
  async enter(kind: "blobs" | "indexes", name: string): Promise<boolean> {
    const entry = `${this.#root}/wrote/${kind}/${name}`;
    // Only its name counts: a second one of the empty page that is there costs no inode. Where it cannot have one more, a file of its own.
    try {
      await this.#disk.link(`${this.#root}/wrote/${kind}/${GUARD}`, entry);
      return false;
    } catch (thrown) {
      if (errno(thrown) === "EEXIST") return true;
      await writeFile(entry, "");
      return false;
    }
  }

  async drop(kind: "blobs" | "files", name: string): Promise<void> {
    await this.#disk.remove(join(this.#root, "wrote", kind, name));
  }

  /** Of a named file: what it will be, beside what it is, so that a run that dies in between leaves one of the two. */
  async addFile(name: string, versions: readonly string[]): Promise<void> {
    const temporary = this.#temporary();
    await this.#disk.create(temporary, textOf(versions));
    await this.#disk.rename(temporary, `${this.#root}/wrote/files/${name}`);
  }

  /** The same of a file that is not there. An entry that a run which dies in here leaves empty says no more than none does. */
  async addNewFile(name: string, version: string): Promise<void> {
    try {
      await this.#disk.create(`${this.#root}/wrote/files/${name}`, textOf([version]));
    } catch (thrown) {
      if (errno(thrown) !== "EEXIST") throw thrown;
      await this.addFile(name, [version]);
    }
  }

  /** The version of a named file: the digest and the inode that it has as a link of its blob. */
  async version(sha256: string): Promise<string> {
    const path = `${this.#root}/blobs/${sha256}`;
    const found = await this.#disk.look(path);
    if (found === undefined) throw new Failure("backend.missing", `${path} is gone`, { hint: "apply again" });
    return `${sha256} ${found.ino}`;
  }

  /** The version that the file has, where the store wrote it. Undefined: it is another user's. `absent`: there is no such file. */
  async ownFile(name: string): Promise<string | undefined> {
    const found = await this.#state(`files/${name}`);
    if (found === undefined) return "absent";
    if (!found.isFile()) return undefined;
    const text = await this.#disk.text(join(this.#root, "wrote", "files", name)).catch(whenMissing(""));
    const versions = text.split("\n").filter((line) => line !== "");
    const linked = versions.find((version) => version.endsWith(` ${found.ino}`));
    if (linked !== undefined || versions.length === 0) return linked;
    // A store that was copied has other inodes.
    const sha256 = await sha256OfPlain(join(this.#root, "files", name));
    return versions.find((version) => version.startsWith(`${sha256} `));
  }

  /** @throws Failure backend.conflict: an index would overwrite a file of another user's */
  async checkIndexes(): Promise<void> {
    for (const [name, path] of Object.entries(INDEXES)) {
      const found = await this.#state(join(...path));
      if (found === undefined || (found.isFile() && (await this.has("indexes", name)))) continue;
      throw new Failure("backend.conflict", `${join(this.#root, ...path)} was not written by this store`, {
        hint: "move the file away, then apply again",
      });
    }
  }

  /** Takes over what a store of the first version wrote: what its records name, and indexes that read as its own. */
  async upgrade(images: Iterable<{ readonly blobs: readonly string[]; readonly file: string }>): Promise<void> {
    for (const { blobs, file } of images) {
      for (const sha256 of blobs)
        if ((await this.#state(join("blobs", sha256)))?.isFile()) await this.add("blobs", sha256);
      const [disk] = blobs;
      const [named, blob] = [await this.#state(join("files", file)), await this.#state(join("blobs", disk ?? ""))];
      if (disk === undefined || !named?.isFile() || !blob?.isFile()) continue;
      const isSame = named.ino === blob.ino || (await sha256OfPlain(join(this.#root, "files", file))) === disk;
      if (isSame) await this.addFile(file, [`${disk} ${named.ino}`]);
    }
    for (const [name, path] of Object.entries(INDEXES)) {
      const text = await readPlain(join(this.#root, ...path)).catch(() => undefined);
      if (text !== undefined && isIndex(name, text)) await this.add("indexes", name);
    }
  }

  #state(path: string) {
    return this.#disk.look(`${this.#root}/${path}`);
  }
}

const textOf = (versions: readonly string[]): string => `${versions.join("\n")}\n`;

function isIndex(name: string, text: string): boolean {
  if (name === "SHA256SUMS") return /^(?:[0-9a-f]{64} {2}files\/[^/\n]+\n)*$/.test(text);
  return text.startsWith(name === "index.json" ? '{\n "format": "index:1.0"' : '{\n "content_id": "images"');
}
