import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bytes, Host, packed, releaseOf, SHELLS, served, standIn, sumOf } from "./installing.ts";

// install.sh on machines where other people's files are, and on networks that answer what they like.

const tls = (name: string) => Bun.file(join(import.meta.dir, "fixtures", "tls", name)).text();
const CA = join(import.meta.dir, "fixtures", "tls", "ca.crt");
let release = releaseOf("1.0.0");
let plain: Bun.Server<undefined>;
let secure: Bun.Server<undefined>;
/** Where the secure server sends on to; undefined: it answers itself. */
let onward: string | undefined;

const answer = (request: Request): Response => {
  const name = new URL(request.url).pathname.split("/").at(-1) ?? "";
  const bytes = release.get(name);
  return bytes === undefined ? new Response("no", { status: 404 }) : new Response(bytes);
};
beforeAll(async () => {
  plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  secure = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: await tls("server.crt"), key: await tls("server.key") },
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (onward === undefined || pathname.startsWith("/there/")) return answer(request);
      return Response.redirect(`${onward}${pathname}`, 302);
    },
  });
  served.url = `http://127.0.0.1:${plain.port}/release`;
});
afterAll(async () => {
  await plain.stop(true);
  await secure.stop(true);
});
beforeEach(() => {
  release = releaseOf("1.0.0");
  onward = undefined;
});

/** All files and directories below the prefix. */
const below = async (host: Host) => (await readdir(host.prefix, { recursive: true })).sort();
const uninstall = (host: Host) => host.run(["--uninstall", "--prefix", host.prefix]);

for (const shell of SHELLS.filter(([program = ""]) => Bun.which(program) !== null))
  test(`in ${shell.join(" ")} what was installed goes, and nothing else`, async () => {
    await using host = await Host.make(shell);
    const mine = join(host.prefix, "share", "man", "man7");
    await mkdir(mine, { recursive: true });
    const before = await below(host);
    await host.install();
    expect(await readFile(join(host.prefix, "share/images/installed"), "utf8")).toContain("  bin/images\n");
    release = releaseOf("1.1.0");
    expect((await host.install()).code).toBe(0);
    const list = await readFile(join(host.prefix, "share/images/installed"), "utf8");
    expect(list.match(/ {2}bin\/images$/gm)).toHaveLength(1);
    const { code, said } = await uninstall(host);
    expect([code, said]).toEqual([0, said]);
    expect(await below(host)).toEqual(before);
  });

describe("files of others", () => {
  test("a program called images that somebody else installed is neither replaced nor removed", async () => {
    await using host = await Host.make(["dash"]);
    await mkdir(join(host.prefix, "bin"), { recursive: true });
    await writeFile(join(host.prefix, "bin", "images"), "another program");
    const refused = await host.install();
    expect([refused.code, refused.said]).toEqual([1, expect.stringContaining("was not installed by install.sh")]);
    expect((await uninstall(host)).code).toBe(1);
    expect(await host.installed()).toBe("another program");
    expect(await below(host)).toEqual(["bin", "bin/images"]);
    expect((await host.install({}, "--force")).code).toBe(0);
    expect(await host.installed()).toBe(standIn("1.0.0 for linux-x64"));
  });

  test("a completion that somebody else wrote stays, and so does a file that was changed since", async () => {
    await using host = await Host.make(["dash"]);
    const theirs = join(host.prefix, "share/bash-completion/completions/images");
    await mkdir(join(theirs, ".."), { recursive: true });
    await writeFile(theirs, "theirs");
    expect((await host.install()).said).toContain(`note: ${theirs} was not installed by install.sh`);
    const fish = join(host.prefix, "share/fish/vendor_completions.d/images.fish");
    await writeFile(fish, "changed");
    const { code, said } = await uninstall(host);
    expect([code, said]).toEqual([0, expect.stringContaining(`${fish} was changed since`)]);
    expect([await readFile(theirs, "utf8"), await readFile(fish, "utf8")]).toEqual(["theirs", "changed"]);
    expect(await host.installed()).toBeUndefined();
  });

  test("a list that names other files removes none of them", async () => {
    await using host = await Host.make(["dash"]);
    await host.install();
    const victim = host.directory.at("victim");
    await writeFile(victim, "precious");
    const list = join(host.prefix, "share/images/installed");
    await writeFile(list, `${await readFile(list, "utf8")}${sumOf("precious")}  ../victim\ndirectory  ../home\n`);
    await uninstall(host);
    expect(await readFile(victim, "utf8")).toBe("precious");
    expect(await readdir(host.directory.path)).toContain("home");
  });

  test("a program that runs is replaced, and goes on running", async () => {
    await using host = await Host.make(["dash"]);
    await host.install();
    const bin = join(host.prefix, "bin", "images");
    await rm(bin);
    // A compiled program: the file of one that runs cannot be written to.
    await writeFile(bin, await Bun.file(Bun.which("sleep") ?? "").bytes());
    await chmod(bin, 0o755);
    const running = Bun.spawn([bin, "1000"]);
    const { code, said } = await host.install();
    expect([code, said]).toEqual([0, said]);
    expect([running.exitCode, await host.installed()]).toEqual([null, standIn("1.0.0 for linux-x64")]);
    running.kill();
    await running.exited;
  });
});

describe("the manual page", () => {
  test("is verified like the binary: a changed one installs nothing", async () => {
    await using host = await Host.make(["dash"]);
    release.set("images.1.gz", packed("evil"));
    const { code, said } = await host.install();
    expect([code, said]).toEqual([1, expect.stringContaining("images.1.gz has the wrong checksum")]);
    expect(await host.installed()).toBeUndefined();
    expect(await host.litter()).toEqual([]);
  });

  test("without a checksum for it, it is left out", async () => {
    await using host = await Host.make(["dash"]);
    const sum = sumOf(packed(standIn("1.0.0 for linux-x64"))).toUpperCase();
    const { code, said } = await host.install({}, "--sha256", sum);
    expect([code, said]).toEqual([0, expect.stringContaining("note: no manual page")]);
    expect(await below(host)).not.toContain("share/man");
    release.set("SHA256SUMS", String(release.get("SHA256SUMS")).replace(/^.*images\.1\.gz\n/m, ""));
    expect((await host.install()).code).toBe(0);
    expect(await below(host)).not.toContain("share/man/man1/images.1.gz");
  });
});

describe("https stays https", () => {
  const env = async (host: Host) => {
    await host.directory.write("wgetrc", `ca_certificate = ${CA}\n`);
    return { CURL_CA_BUNDLE: CA, WGETRC: host.directory.at("wgetrc") };
  };
  const from = (host: Host) => ["--from", `https://127.0.0.1:${secure.port}/release`, "--prefix", host.prefix];
  for (const [tool, without] of [
    ["curl", "wget"],
    ["wget", "curl"],
  ] as const) {
    test.skipIf(Bun.which(tool) === null)(`with ${tool}: a redirect to http is refused`, async () => {
      await using host = await Host.make(["dash"]);
      const machine = { without: [without], env: await env(host) };
      onward = `http://127.0.0.1:${plain.port}`;
      const { code, said } = await host.run(from(host), machine);
      expect([code, said]).toEqual([1, expect.stringMatching(/redirected to http|cannot get/)]);
      expect([await host.installed(), await host.litter()]).toEqual([undefined, []]);
      expect((await host.run([...from(host), "--allow-http"], machine)).code).toBe(0);
    });

    test.skipIf(Bun.which(tool) === null)(`with ${tool}: a redirect to https is followed`, async () => {
      await using host = await Host.make(["dash"]);
      onward = `https://127.0.0.1:${secure.port}/there`;
      const { code, said } = await host.run(from(host), { without: [without], env: await env(host) });
      expect([code, said]).toEqual([0, said]);
    });
  }

  test("with a wget that does not verify certificates, a checksum or a key has to", async () => {
    await using host = await Host.make(["dash"]);
    // As Debian's busybox does it.
    const wget = `echo 'wget: note: TLS certificate validation not implemented' >&2
file=; while [ $# -gt 1 ]; do [ "$1" = -O ] && { file=$2; shift; }; shift; done
exec ${Bun.which("curl")} -fsS --cacert ${CA} -o "$file" "$1"`;
    const machine = { without: ["curl"], fake: { wget } };
    const { code, said } = await host.run(from(host), machine);
    expect([code, said]).toEqual([1, expect.stringContaining("this wget does not verify certificates")]);
    const sum = sumOf(packed(standIn("1.0.0 for linux-x64")));
    expect((await host.run([...from(host), "--sha256", sum], machine)).code).toBe(0);
  });
});

test.skipIf(Bun.which("busybox") === null)(
  "a machine with nothing but busybox is enough (skipped where it is not installed)",
  async () => {
    await using host = await Host.make(["busybox", "sh"]);
    const busybox = Bun.which("busybox") ?? "";
    for (const tool of await readdir(host.directory.at("tools"))) await rm(host.directory.at("tools", tool));
    const applets = (await Bun.$`${busybox} --list`.text()).trim().split("\n");
    for (const applet of applets) await symlink(busybox, host.directory.at("tools", applet));
    const { code, said } = await host.install({ without: ["curl"] });
    expect([code, said]).toEqual([0, said]);
    expect(await below(host)).toContain("share/man/man1/images.1.gz");
    expect((await uninstall(host)).code).toBe(0);
  },
);

test("a download that breaks off installs nothing", async () => {
  await using host = await Host.make(["dash"]);
  const whole = release.get("images-linux-x64.gz") ?? "";
  const half: Bytes = typeof whole === "string" ? whole : whole.slice(0, whole.length / 2);
  release.set("images-linux-x64.gz", half);
  expect([(await host.install()).code, await host.installed(), await host.litter()]).toEqual([1, undefined, []]);
});

test("without HOME a prefix has to be named, and one with spaces is one", async () => {
  await using host = await Host.make(["dash"]);
  const bare = { fake: { id: "echo 1000" }, env: { HOME: "" } };
  const refused = await host.run(["--allow-http", "--from", served.url], bare);
  expect([refused.code, refused.said]).toEqual([1, expect.stringContaining("HOME is not set: pass --prefix")]);
  const prefix = host.directory.at("a b", "it's");
  expect((await host.run(["--allow-http", "--from", served.url, "--prefix", prefix], bare)).code).toBe(0);
  expect(await host.installed(prefix)).toBeDefined();
  expect((await host.run(["--uninstall", "--prefix", prefix], bare)).code).toBe(0);
  expect(await readdir(host.directory.at("a b"))).toEqual([]);
});
