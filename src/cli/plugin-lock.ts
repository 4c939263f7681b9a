import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import * as t from "typanion";
import { Failure } from "../core/failure.ts";
import type { PluginCode } from "../core/plugincode.ts";
import { rewrite } from "./rewrite.ts";

/** The sha256 of a plugin file; where it imports others, of each file by its path. */
type Pin = string | Readonly<Record<string, string>>;
/** The digest of each file of a plugin, by its path from images.lock. */
type Digests = Readonly<Record<string, string>>;

/** What `trust` did. */
interface Trusted {
  readonly name: string;
  /** Whether it was not pinned like this before. */
  readonly isNew: boolean;
  readonly what: string;
}

/** The last work on each lock file: plugins of one file are looked up side by side, and every one of them may be pinned. */
const working = new Map<string, Promise<unknown>>();

/** `images.lock` beside images.toml: every plugin file, and each file that it imports, as they were when somebody trusted them. */
export class PluginLock {
  readonly #path: string;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, "images.lock");
  }

  /**
   * Whether the code of a plugin is what is pinned. Code without a pin gets one where `onNew` is given, which is called with a line for the user.
   * @throws Failure plugin.changed, or plugin.untrusted when there is no pin
   */
  async check(code: PluginCode, onNew: ((text: string) => void) | undefined): Promise<void> {
    return await this.#alone(() => this.#check(code, onNew));
  }

  async #check(code: PluginCode, onNew: ((text: string) => void) | undefined): Promise<void> {
    const [pins, now] = [await this.#read(), this.#digests(code)];
    const name = this.#name(code.path);
    const pinned = pins[name];
    if (pinned === undefined && onNew === undefined) throw untrusted(name);
    if (pinned !== undefined) {
      const changes = differences(typeof pinned === "string" ? { [this.#real(code.entry)]: pinned } : pinned, now);
      if (changes.length > 0) throw changed(name, changes);
      return;
    }
    await this.#write({ ...pins, [name]: pinOf(now) });
    onNew?.(`pinned the plugin ${name} (${described(now)}) in images.lock; a plugin runs with your privileges`);
  }

  /** Pins code as it is now. */
  async trust(code: PluginCode): Promise<Trusted> {
    return await this.#alone(() => this.#trust(code));
  }

  async #trust(code: PluginCode): Promise<Trusted> {
    const [pins, now] = [await this.#read(), this.#digests(code)];
    const name = this.#name(code.path);
    const pin = pinOf(now);
    const isNew = JSON.stringify(pins[name]) !== JSON.stringify(pin);
    if (isNew) await this.#write({ ...pins, [name]: pin });
    return { name, isNew, what: described(now) };
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = (working.get(this.#path) ?? Promise.resolve()).then(work, work);
    working.set(this.#path, mine);
    return await mine;
  }

  #digests({ files }: PluginCode): Digests {
    return Object.fromEntries(
      [...files].map(([path, { digest }]): [string, string] => [this.#real(path), digest]).sort(byName),
    );
  }

  /** The name of a real path, from the real directory: both may be reached through a link. */
  #real(path: string): string {
    return nameFrom(realpathSync(this.#directory), path);
  }

  #name(path: string): string {
    return nameFrom(this.#directory, path);
  }

  async #read(): Promise<Readonly<Record<string, Pin>>> {
    const text = await readFile(this.#path, "utf8").catch((thrown: unknown) => {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return "{}";
      throw new Failure("plugin.lock", `${this.#path} cannot be read`, { cause: thrown });
    });
    const parsed: unknown = parse(text);
    const shape = t.isPartial({ plugins: t.isRecord(t.isOneOf([t.isString(), t.isRecord(t.isString())])) });
    if (shape(parsed)) return parsed.plugins;
    if (text === "{}") return {};
    throw new Failure("plugin.lock", `${this.#path} is not a lock file`, {
      hint: "restore it from version control, or delete it and trust the plugins again",
    });
  }

  async #write(plugins: Readonly<Record<string, Pin>>): Promise<void> {
    const sorted = Object.fromEntries(Object.entries(plugins).sort(byName));
    await rewrite(this.#path, `${JSON.stringify({ plugins: sorted }, undefined, 2)}\n`);
  }
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** From the directory of images.lock, so that a pin holds in every checkout. */
function nameFrom(directory: string, path: string): string {
  const name = relative(directory, path).split(sep).join("/");
  return name.startsWith("..") ? name : `./${name}`;
}

function pinOf(digests: Digests): Pin {
  const all = Object.values(digests);
  return all.length === 1 ? (all[0] ?? "") : digests;
}

function described(digests: Digests): string {
  const [first = "", ...more] = Object.values(digests);
  return more.length === 0 ? `${first.slice(0, 19)}…` : `${more.length + 1} files, including imports`;
}

function differences(pinned: Digests, now: Digests): readonly string[] {
  const names = [...new Set([...Object.keys(pinned), ...Object.keys(now)])].sort();
  return names.flatMap((name) => {
    const [before, after] = [pinned[name], now[name]];
    if (before === after) return [];
    if (before === undefined) return [`imports ${name}, which is not pinned`];
    if (after === undefined) return [`no longer imports ${name}`];
    return [`${name} is ${after.slice(0, 19)}…, pinned is ${before.slice(0, 19)}…`];
  });
}

const changed = (name: string, changes: readonly string[]): Failure =>
  new Failure("plugin.changed", `the plugin ${name} differs from images.lock: ${changes.join("; ")}`, {
    hint: `review the change; then: images plugins trust ${name}`,
  });

const untrusted = (name: string): Failure =>
  new Failure("plugin.untrusted", `the plugin ${name} is not trusted; its code was not run`, {
    hint: `review it; then: images plugins trust ${name}`,
  });

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
