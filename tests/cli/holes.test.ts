import { expect, setDefaultTimeout, test } from "bun:test";
import { open, rm, stat, truncate, utimes } from "node:fs/promises";
import { resolve } from "node:path";
import { TestDirectory } from "../harness.ts";

// Holes of a source cost nothing where no digest of all of them is demanded, and stay holes wherever a file is written.

setDefaultTimeout(300_000);

const IMAGES = resolve("dist/images");
const why = (await Bun.file(IMAGES).exists()) ? "" : " (skipped: dist/images is not built)";
const TOML = (format: string, more = "") =>
  `[settings]\nname = "holes"\n[backend.store]\nplugin = "local"\npath = "./store"\n[image.a]\nsource = { file = "./disk.raw"${more} }\nformat = "${format}"\n`;
const TIB = 2 ** 40;
/** Above 64 MiB, from which on bytes are hashed on a thread of their own, and what is read again is large. */
const LARGE = 2 ** 26 + 2 ** 20;
const envOf = (directory: TestDirectory) => ({
  ...process.env,
  IMAGES_CACHE: directory.at("cache"),
  IMAGES_CACHE_MAX: undefined,
});

/** The program is stopped with Ctrl-C once it has said this. Answers its exit code. */
async function stopped(directory: TestDirectory, said: string, ...args: readonly string[]): Promise<number> {
  const child = Bun.spawn([IMAGES, ...args], {
    cwd: directory.at("."),
    env: envOf(directory),
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  for await (const piece of child.stdout) {
    text += Buffer.from(piece).toString();
    if (text.includes(said)) child.kill("SIGINT");
  }
  return await child.exited;
}

async function disk(toml: string, size: number): Promise<TestDirectory> {
  const directory = await TestDirectory.make({ "images.toml": toml, "disk.raw": "" });
  await truncate(directory.at("disk.raw"), size);
  await write(directory, "begin", 100_000);
  await write(directory, "end", size - 5);
  return directory;
}

async function write(directory: TestDirectory, text: string, at: number): Promise<void> {
  await using file = await open(directory.at("disk.raw"), "r+");
  await file.write(text, at);
}

/** The program as it is shipped. */
async function images(directory: TestDirectory, code: number, ...args: readonly string[]): Promise<string> {
  const child = Bun.spawn([IMAGES, ...args], {
    cwd: directory.at("."),
    env: envOf(directory),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== code)
    throw new Error(`images ${args.join(" ")}: ${child.exitCode}\n${stderr}\n${stdout}`);
  return stdout;
}

const allocated = async (path: string): Promise<number> => (await stat(path)).blocks * 512;

test.skipIf(why !== "")(`1 TiB of holes becomes a qcow2 of its data, and shows progress${why}`, async () => {
  await using directory = await disk(TOML("qcow2"), TIB);
  const said = await images(directory, 0, "apply", "--yes", "--json");
  expect(said).toMatch(/"phase":"verify","bytes":1099511627776,"total_bytes":1099511627776/);
  const made = await stat(directory.at("store", "files", "a.qcow2"));
  expect(made.size).toBeLessThan(2 ** 20);
  const { content } = (await Bun.file(directory.at("images.state.json")).json()).images["store/a"];
  expect(content).toMatchObject({ size: TIB, resolved: expect.stringMatching(/^data sha256:[0-9a-f]{64}$/) });
  expect(content.digest).toBeUndefined();
  // Touched, and after a lost state, it is still the same.
  await utimes(directory.at("disk.raw"), new Date(), new Date());
  await images(directory, 0, "plan", "--detailed-exitcode");
  await rm(directory.at("images.state.json"));
  expect(await images(directory, 0, "apply", "--yes")).toContain("0 added");
  await images(directory, 0, "plan", "--detailed-exitcode");
  // Zeros that are written out are the same bytes; other data is not.
  await write(directory, "\0".repeat(70_000), 3_000_000);
  await images(directory, 0, "plan", "--detailed-exitcode");
  await write(directory, "other", TIB / 2);
  expect(await images(directory, 2, "plan", "--detailed-exitcode")).toContain("replace");
});

test.skipIf(why !== "")(
  `a checksum that is declared is compared also where most of a file is holes${why}`,
  async () => {
    await using directory = await disk(TOML("qcow2", `, checksum = "sha256:${"0".repeat(64)}"`), LARGE);
    expect(await images(directory, 1, "apply", "--yes", "--json")).toContain("checksum mismatch");
  },
);

for (const [name, format, more] of [
  ["hashed for a raw image of the store", "raw", ""],
  ["compared with a checksum", "qcow2", `, checksum = "sha256:${"0".repeat(64)}"`],
] as const)
  test.skipIf(why !== "")(`1 TiB of holes that are ${name}: shows progress, and Ctrl-C ends it${why}`, async () => {
    await using directory = await disk(TOML(format, more), TIB);
    // All of it takes many minutes.
    expect(await stopped(directory, '"type":"transfer_progress"', "apply", "--yes", "--json")).toBe(130);
    expect(await Array.fromAsync(new Bun.Glob("{tmp,files}/a*").scan(directory.at("store")))).toEqual([]);
  });

test.skipIf(why !== "")(`a plan says how many zeros will be hashed, and how that is avoided${why}`, async () => {
  await using directory = await disk(TOML("raw"), TIB);
  const said = await images(directory, 0, "plan");
  expect(said).toContain("store/a: 1.0 TiB of its source are holes, which are hashed as zeros");
  await directory.write("images.toml", TOML("qcow2"));
  expect(await images(directory, 0, "plan")).not.toContain("hashed as zeros");
});

test.skipIf(why !== "")(`zeros over HTTP are holes in the cache, in the store and in an export${why}`, async () => {
  const size = LARGE;
  const piece = new Uint8Array(1 << 20);
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ method }) => {
      async function* bytes() {
        yield new TextEncoder().encode("begin".padEnd(512, "\0"));
        for (let at = 512; at < size; at += piece.length) yield piece.subarray(0, size - at);
      }
      const headers = { "content-length": String(size) };
      return new Response(method === "HEAD" ? null : new Response(bytes()).body, { headers });
    },
  });
  await using directory = await TestDirectory.make({
    "images.toml": TOML("raw").replace('file = "./disk.raw"', `url = "http://127.0.0.1:${server.port}/disk.raw"`),
  });
  await images(directory, 0, "apply", "--yes");
  await images(directory, 0, "export", "store/a", "--out", "out.raw");
  const [blob = ""] = await Array.fromAsync(new Bun.Glob("blobs/*[0-9a-f]").scan(directory.at("cache")));
  for (const path of [directory.at("cache", blob), directory.at("store", "files", "a.img"), directory.at("out.raw")]) {
    expect((await stat(path)).size).toBe(size);
    expect(await allocated(path)).toBeLessThan(2 ** 20);
  }
});

test.skipIf(why !== "")(`holes stay holes in the local store and in an export${why}`, async () => {
  await using directory = await disk(TOML("raw"), LARGE);
  await images(directory, 0, "apply", "--yes");
  await images(directory, 0, "export", "store/a", "--out", "out.raw");
  for (const path of [directory.at("store", "files", "a.img"), directory.at("out.raw")]) {
    expect((await stat(path)).size).toBe(LARGE);
    expect(await allocated(path)).toBeLessThan(2 ** 20);
  }
});
