import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import * as t from "typanion";
import { Failure } from "../core/failure.ts";
import { rewrite } from "./rewrite.ts";

/** `images.lock` beside images.toml: the sha256 of every plugin file, as it was when somebody trusted it. */
export class Pins {
  readonly #path: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, "images.lock");
  }

  /**
   * Whether a plugin file is the one that is pinned. One that has no pin yet gets it, and `onNew` says so.
   * @throws Failure plugin.changed
   */
  async check(path: string, onNew: (text: string) => void): Promise<void> {
    const [pins, digest] = [await this.#read(), await sha256(path)];
    const name = this.#name(path);
    const pinned = pins[name];
    if (pinned === digest) return;
    if (pinned !== undefined) {
      throw new Failure(
        "plugin.changed",
        `the plugin ${name} is not the file that images.lock knows (${pinned.slice(0, 19)}…, now ${digest.slice(0, 19)}…)`,
        {
          hint: `read what changed in it; then: images plugins trust ${name}`,
        },
      );
    }
    await this.#write({ ...pins, [name]: digest });
    onNew(
      `pinned the plugin ${name} (${digest.slice(0, 19)}…) in images.lock; a plugin is code that runs with your rights`,
    );
  }

  /** Pins a file as it is now. Answers what was pinned before. */
  async trust(
    path: string,
  ): Promise<{ readonly name: string; readonly before: string | undefined; readonly digest: string }> {
    const [pins, digest] = [await this.#read(), await sha256(path)];
    const name = this.#name(path);
    await this.#write({ ...pins, [name]: digest });
    return { name, before: pins[name], digest };
  }

  #name(path: string): string {
    const name = relative(this.#folder, path);
    return name.startsWith("..") ? path : `./${name}`;
  }

  async #read(): Promise<Readonly<Record<string, string>>> {
    const text = await readFile(this.#path, "utf8").catch(() => "{}");
    const parsed: unknown = parse(text);
    const shape = t.isPartial({ plugins: t.isRecord(t.isString()) });
    if (shape(parsed)) return parsed.plugins;
    if (text === "{}") return {};
    throw new Failure("plugin.lock", `${this.#path} is not a lock file`, {
      hint: "restore it from version control, or delete it and trust the plugins anew",
    });
  }

  async #write(plugins: Readonly<Record<string, string>>): Promise<void> {
    const sorted = Object.fromEntries(Object.entries(plugins).sort(([a], [b]) => (a < b ? -1 : 1)));
    await rewrite(this.#path, `${JSON.stringify({ plugins: sorted }, undefined, 2)}\n`);
  }
}

async function sha256(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new Failure("plugin.load", `the plugin ${path} cannot be read`, {
      cause,
      hint: "the path starts from images.toml",
    });
  });
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
