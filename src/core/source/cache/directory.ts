import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { homeOf } from "../../disk/account.ts";
import { Failure } from "../../failure.ts";
import { type Digest, hexOf } from "../../model/digest.ts";
import { sourceFailure } from "../failure.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The directory of the cache: IMAGES_CACHE, else `images` in the user's directory of caches. */
export function cacheRoot(env: Environment): string {
  const own = env["IMAGES_CACHE"];
  if (own !== undefined && own !== "") {
    if (isAbsolute(own)) return own;
    throw new Failure("config.value", `invalid IMAGES_CACHE: expected an absolute path, got ${own}`, {
      hint: "use an absolute path",
    });
  }
  const home = homeOf(env);
  const caches = env["XDG_CACHE_HOME"];
  return join(caches !== undefined && isAbsolute(caches) ? caches : join(home, ".cache"), "images");
}

const DEFAULT_CACHE_MAX = 20 * 2 ** 30;
const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes that the cache may hold: IMAGES_CACHE_MAX (`20GiB`, `500M`, `0`), else 20 GiB. */
export function cacheMax(env: Environment): number {
  const written = env["IMAGES_CACHE_MAX"];
  if (written === undefined || written === "") return DEFAULT_CACHE_MAX;
  const [, digits, letter] = /^(\d+(?:\.\d+)?) *([kmgt]?)(?:i?b)?$/i.exec(written.trim()) ?? [];
  const unit = UNITS[letter?.toLowerCase() ?? ""];
  if (digits === undefined || unit === undefined)
    throw new Failure("config.value", `invalid IMAGES_CACHE_MAX: expected a size, got ${written}`, {
      hint: "for example 20GiB",
    });
  return Math.round(Number(digits) * unit);
}

/** Where what is in a cache. Names of blobs are their sha256, all others are digests of what they mean. */
export class CacheDirectory {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get blobs(): string {
    return join(this.root, "blobs");
  }
  get partials(): string {
    return join(this.root, "partial");
  }
  get uses(): string {
    return join(this.root, "uses");
  }
  get pointers(): string {
    return join(this.root, "index");
  }
  get locks(): string {
    return join(this.root, "locks");
  }
  get scratch(): string {
    return join(this.root, "scratch");
  }

  blob(sha256: Digest): string {
    return join(this.blobs, hexOf(sha256));
  }
  record(sha256: Digest): string {
    return `${this.blob(sha256)}.json`;
  }
  pointer(key: string): string {
    return join(this.pointers, `${named(key)}.json`);
  }
  partial(key: string): string {
    return join(this.partials, named(key));
  }
  sidecar(key: string): string {
    return `${this.partial(key)}.json`;
  }
  lock(key: string): string {
    return join(this.locks, named(key));
  }
  /** Told by no process but the one that has this id. */
  use(sha256: Digest, id: string): string {
    return join(this.uses, `${hexOf(sha256)}.${id}`);
  }

  /** @throws Failure source.denied, source.space, source.io */
  async make(): Promise<void> {
    try {
      for (const directory of [this.blobs, this.partials, this.uses, this.pointers, this.locks, this.scratch])
        await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(join(this.root, "CACHEDIR.TAG"), TAG, { flag: "wx" });
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST") return;
      throw sourceFailure(thrown, this.root);
    }
  }
}

/** Tells backups to leave this directory out: bford.info/cachedir. */
const TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of images. All of it can be fetched again.\n";

const named = (key: string): string => createHash("sha256").update(key).digest("hex");
