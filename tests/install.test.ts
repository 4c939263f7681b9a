import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { binaryOf, TARGETS } from "../scripts/runtimes.ts";
import { TestDirectory } from "./harness.ts";

const SCRIPT = resolve(import.meta.dir, "..", "install.sh");
const SHELLS: readonly (readonly string[])[] = [["dash"], ["busybox", "sh"], ["bash", "--posix"]];
/** What the script calls besides what a shell has built in. */
const TOOLS =
  "uname id getconf ldd sysctl mktemp mkdir rm rmdir cp cat head mv chmod awk dirname gzip curl wget sha256sum".split(
    " ",
  );

const standIn = (version: string) =>
  `#!/bin/sh\n[ "$1" = completion ] && { echo "completes $2"; exit; }\necho "images ${version} (stand-in)"\n`;
type Bytes = string | Uint8Array<ArrayBuffer>;
const sumOf = (bytes: Bytes) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const packed = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(text));

/** A release whose binaries are small scripts that tell which one they are. */
function releaseOf(version: string): Map<string, Bytes> {
  const files = new Map(
    TARGETS.map((one): [string, Bytes] => [`${binaryOf(one)}.gz`, packed(standIn(`${version} for ${one.name}`))]),
  );
  files.set("images.1.gz", packed(`.TH images 1 "" ${version}\n`));
  files.set("SHA256SUMS", [...files].map(([name, bytes]) => `${sumOf(bytes)}  ${name}\n`).join(""));
  return files;
}

let release = releaseOf("1.0.0");
/** Called when a path below /slow/ is asked for, which is never answered. */
let asked: () => void = () => {};
let server: Bun.Server<undefined>;
let url = "";
beforeAll(() => {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const [, folder = "", name = ""] = new URL(request.url).pathname.split("/");
      if (folder === "slow" && name !== "SHA256SUMS") {
        asked();
        await new Promise(() => {});
      }
      const text = release.get(name);
      return text === undefined ? new Response("not here", { status: 404 }) : new Response(text);
    },
  });
  url = `http://127.0.0.1:${server.port}/release`;
});
afterAll(() => server.stop(true));

/** A machine as the script sees it: commands that say something else than those of this one. */
interface Machine {
  readonly fake?: Readonly<Record<string, string>>;
  readonly without?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly script?: string;
}

const LINUX = { uname: 'case "$1" in -s) echo Linux;; -m) echo x86_64;; esac', getconf: "echo glibc 2.36" };

class Host implements AsyncDisposable {
  readonly folder: TestDirectory;
  readonly #shell: readonly string[];

  private constructor(folder: TestDirectory, shell: readonly string[]) {
    this.folder = folder;
    this.#shell = shell;
  }

  static async make(shell: readonly string[]): Promise<Host> {
    const folder = await TestDirectory.make();
    for (const name of ["tools", "tmp", "home"]) await mkdir(folder.at(name));
    for (const tool of TOOLS) {
      const path = Bun.which(tool);
      if (path !== null) await symlink(path, folder.at("tools", tool));
    }
    return new Host(folder, shell);
  }

  get prefix(): string {
    return this.folder.at("prefix");
  }

  /** Starts the script; its PATH has the tools of this machine, some replaced, some left out. */
  async start(args: readonly string[], { fake = {}, without = [], env = {}, script = SCRIPT }: Machine = {}) {
    const commands = this.folder.at(`commands-${crypto.randomUUID()}`);
    await mkdir(commands);
    for (const [name, body] of Object.entries({ ...LINUX, ...fake })) {
      await writeFile(join(commands, name), `#!/bin/sh\n${body}\n`);
      await chmod(join(commands, name), 0o755);
    }
    for (const name of await readdir(this.folder.at("tools")))
      if (!without.includes(name) && !Object.hasOwn({ ...LINUX, ...fake }, name))
        await symlink(this.folder.at("tools", name), join(commands, name));
    const [shell = "", ...more] = this.#shell;
    return Bun.spawn([Bun.which(shell) ?? shell, ...more, script, ...args], {
      env: { PATH: commands, HOME: this.folder.at("home"), TMPDIR: this.folder.at("tmp"), ...env },
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
    return await this.run(["--allow-http", "--from", url, "--prefix", this.prefix, ...args], machine);
  }

  /** What the installed program says; undefined where none is installed. */
  async installed(prefix = this.prefix): Promise<string | undefined> {
    return await readFile(join(prefix, "bin", "images"), "utf8").catch(() => undefined);
  }

  /** Everything that was left behind besides the program. */
  async litter(): Promise<readonly string[]> {
    const bin = await readdir(join(this.prefix, "bin")).catch((): string[] => []);
    return [...(await readdir(this.folder.at("tmp"))), ...bin.filter((name) => name !== "images")];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

/** A release with something wrong, for the time of a test. */
async function wrong(change: (files: Map<string, Bytes>) => void, then: () => Promise<void>): Promise<void> {
  change(release);
  try {
    await then();
  } finally {
    release = releaseOf("1.0.0");
  }
}
const sums = (files: Map<string, Bytes>, change: (text: string) => string) =>
  files.set("SHA256SUMS", change(String(files.get("SHA256SUMS") ?? "")));

for (const shell of SHELLS) {
  const [program = ""] = shell;
  describe.skipIf(Bun.which(program) === null)(
    `in ${shell.join(" ")} (skipped where ${program} is not installed)`,
    () => {
      test("installs what it has verified, and says so", async () => {
        await using host = await Host.make(shell);
        const { code, said } = await host.install();
        expect([code, said]).toEqual([0, said]);
        expect(await host.installed()).toBe(standIn("1.0.0 for linux-x64"));
        expect((await stat(join(host.prefix, "bin", "images"))).mode & 0o777).toBe(0o755);
        expect(said).toContain(`getting images-linux-x64.gz from ${url}`);
        expect(said).toContain(`verified sha256 ${sumOf(packed(standIn("1.0.0 for linux-x64")))}`);
        expect(said).toContain(`installed ${host.prefix}/bin/images: images 1.0.0 for linux-x64 (stand-in)`);
        expect(said).toContain(`note: ${host.prefix}/bin is not in PATH`);
        expect(await host.litter()).toEqual([]);
      });

      test("refuses a wrong checksum, and leaves what was there", async () => {
        await using host = await Host.make(shell);
        await host.install();
        await wrong(
          (files) => files.set("images-linux-x64.gz", packed(standIn("evil"))),
          async () => {
            const { code, said } = await host.install();
            expect(code).toBe(1);
            expect(said).toContain("images-linux-x64.gz has the wrong checksum: nothing was installed");
            expect(said).toContain(`got      ${sumOf(packed(standIn("evil")))}`);
          },
        );
        expect(await host.installed()).toBe(standIn("1.0.0 for linux-x64"));
        expect(await host.litter()).toEqual([]);
      });

      test("refuses a missing line, two lines that differ, files that are not there", async () => {
        await using host = await Host.make(shell);
        const other = `${"0".repeat(64)} *images-linux-x64.gz\n`;
        const cases: readonly (readonly [(files: Map<string, Bytes>) => void, string])[] = [
          [
            (files) => sums(files, (text) => text.replace(/^.*images-linux-x64.gz\n/m, "")),
            "SHA256SUMS has no line for images-linux-x64.gz",
          ],
          [(files) => sums(files, (text) => text + other), "or several that differ"],
          [(files) => files.delete("SHA256SUMS"), `cannot get ${url}/SHA256SUMS`],
          [(files) => files.delete("images-linux-x64.gz"), `cannot get ${url}/images-linux-x64.gz`],
        ];
        for (const [change, words] of cases)
          await wrong(change, async () => {
            const { code, said } = await host.install();
            expect([code, said]).toEqual([1, expect.stringContaining(words)]);
          });
        expect(await host.installed()).toBeUndefined();
        expect(await host.litter()).toEqual([]);
      });

      test("refuses a machine that there is no binary for", async () => {
        await using host = await Host.make(shell);
        const refused = async (uname: string, words: string) => {
          const { code, said } = await host.install({ fake: { uname } });
          expect([code, said]).toEqual([1, expect.stringContaining(words)]);
        };
        await refused('case "$1" in -s) echo Linux;; -m) echo riscv64;; esac', "no binary for the processor riscv64");
        await refused('case "$1" in -s) echo FreeBSD;; -m) echo amd64;; esac', "no binary for FreeBSD");
        await refused('case "$1" in -s) echo MINGW64_NT;; -m) echo x86_64;; esac', "images-windows-x64.exe");
        expect(await host.litter()).toEqual([]);
      });

      test("a binary that does not run is not installed", async () => {
        await using host = await Host.make(shell);
        const broken = packed("#!/bin/sh\necho 'no libstdc++.so.6' >&2\nexit 127\n");
        const broke = (files: Map<string, Bytes>) => {
          files.set("images-linux-x64.gz", broken);
          sums(files, (text) => text.replace(/^.*images-linux-x64.gz$/m, `${sumOf(broken)}  images-linux-x64.gz`));
        };
        await wrong(broke, async () => {
          const { code, said } = await host.install();
          expect([code, said]).toEqual([1, expect.stringContaining("does not run on this machine (linux-x64)")]);
        });
        expect(await host.litter()).toEqual([]);
        expect(await readdir(host.prefix)).toEqual([]);
      });
    },
  );
}

describe("the machine is found out", () => {
  const says = (system: string, cpu: string) => `case "$1" in -s) echo ${system};; -m) echo ${cpu};; esac`;
  const musl = { getconf: "exit 1", ldd: "echo 'musl libc (x86_64)' >&2; exit 1" };
  const cases: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["linux-x64", { uname: says("Linux", "x86_64") }],
    ["linux-arm64", { uname: says("Linux", "aarch64") }],
    ["linux-x64-musl", { uname: says("Linux", "x86_64"), ...musl }],
    ["linux-arm64-musl", { uname: says("Linux", "aarch64"), ...musl }],
    ["darwin-x64", { uname: says("Darwin", "x86_64"), sysctl: "exit 1" }],
    ["darwin-arm64", { uname: says("Darwin", "arm64"), sysctl: "echo 0" }],
    ["darwin-arm64", { uname: says("Darwin", "x86_64"), sysctl: "echo 1" }],
  ];
  for (const [name, fake] of cases)
    test(`${name}, of ${JSON.stringify(fake["uname"])}`, async () => {
      await using host = await Host.make(["dash"]);
      const { said } = await host.install({ fake });
      expect(await host.installed(), said).toBe(standIn(`1.0.0 for ${name}`));
    });

  test("the names are those of a release", async () => {
    const text = await readFile(SCRIPT, "utf8");
    const listed = /--target {6}for another machine than this one: (.*)/.exec(text)?.[1]?.split(", ");
    expect(listed).toEqual(TARGETS.map(({ name }) => name).filter((name) => !name.startsWith("windows")));
  });
});

describe("it makes do", () => {
  test("with wget, where there is no curl", async () => {
    await using host = await Host.make(["dash"]);
    const { code, said } = await host.install({ without: ["curl"] });
    expect([code, said]).toEqual([0, said]);
    expect((await host.install({ without: ["curl", "wget"] })).said).toContain("neither curl nor wget is here");
  });

  test("with shasum or openssl, and not without any", async () => {
    await using host = await Host.make(["dash"]);
    const shasum = { shasum: `[ "$*" = "-a 256" ] && exec ${Bun.which("sha256sum")}` };
    const openssl = { openssl: `[ "$*" = "dgst -sha256 -r" ] && ${Bun.which("sha256sum")} | sed 's/-$/*stdin/'` };
    for (const fake of [shasum, { ...openssl, sed: `exec ${Bun.which("sed")} "$@"` }]) {
      const { code, said } = await host.install({ without: ["sha256sum"], fake });
      expect([code, said]).toEqual([0, said]);
    }
    const { code, said } = await host.install({ without: ["sha256sum"] });
    expect([code, said]).toEqual([1, expect.stringContaining("nothing can be verified")]);
  });

  test("without root in ~/.local, and with no note where that is in PATH", async () => {
    await using host = await Host.make(["dash"]);
    const { code, said } = await host.run(["--allow-http", "--from", url], { fake: { id: "echo 1000" } });
    expect([code, said]).toEqual([0, said]);
    expect(await host.installed(host.folder.at("home", ".local"))).toBeDefined();
    const prefix = host.folder.at("home", ".local");
    const again = await host.run(["--allow-http"], {
      env: { IMAGES_FROM: `${url}/`, IMAGES_PREFIX: prefix, PATH: `${join(prefix, "bin")}:${host.folder.at("tools")}` },
    });
    expect([again.code, again.said]).toEqual([0, expect.not.stringContaining("not in PATH")]);
  });

  test("with a release in a directory, beside the script or named", async () => {
    await using host = await Host.make(["dash"]);
    const folder = host.folder.at("a release");
    await mkdir(folder);
    for (const [name, text] of release) await writeFile(join(folder, name), text);
    await writeFile(join(folder, "install.sh"), await readFile(SCRIPT));
    const beside = await host.run(["--prefix", host.prefix], {
      script: join(folder, "install.sh"),
      without: ["curl", "wget"],
    });
    expect([beside.code, await host.installed()]).toEqual([0, standIn("1.0.0 for linux-x64")]);
    const other = await host.run(["--from", folder, "--prefix", host.prefix, "--target", "linux-arm64"]);
    expect([other.code, await host.installed()]).toEqual([0, standIn("1.0.0 for linux-arm64")]);
    expect((await host.run(["--prefix", host.prefix])).said).toContain("where is the release?");
  });

  test("with a checksum that is known from elsewhere", async () => {
    await using host = await Host.make(["dash"]);
    const refused = await host.install({}, "--sha256", "0".repeat(64));
    expect([refused.code, await host.installed()]).toEqual([1, undefined]);
    expect((await host.install({}, "--sha256", sumOf(packed(standIn("1.0.0 for linux-x64"))))).code).toBe(0);
  });

  test("not with words that it does not know", async () => {
    await using host = await Host.make(["dash"]);
    for (const [args, words] of [
      [["--frob"], "unknown argument --frob"],
      [["--prefix"], "--prefix needs a value"],
      [["--from", "ftp://x.example", "--prefix", host.prefix], "expected https:// or a directory"],
      [["--from", url, "--prefix", host.prefix], "pass --allow-http to accept that"],
      [["--from", url, "--prefix", host.prefix, "--target", "plan9-x64"], "there is no binary for plan9-x64"],
    ] as const) {
      const { code, said } = await host.run(args);
      expect([code, said]).toEqual([1, expect.stringContaining(words)]);
    }
    expect(await host.litter()).toEqual([]);
  });
});

describe("manual page and completions", () => {
  test("are installed, renewed by an upgrade and removed by --uninstall, which leaves everything else", async () => {
    await using host = await Host.make(["dash"]);
    await host.install();
    const share = join(host.prefix, "share");
    const files = async () =>
      (await readdir(share, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
    expect((await files()).map(({ name }) => name).sort()).toEqual(["_images", "images", "images.1.gz", "images.fish"]);
    expect(await readFile(join(share, "zsh/site-functions/_images"), "utf8")).toBe("completes zsh\n");
    await writeFile(join(share, "man", "man1", "other.1.gz"), "");
    release = releaseOf("1.1.0");
    expect((await host.install()).said).toContain("images 1.1.0 for linux-x64");
    release = releaseOf("1.0.0");
    const { code, said } = await host.run(["--uninstall", "--prefix", host.prefix]);
    expect([code, said]).toEqual([0, expect.stringContaining(`removed ${host.prefix}/bin/images`)]);
    expect([await host.installed(), (await files()).map(({ name }) => name)]).toEqual([undefined, ["other.1.gz"]]);
    expect((await host.run(["--uninstall", "--prefix", host.prefix])).said).toContain("there is no ");
  });
});

/** A minisign key, and signatures by it of the two kinds that there are. */
class Signer {
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

describe("the signature of the checksums", () => {
  const EXTRA = ["openssl", "minisign", "dd", "od", "tr", "sed", "grep"];
  const ways = [["openssl", "minisign"] as const, ["minisign", "openssl"] as const];
  for (const [tool, other] of ways)
    for (const kind of ["ED", "Ed"] as const)
      test.skipIf(Bun.which(tool) === null)(`${kind}, by ${tool} (skipped where it is not installed)`, async () => {
        await using host = await Host.make(["dash"]);
        for (const name of EXTRA) {
          const path = Bun.which(name);
          if (path !== null) await symlink(path, host.folder.at("tools", name));
        }
        const signer = new Signer();
        const machine = { without: [other] };
        const signed = (files: Map<string, Bytes>) =>
          files.set("SHA256SUMS.minisig", signer.sign(String(files.get("SHA256SUMS")), kind));
        await wrong(signed, async () => {
          const { code, said } = await host.install(machine, "--key", signer.key);
          expect([code, said]).toEqual([0, expect.stringContaining(`verified the signature of ${signer.key}`)]);
          const another = await host.install(machine, "--key", new Signer().key);
          expect([another.code, another.said]).toEqual([1, expect.stringContaining("is not signed by")]);
          sums(release, (text) => `${text}\n`);
          const changed = await host.install(machine, "--key", signer.key);
          expect([changed.code, changed.said]).toEqual([1, expect.stringContaining("is not signed by")]);
        });
        const without = await host.install(machine, "--key", signer.key);
        expect([without.code, without.said]).toEqual([1, expect.stringContaining("SHA256SUMS.minisig")]);
        const pinned = (await readFile(SCRIPT, "utf8")).replace('PUBLIC_KEY=""', `PUBLIC_KEY="${signer.key}"`);
        await host.folder.write("pinned.sh", pinned);
        const said = await host.install({ ...machine, script: host.folder.at("pinned.sh") });
        expect([said.code, said.said]).toEqual([1, expect.stringContaining("SHA256SUMS.minisig")]);
        expect(await host.litter()).toEqual([]);
      });

  test("without a tool that verifies, nothing is installed", async () => {
    await using host = await Host.make(["dash"]);
    await wrong(
      (files) => files.set("SHA256SUMS.minisig", ""),
      async () => {
        const { code, said } = await host.install({ without: ["openssl", "minisign"] }, "--key", new Signer().key);
        expect([code, said]).toEqual([1, expect.stringContaining("neither minisign nor openssl 3")]);
      },
    );
    expect(await host.installed()).toBeUndefined();
  });
});

test("a killed install leaves nothing", async () => {
  await using host = await Host.make(["dash"]);
  const waiting = Promise.withResolvers<void>();
  asked = waiting.resolve;
  const started = await host.start(["--allow-http", "--from", url.replace("release", "slow"), "--prefix", host.prefix]);
  await waiting.promise;
  process.kill(-started.pid, "SIGTERM");
  await started.exited;
  expect([await host.installed(), await host.litter()]).toEqual([undefined, []]);
});

test("half a script does nothing", async () => {
  await using host = await Host.make(["dash"]);
  const text = await readFile(SCRIPT, "utf8");
  for (const part of [0.5, 0.9, 0.99]) {
    await host.folder.write("half.sh", text.slice(0, Math.floor(text.length * part)));
    await host.run(["--allow-http", "--from", url, "--prefix", host.prefix], { script: host.folder.at("half.sh") });
  }
  expect([await host.installed(), await host.litter()]).toEqual([undefined, []]);
});

test.skipIf(Bun.which("shellcheck") === null)(
  "shellcheck has nothing to say (skipped where it is not installed)",
  async () => {
    const check = Bun.spawn(["shellcheck", "--shell=sh", SCRIPT], { stdout: "pipe" });
    expect([await check.stdout.text(), await check.exited]).toEqual(["", 0]);
  },
);
