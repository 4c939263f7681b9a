import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { file, hostile } from "../core/source/hostile.ts";
import { listed, run, TestDirectory } from "../harness.ts";

// The way of bytes as a user sees it: the whole program, a web server, and several stores.

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const STORES = ["one", "two", "three"]
  .map((name) => `[backend.${name}]\nplugin = "local"\npath = "./${name}"\ngrace = "0s"\n`)
  .join("");
const ALL = 'backends = ["one", "two", "three"]\n';

/** What a web server has, as it is now. */
class Site {
  readonly files = new Map<string, Buffer>();

  serve() {
    return hostile(({ path, ...asked }) => {
      const bytes = this.files.get(path);
      return bytes === undefined ? { status: 404 } : file({ path, ...asked }, bytes, `"${sha256(bytes)}"`);
    });
  }

  put(path: string, bytes: Buffer): void {
    this.files.set(path, bytes);
    this.files.set("/SHA256SUMS", Buffer.from(`${sha256(bytes)} *${path.slice(1)}\n`));
  }
}

async function ends(directory: TestDirectory, code: number, ...args: readonly string[]): Promise<string> {
  const said = await run(directory, args);
  if (said.code !== code) throw new Error(`images ${args.join(" ")}: ${said.code}\n${said.stderr}\n${said.stdout}`);
  return said.stdout;
}

async function blob(directory: TestDirectory, store: string): Promise<Buffer> {
  const [name = ""] = await listed(directory.at(store, "blobs"));
  return await readFile(directory.at(store, "blobs", name));
}

test("one download, proven by a sums file, unpacked once for three backends; a new build is a plan, and told by its digests", async () => {
  const site = new Site();
  const [first, second] = [Buffer.alloc(300_000, "first "), Buffer.alloc(300_000, "second ")];
  site.put("/disk.raw.gz", gzipSync(first));
  await using server = await site.serve();
  const source = `source = { url = "${server.url}/disk.raw.gz", checksum = "sha256:${server.url}/SHA256SUMS" }\n`;
  await using directory = await TestDirectory.make({
    "images.toml": `${STORES}[image.disk]\n${source}${ALL}compression = "none"\n`,
  });
  await ends(directory, 0, "apply", "--yes");
  expect(server.gets().filter(({ path }) => path === "/disk.raw.gz").length).toBe(1);
  for (const store of ["one", "two", "three"]) expect((await blob(directory, store)).equals(first)).toBe(true);
  await ends(directory, 0, "plan", "--detailed-exitcode");

  site.put("/disk.raw.gz", gzipSync(second));
  const before = server.sent();
  const plan = await ends(directory, 2, "plan", "--detailed-exitcode");
  const [from, to] = [sha256(gzipSync(first)), sha256(gzipSync(second))];
  expect(plan).toMatch(new RegExp(`sha256:${from.slice(0, 12)}\\S* -> "?sha256:${to.slice(0, 12)}`));
  expect(server.sent() - before).toBeLessThan(1_000);
  await ends(directory, 0, "apply", "--yes");
  for (const store of ["one", "two", "three"]) expect((await blob(directory, store)).equals(second)).toBe(true);
});

test("without a checksum a moved validator is a plan that says so; follow = false pins", async () => {
  const site = new Site();
  site.put("/a.img", Buffer.alloc(5_000, "one"));
  await using server = await site.serve();
  const toml = (more = "") => `${STORES}[image.a]\nsource = { url = "${server.url}/a.img"${more} }\nbackend = "one"\n`;
  await using directory = await TestDirectory.make({ "images.toml": toml() });
  await ends(directory, 0, "apply", "--yes");
  site.put("/a.img", Buffer.alloc(5_000, "two"));
  expect(await ends(directory, 2, "plan", "--detailed-exitcode")).toContain("etag");
  await directory.write("images.toml", toml(", follow = false"));
  await ends(directory, 0, "plan", "--detailed-exitcode");
});

test("bytes are packed for a backend that wants them so, and a disk is converted on the way", async () => {
  await using directory = await TestDirectory.make({ "disk.raw": Buffer.alloc(1 << 20, "bytes") });
  const on = '[image.disk.on.one]\ncompression = "gz"\n[image.disk.on.two]\nformat = "qcow2"\n';
  await directory.write(
    "images.toml",
    `${STORES}[image.disk]\nsource = "./disk.raw"\nbackends = ["one", "two"]\n${on}`,
  );
  await ends(directory, 0, "apply", "--yes");
  expect(gunzipSync(await blob(directory, "one")).equals(Buffer.alloc(1 << 20, "bytes"))).toBe(true);
  const { format } = JSON.parse(
    await readFile(directory.at("two", "images", (await listed(directory.at("two", "images")))[0] ?? ""), "utf8"),
  );
  expect(format).toBe("qcow2");
  await ends(directory, 0, "plan", "--detailed-exitcode");
});

test("one backend that fails neither starves nor fails the others, and a wrong byte becomes no image on any", async () => {
  const site = new Site();
  site.put("/a.img", Buffer.alloc(100_000, "a"));
  await using server = await site.serve();
  const checksum = `checksum = "sha256:${sha256(Buffer.alloc(100_000, "a"))}"`;
  await using directory = await TestDirectory.make({
    "images.toml": `${STORES}[image.a]\nsource = { url = "${server.url}/a.img", ${checksum} }\n${ALL}`,
    two: "a file where the store should be",
  });
  const said = await run(directory, ["apply", "--yes"]);
  expect(said.code).toBe(1);
  for (const store of ["one", "three"]) expect((await blob(directory, store)).length).toBe(100_000);

  site.files.set("/b.img", Buffer.alloc(100_000, "wrong"));
  await directory.write(
    "images.toml",
    `${STORES.replace("./two", "./other")}[image.b]\nsource = { url = "${server.url}/b.img", checksum = "sha256:${sha256(Buffer.alloc(100_000, "right"))}" }\n${ALL}`,
  );
  const wrong = await run(directory, ["apply", "--yes", "--exclude", "*/a"]);
  expect(wrong.code).toBe(1);
  expect(wrong.stdout + wrong.stderr).toContain("[source.checksum]");
  expect(
    JSON.parse(await ends(directory, 0, "info", "one", "--json")).map(({ name }: { name: string }) => name),
  ).toEqual(["a"]);
  expect(JSON.parse(await ends(directory, 0, "info", "two", "--json"))).toEqual([]);
});

test("every phase is told with its bytes: transfer_start, transfer_progress, transfer_complete", async () => {
  const site = new Site();
  site.put("/a.img", Buffer.alloc(100_000, "a"));
  await using server = await site.serve();
  await using directory = await TestDirectory.make({
    "images.toml": `${STORES}[image.a]\nsource = { url = "${server.url}/a.img" }\nbackend = "one"\n`,
  });
  const lines = (await ends(directory, 0, "apply", "--yes", "--json"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const told = lines.filter(({ type }) => type.startsWith("transfer_"));
  for (const phase of ["download", "upload"]) {
    const of = told.filter(({ hook }) => hook.phase === phase);
    expect(of[0]).toMatchObject({ type: "transfer_start" });
    expect(of.at(-1)).toMatchObject({ type: "transfer_complete", hook: { bytes: 100_000 } });
  }
});

test("image_cache_path is where the download is kept", async () => {
  const site = new Site();
  site.put("/a.img", Buffer.alloc(5_000, "a"));
  await using server = await site.serve();
  await using directory = await TestDirectory.make({
    "images.toml": `${STORES}[image.a]\nimage_source_url = "${server.url}/a.img"\nimage_cache_path = "./kept"\nbackend = "one"\n`,
  });
  await ends(directory, 0, "apply", "--yes");
  expect(await listed(directory.at("kept", "blobs"))).toContain(sha256(Buffer.alloc(5_000, "a")));
});
