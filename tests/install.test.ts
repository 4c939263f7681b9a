import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TARGETS } from "../scripts/runtimes.ts";
import { type Bytes, Host, packed, releaseOf, SCRIPT, SHELLS, Signer, served, standIn, sumOf } from "./installing.ts";

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
      const [, directory = "", name = ""] = new URL(request.url).pathname.split("/");
      if (directory === "slow" && name !== "SHA256SUMS") {
        asked();
        await new Promise(() => {});
      }
      const text = release.get(name);
      return text === undefined ? new Response("not here", { status: 404 }) : new Response(text);
    },
  });
  url = `http://127.0.0.1:${server.port}/release`;
  served.url = url;
});
afterAll(() => server.stop(true));

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
        expect(await readdir(host.directory.path)).not.toContain("prefix");
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
    ["windows-x64", { uname: says("MINGW64_NT-10.0-26100", "x86_64") }],
    ["windows-x64", { uname: says("MSYS_NT-10.0", "x86_64") }],
  ];
  for (const [name, fake] of cases)
    test(`${name}, of ${JSON.stringify(fake["uname"])}`, async () => {
      await using host = await Host.make(["dash"]);
      const { said } = await host.install({ fake });
      const program = name.startsWith("windows") ? "images.exe" : "images";
      expect(await host.installed(host.prefix, program), said).toBe(standIn(`1.0.0 for ${name}`));
    });

  test("the names are those of a release", async () => {
    const text = await readFile(SCRIPT, "utf8");
    const listed = /--target {6}for another machine than this one: ([\w,\s-]*?)\n {2}--/.exec(text)?.[1]?.split(/,\s+/);
    expect(listed).toEqual(TARGETS.map(({ name }) => name));
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
    expect(await host.installed(host.directory.at("home", ".local"))).toBeDefined();
    const prefix = host.directory.at("home", ".local");
    const again = await host.run(["--allow-http"], {
      env: {
        IMAGES_FROM: `${url}/`,
        IMAGES_PREFIX: prefix,
        PATH: `${join(prefix, "bin")}:${host.directory.at("tools")}`,
      },
    });
    expect([again.code, again.said]).toEqual([0, expect.not.stringContaining("not in PATH")]);
  });

  test("with a release in a directory, beside the script or named", async () => {
    await using host = await Host.make(["dash"]);
    const directory = host.directory.at("a release");
    await mkdir(directory);
    for (const [name, text] of release) await writeFile(join(directory, name), text);
    await writeFile(join(directory, "install.sh"), await readFile(SCRIPT));
    const beside = await host.run(["--prefix", host.prefix], {
      script: join(directory, "install.sh"),
      without: ["curl", "wget"],
    });
    expect([beside.code, await host.installed()]).toEqual([0, standIn("1.0.0 for linux-x64")]);
    const other = await host.run(["--from", directory, "--prefix", host.prefix, "--target", "linux-arm64"]);
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
    expect((await files()).map(({ name }) => name).sort()).toEqual([
      "_images",
      "images",
      "images.1.gz",
      "images.fish",
      "installed",
    ]);
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

describe("the signature of the checksums", () => {
  const EXTRA = ["openssl", "minisign", "dd", "od", "sed"];
  const ways = [["openssl", "minisign"] as const, ["minisign", "openssl"] as const];
  for (const [tool, other] of ways)
    for (const kind of ["ED", "Ed"] as const)
      test.skipIf(Bun.which(tool) === null)(`${kind}, by ${tool} (skipped where it is not installed)`, async () => {
        await using host = await Host.make(["dash"]);
        for (const name of EXTRA) {
          const path = Bun.which(name);
          if (path !== null) await symlink(path, host.directory.at("tools", name));
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
        await host.directory.write("pinned.sh", pinned);
        const said = await host.install({ ...machine, script: host.directory.at("pinned.sh") });
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
    await host.directory.write("half.sh", text.slice(0, Math.floor(text.length * part)));
    await host.run(["--allow-http", "--from", url, "--prefix", host.prefix], { script: host.directory.at("half.sh") });
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
