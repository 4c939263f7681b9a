import { randomUUID } from "node:crypto";
import { lstat, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Identity, identity, life, probe } from "images";
import { readPlain, whenMissing } from "./disk.ts";

/** How long a file of a process that cannot be seen from here stays: another host, another container, a former version. */
const FAR = 24 * 3600 * 1000;
const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
/** `TOKEN.owner`, `TOKEN.stale`, `TOKEN.UUID`; the first version had a pid for the token. Anything else is not of a store. */
const OURS = new RegExp(`^(${UUID}|[0-9]+)\\.(owner|stale|${UUID})$`);

/**
 * The temporary files of the processes that work in a store, perhaps on several hosts. Each names its files by a token of its own, and
 * says in `TOKEN.owner` which process that is.
 */
export class Working {
  readonly #directory: string;
  readonly #token = randomUUID();

  constructor(directory: string) {
    this.#directory = directory;
  }

  temporary(): string {
    return `${this.#directory}/${this.#token}.${randomUUID()}`;
  }

  /** From here on, and until `settle`, the indexes may not be what the records say; a run that dies in between leaves this behind. */
  async begin(): Promise<void> {
    const { host, pid, started } = identity();
    const owner = JSON.stringify({ host, pid, started });
    // A link is there whole or not at all: a run that is killed in here leaves no unreadable owner.
    await symlink(owner, this.#own("owner")).catch(() => writeFile(this.#own("owner"), owner, { flag: "wx" }));
    await writeFile(this.#own("stale"), "", { flag: "wx" });
  }

  /** Whether a run died before it had written the indexes, or before it had removed what it left. */
  async isStale(now: Date): Promise<boolean> {
    return (await this.#sorted(now)).dead.some((name) => name.endsWith(".stale") || name.endsWith(".owner"));
  }

  /** Whether another process may be in the middle of a change. */
  async hasOthers(now: Date): Promise<boolean> {
    return (await this.#sorted(now)).living.some((name) => name.endsWith(".stale"));
  }

  async settle(now: Date): Promise<void> {
    const { dead } = await this.#sorted(now);
    // The owner last: files without one are only told from those of other hosts by their age.
    const order = [
      ...dead.filter((name) => !name.endsWith(".owner")),
      ...dead.filter((name) => name.endsWith(".owner")),
    ];
    for (const name of order) await rm(join(this.#directory, name), { force: true });
    for (const kind of ["stale", "owner"] as const) await rm(this.#own(kind), { force: true });
  }

  #own(kind: "owner" | "stale"): string {
    return join(this.#directory, `${this.#token}.${kind}`);
  }

  /** The files of other processes: of those that are no more, and of those that may be at work. */
  async #sorted(now: Date): Promise<{ readonly dead: readonly string[]; readonly living: readonly string[] }> {
    const names = (await readdir(this.#directory).catch(() => [])).filter(
      (name) => OURS.test(name) && !name.startsWith(`${this.#token}.`),
    );
    const tokens = new Map<string, boolean | undefined>();
    for (const token of new Set(names.map(tokenOf))) tokens.set(token, await this.#isDead(token));
    const dead: string[] = [];
    const living: string[] = [];
    for (const name of names) {
      const isDead = tokens.get(tokenOf(name)) ?? (await this.#isOld(name, now));
      (isDead ? dead : living).push(name);
    }
    return { dead, living };
  }

  /** Undefined: that cannot be known from here. */
  async #isDead(token: string): Promise<boolean | undefined> {
    const path = join(this.#directory, `${token}.owner`);
    const text = await readlink(path).catch(() => readPlain(path).catch(() => undefined));
    const owner = text === undefined ? undefined : ownerOf(text);
    if (owner === undefined) return undefined;
    const lives = life(owner, identity(), probe);
    return lives === "elsewhere" ? undefined : lives === "dead";
  }

  async #isOld(name: string, now: Date): Promise<boolean> {
    const found = await lstat(join(this.#directory, name)).catch(whenMissing(undefined));
    return found !== undefined && now.getTime() - found.mtimeMs >= FAR;
  }
}

const tokenOf = (name: string): string => name.slice(0, name.indexOf("."));

function ownerOf(text: string): Identity | undefined {
  try {
    const { host, pid, started }: { host?: unknown; pid?: unknown; started?: unknown } = JSON.parse(text);
    if (typeof host !== "string" || !Number.isSafeInteger(pid)) return undefined;
    return { host, pid: Number(pid), ...(typeof started === "string" ? { started } : {}) };
  } catch {
    return undefined;
  }
}
