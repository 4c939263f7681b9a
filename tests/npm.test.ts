import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { machineOf, npmPackages } from "../scripts/npm.ts";
import { binaryOf, TARGETS } from "../scripts/runtimes.ts";
import { probe } from "../src/core/disk/process.ts";
import { TestDirectory } from "./harness.ts";

// For a machine that does much else.
setDefaultTimeout(300_000);

/** A release whose binaries are scripts that tell their words and target. */
async function release(directory: TestDirectory): Promise<string> {
  await mkdir(directory.at("release"));
  for (const one of TARGETS) {
    const program = `#!/bin/sh\n[ "$1" = wait ] && { echo waiting; exec sleep 1000; }\necho "${one.name} $*"\nexit 7\n`;
    await Bun.write(directory.at("release", `${binaryOf(one)}.gz`), new Uint8Array(gzipSync(program)));
  }
  await directory.write("release/VERSION", "1.2.3\n");
  await directory.write("release/LICENSES.txt", "licences\n");
  return directory.at("release");
}

const npm = async (cwd: string, ...words: readonly string[]) => {
  const child = Bun.spawn(["npm", ...words], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  if (code !== 0) throw new Error(`npm ${words.join(" ")}: ${err}`);
  return out.trim();
};

test("npm installs the binary of the platform, and the launcher passes words, exit code and signals on", async () => {
  await using directory = await TestDirectory.make();
  const names = await npmPackages(await release(directory), directory.at("npm"), "@team");
  expect(names).toEqual([...TARGETS.map(({ name }) => `@team/images-${name}`), "@team/images"]);
  const own = `${process.platform}-${process.arch}`;
  // As a registry would give them: packed, and this platform's beside the one that people name.
  const packed = (name: string) =>
    npm(directory.at("npm", name), "pack", "--silent", "--pack-destination", directory.at("npm"));
  const [main, binary] = [await packed("team-images"), await packed(`team-images-${own}`)];
  await mkdir(directory.at("home"));
  await directory.write("home/package.json", "{}");
  const files = [main, binary].map((name) => directory.at("npm", name));
  await npm(directory.at("home"), "install", "--offline", "--omit=optional", "--no-audit", "--no-fund", ...files);
  const launcher = directory.at("home", "node_modules", ".bin", "images");
  const said = Bun.spawn([launcher, "plan", "--x=a b"], { stdout: "pipe" });
  expect([await said.stdout.text(), await said.exited]).toEqual([`${own} plan --x=a b\n`, 7]);
  const waiting = Bun.spawn([launcher, "wait"], { stdout: "pipe" });
  const reader = waiting.stdout.getReader();
  await reader.read();
  waiting.kill("SIGTERM");
  await waiting.exited;
  expect(waiting.signalCode).toBe("SIGTERM");
  expect((await readdir(directory.at("home", "node_modules", "@team"))).sort()).toEqual(["images", `images-${own}`]);
});

test("a signal that comes while the binary is started ends it as well", async () => {
  await using directory = await TestDirectory.make();
  await npmPackages(await release(directory), directory.at("npm"), "@team");
  const own = `@team/images-${process.platform}-${process.arch}`;
  const packages = directory.at("node_modules", "@team");
  await mkdir(packages, { recursive: true });
  await rename(directory.at("npm", own.replace("@team/", "team-")), directory.at("node_modules", own));
  // The signal is there as soon as there is a child.
  await directory.write(
    "hook.cjs",
    `const real = require("node:child_process");
const { spawn } = real;
real.spawn = (...words) => {
  const child = spawn(...words);
  require("node:fs").writeFileSync("pid", String(child.pid));
  process.kill(process.pid, "SIGTERM");
  return child;
};
`,
  );
  await rename(directory.at("npm", "team-images", "images.cjs"), directory.at("images.cjs"));
  const launcher = Bun.spawn(["node", "--require", "./hook.cjs", "images.cjs", "wait"], {
    cwd: directory.path,
    stdio: ["ignore", "ignore", "ignore"],
  });
  await launcher.exited;
  expect(launcher.signalCode).toBe("SIGTERM");
  const pid = Number(await Bun.file(directory.at("pid")).text());
  const isLeft = probe(pid) !== undefined;
  if (isLeft) process.kill(pid, "SIGKILL");
  expect(isLeft).toBe(false);
});

test("each package says which machines it is for, and the main one asks for all of them", async () => {
  await using directory = await TestDirectory.make();
  await npmPackages(await release(directory), directory.at("npm"), "@team");
  const manifest = async (name: string) =>
    JSON.parse(await readFile(join(directory.at("npm", name), "package.json"), "utf8"));
  expect(machineOf("windows-x64")).toEqual({ os: ["win32"], cpu: ["x64"] });
  expect(await manifest("team-images-linux-arm64-musl")).toMatchObject({
    os: ["linux"],
    cpu: ["arm64"],
    libc: ["musl"],
  });
  const { optionalDependencies, version } = await manifest("team-images");
  expect(version).toBe("1.2.3");
  expect(Object.keys(optionalDependencies)).toEqual(TARGETS.map(({ name }) => `@team/images-${name}`));
  expect(npmPackages(directory.at("release"), directory.at("npm"), "team")).rejects.toThrow("no npm scope");
});

test("without its binary the launcher says what to do", async () => {
  await using directory = await TestDirectory.make();
  await npmPackages(await release(directory), directory.at("npm"), "@team");
  const said = Bun.spawn(["node", directory.at("npm", "team-images", "images.cjs"), "version"], { stderr: "pipe" });
  expect([await said.exited, await said.stderr.text()]).toEqual([
    1,
    expect.stringContaining("use install.sh of a release"),
  ]);
});
