import { link, lstat, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errno } from "images";
import { readPlain, whenMissing } from "./disk.ts";

/** What a store has for people and their readers, and how each kind of file has a comment. */
const COMMENTS = { "index.html": ["<!-- ", " -->"], "feed.xml": ["<!-- ", " -->"], "robots.txt": ["# ", ""] } as const;
type PageName = keyof typeof COMMENTS;
const NAMES = ["index.html", "feed.xml", "robots.txt"] as const;

/** Directories whose listing would show what is inside the store: an empty page is in its place. */
const GUARDED = ["blobs", "images", "tmp", "wrote", "wrote/blobs", "wrote/files", "wrote/indexes"] as const;
export const GUARD = "index.html";

export const ROBOTS = `User-agent: *\n${["blobs", "files", "images", "tmp", "wrote"].map((name) => `Disallow: /${name}/\n`).join("")}`;

/**
 * The pages at the top of a store. Each ends with a comment that has the digest of all before it: a page that does not is somebody's own,
 * or was edited, and is neither overwritten nor deleted.
 */
export class Pages {
  readonly #root: string;
  readonly #temporary: () => string;

  constructor(root: string, temporary: () => string) {
    this.#root = root;
    this.#temporary = temporary;
  }

  /** Empty pages where there are none yet. */
  async guard(): Promise<void> {
    for (const directory of GUARDED) {
      await writeFile(join(this.#root, directory, GUARD), "", { flag: "wx" }).catch((thrown: unknown) => {
        if (errno(thrown) !== "EEXIST") throw thrown;
      });
    }
  }

  /** Pages that are somebody's own. */
  async foreign(): Promise<readonly PageName[]> {
    const all = await Promise.all(NAMES.map(async (name) => ((await this.#found(name)) === "foreign" ? [name] : [])));
    return all.flat();
  }

  /** Replaces the page whole, unless it is somebody's own. */
  async put(name: PageName, text: string): Promise<void> {
    const path = join(this.#root, name);
    const whole = sealed(name, text);
    const before = await this.#found(name);
    if (before === "foreign" || before === whole) return;
    const temporary = this.#temporary();
    await writeFile(temporary, whole, { flag: "wx" });
    if (before !== undefined) return await rename(temporary, path);
    // Where nothing was, nothing is overwritten: somebody may have put a file there since.
    await link(temporary, path).catch((thrown: unknown) => {
      if (errno(thrown) !== "EEXIST") throw thrown;
    });
    await rm(temporary, { force: true });
  }

  async #found(name: PageName): Promise<string | undefined> {
    const path = join(this.#root, name);
    const found = await lstat(path).catch(whenMissing(undefined));
    if (found === undefined) return undefined;
    const text = found.isFile() ? await readPlain(path).catch(() => undefined) : undefined;
    return text !== undefined && isSealed(name, text) ? text : "foreign";
  }
}

function sealed(name: PageName, text: string): string {
  const [before, after] = COMMENTS[name];
  return `${text}${before}images-store sha256:${sha256(text)}${after}\n`;
}

function isSealed(name: PageName, whole: string): boolean {
  const at = whole.lastIndexOf(COMMENTS[name][0]);
  return at !== -1 && sealed(name, whole.slice(0, at)) === whole;
}

const sha256 = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
