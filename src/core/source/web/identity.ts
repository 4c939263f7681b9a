import { createHash, createHmac, randomBytes } from "node:crypto";
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { homeOf } from "../../disk/account.ts";
import { canonical } from "../../model/value.ts";
import { identityOf, type UrlCredentials } from "./credentials.ts";
import { hidesValue } from "./where.ts";

type Environment = Readonly<Record<string, string | undefined>>;
const LENGTH = 32;

/**
 * What tells one request from another, without telling what is in it: a keyed hash of all that chooses the bytes. The key is of this
 * machine and user (`identity.key` in the directory of states), so that tokens cannot be tried against a stored identity, and an identity
 * that was made with another key is comparable with none of ours.
 */
export class RequestIdentifier {
  readonly #make: () => Buffer;
  #key: { readonly bytes: Buffer; readonly name: string } | undefined;

  /** `make` gives the key when the first request is identified: who identifies none leaves nothing on the disk. */
  constructor(make: () => Buffer) {
    this.#make = make;
  }

  /** The whole request: the URL with its query, and who asks. */
  request(url: string, access: UrlCredentials): string {
    return this.#of(canonical([bare(url), identityOf(access, url)]));
  }

  /** Of a URL whose shown form hides values that choose the bytes; undefined where the shown form says it all. */
  hidden(url: string): string | undefined {
    return hidesValue(url) ? this.#of(bare(url)) : undefined;
  }

  #of(text: string): string {
    this.#key ??= named(this.#make());
    return `${this.#key.name}:${createHmac("sha256", this.#key.bytes).update(text).digest("hex")}`;
  }
}

const named = (bytes: Buffer) => ({
  bytes,
  name: createHash("sha256").update("name").update(bytes).digest("hex").slice(0, 8),
});

/** Without user and password (they are in the access, or say who asks) and fragment, which is not sent. */
function bare(text: string): string {
  const url = new URL(text);
  url.username = "";
  url.password = "";
  url.hash = "";
  return url.href;
}

const known = new Map<string, RequestIdentifier>();

/** The identifier of this user; where no key can be kept, one that lasts as long as this process. */
export function identifierOf(env: Environment): RequestIdentifier {
  const home = env["XDG_STATE_HOME"] ?? join(homeOf(env), ".local", "state");
  const path = join(home, "images", "identity.key");
  const before = known.get(path);
  if (before !== undefined) return before;
  const made = new RequestIdentifier(() => keyAt(path));
  known.set(path, made);
  return made;
}

function keyAt(path: string): Buffer {
  try {
    return read(path) ?? written(path);
  } catch {
    return randomBytes(LENGTH);
  }
}

function read(path: string): Buffer | undefined {
  try {
    const key = readFileSync(path);
    return key.length === LENGTH ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Of several processes at once, all get the key of the first one. */
function written(path: string): Buffer {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${randomBytes(6).toString("hex")}`;
  const file = openSync(fresh, "wx", 0o600);
  try {
    writeSync(file, randomBytes(LENGTH));
    closeSync(file);
    if (read(path) === undefined) rmSync(path, { force: true });
    linkSync(fresh, path);
  } catch (thrown) {
    const other = read(path);
    if (other === undefined) throw thrown;
  } finally {
    rmSync(fresh, { force: true });
  }
  return read(path) ?? randomBytes(LENGTH);
}
