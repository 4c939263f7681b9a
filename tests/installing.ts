import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { binaryOf, TARGETS } from "../scripts/runtimes.ts";
import { TestDirectory } from "./harness.ts";

// install.sh on machines of every kind: what its tests share.

export const SCRIPT = resolve(import.meta.dir, "..", "install.sh");
/** Each a shell that people have as sh; macOS has bash in its POSIX mode. */
export const SHELLS: readonly (readonly string[])[] = [
  ["dash"],
  ["busybox", "sh"],
  ["bash", "--posix"],
  ["mksh"],
  ["yash", "--posix"],
  ["zsh", "--emulate", "sh"],
];
/** What the script calls besides what a shell has built in. */
const TOOLS =
  "uname id getconf ldd sysctl mktemp mkdir rm rmdir cp cat head tail mv chmod awk dirname grep tr gzip curl wget sha256sum printf echo [ test true sleep".split(
    " ",
  );
const FOUND = TOOLS.flatMap((tool): [string, string][] => {
  const path = Bun.which(tool);
  return path === null ? [] : [[tool, path]];
});

export const standIn = (version: string) =>
  `#!/bin/sh\n[ "$1" = completion ] && { echo "completes $2"; exit; }\necho "images ${version} (stand-in)"\n`;
export type Bytes = string | Uint8Array<ArrayBuffer>;
export const sumOf = (bytes: Bytes) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
export const packed = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(text));

/** A release whose binaries are small scripts that tell which one they are. */
export function releaseOf(version: string): Map<string, Bytes> {
  const files = new Map(
    TARGETS.map((one): [string, Bytes] => [`${binaryOf(one)}.gz`, packed(standIn(`${version} for ${one.name}`))]),
  );
  files.set("images.1.gz", packed(`.TH images 1 "" ${version}\n`));
  files.set("SHA256SUMS", [...files].map(([name, bytes]) => `${sumOf(bytes)}  ${name}\n`).join(""));
  return files;
}

/** Where the release of a test is served. */
export const served = { url: "" };

/** A machine as the script sees it: commands that say something else than those of this one. */
export interface Machine {
  readonly fake?: Readonly<Record<string, string>>;
  readonly without?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly script?: string;
}

const LINUX = { uname: 'case "$1" in -s) echo Linux;; -m) echo x86_64;; esac', getconf: "echo glibc 2.36" };

export class Host implements AsyncDisposable {
  readonly directory: TestDirectory;
  readonly #shell: readonly string[];

  private constructor(directory: TestDirectory, shell: readonly string[]) {
    this.directory = directory;
    this.#shell = shell;
  }

  static async make(shell: readonly string[]): Promise<Host> {
    const directory = await TestDirectory.make();
    for (const name of ["tools", "tmp", "home"]) await mkdir(directory.at(name));
    for (const [tool, path] of FOUND) symlinkSync(path, directory.at("tools", tool));
    return new Host(directory, shell);
  }

  get prefix(): string {
    return this.directory.at("prefix");
  }

  /** Starts the script; its PATH has the tools of this machine, some replaced, some left out. */
  async start(args: readonly string[], { fake = {}, without = [], env = {}, script = SCRIPT }: Machine = {}) {
    const commands = this.directory.at(`commands-${crypto.randomUUID()}`);
    mkdirSync(commands);
    for (const [name, body] of Object.entries({ ...LINUX, ...fake }))
      writeFileSync(join(commands, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    const tools = this.directory.at("tools");
    // A directory of links of its own, only where one of them is missing.
    if (without.length > 0)
      for (const name of readdirSync(tools))
        if (!without.includes(name) && !Object.hasOwn({ ...LINUX, ...fake }, name))
          symlinkSync(join(tools, name), join(commands, name));
    const [shell = "", ...more] = this.#shell;
    return Bun.spawn([Bun.which(shell) ?? shell, ...more, script, ...args], {
      env: {
        PATH: without.length > 0 ? commands : `${commands}:${tools}`,
        HOME: this.directory.at("home"),
        TMPDIR: this.directory.at("tmp"),
        ...env,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  }

  async run(args: readonly string[], machine?: Machine): Promise<{ code: number; said: string }> {
    const started = await this.start(args, machine);
    const [code, out, talk] = await Promise.all([started.exited, started.stdout.text(), started.stderr.text()]);
    return { code, said: out + talk };
  }

  async install(machine?: Machine, ...args: readonly string[]) {
    return await this.run(["--allow-http", "--from", served.url, "--prefix", this.prefix, ...args], machine);
  }

  /** What the installed program says; undefined where none is installed. */
  async installed(prefix = this.prefix, program = "images"): Promise<string | undefined> {
    return await readFile(join(prefix, "bin", program), "utf8").catch(() => undefined);
  }

  /** Everything that was left behind besides the program. */
  async litter(): Promise<readonly string[]> {
    const bin = await readdir(join(this.prefix, "bin")).catch((): string[] => []);
    return [...(await readdir(this.directory.at("tmp"))), ...bin.filter((name) => !/^images(?:\.exe)?$/.test(name))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}

/** A minisign key, and signatures by it of the two kinds that there are. */
export class Signer {
  readonly #id = crypto.getRandomValues(new Uint8Array(8));
  readonly #pair: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync("ed25519");

  get key(): string {
    const raw = this.#pair.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    return Buffer.concat([Buffer.from("Ed"), this.#id, raw]).toString("base64");
  }

  sign(text: string, kind: "ED" | "Ed" = "ED"): string {
    const signed = kind === "ED" ? createHash("blake2b512").update(text).digest() : Buffer.from(text);
    const signature = sign(null, signed, this.#pair.privateKey);
    const comment = "timestamp:0";
    const whole = sign(null, Buffer.concat([signature, Buffer.from(comment)]), this.#pair.privateKey);
    const line = Buffer.concat([Buffer.from(kind), this.#id, signature]).toString("base64");
    return `untrusted comment: x\n${line}\ntrusted comment: ${comment}\n${whole.toString("base64")}\n`;
  }
}
