import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { has, qemu, run as tool } from "../../core/format/tools.ts";
import { Scene, TOKEN, upload } from "./kit.ts";

setDefaultTimeout(300_000);

const RAW = new Uint8Array(Buffer.concat([Buffer.from("boot ".repeat(100_000)), Buffer.alloc(1 << 20)])).slice(
  0,
  1 << 20,
);
const hash = (name: string, bytes: Uint8Array) => createHash(name).update(bytes).digest("hex");
const message = (text: string) => text.replace(/\s+/g, " ");

/** The marker gets the id once the image is there. */
const SIGNED = /^PUT .images.private.\d+ 200$/;

test("an image that is packed as Linode takes it goes as it is, with its length", async () => {
  await using scene = await Scene.open();
  const packed = gzipSync(RAW);
  await scene.directory.write("disk.img.gz", packed);
  await scene.declare(upload(`file_hash = "${hash("md5", packed)}"\n`));
  await scene.apply();
  expect(scene.control.received()).toMatchObject([
    { bytes: packed.length, sha256: hash("sha256", packed), contentLength: packed.length, isWhole: true },
  ]);
  expect(scene.asked().filter((one) => !one.startsWith("GET"))).toEqual([
    "POST /images/upload 200",
    "PUT bytes 200",
    expect.stringMatching(SIGNED),
  ]);
  await scene.settled();
});

test.skipIf(!has("qemu-img", "xz"))(
  "any source is made compressed and raw on the way (qemu-img and xz make them)",
  async () => {
    await using scene = await Scene.open();
    await scene.directory.write("disk.raw", RAW);
    await scene.directory.write("disk.raw.xz", tool(["xz", "-c"], RAW));
    qemu("convert", "-O", "qcow2", scene.directory.at("disk.raw"), scene.directory.at("disk.qcow2"));
    for (const file of ["disk.raw", "disk.raw.xz", "disk.qcow2"]) {
      await scene.declare(upload("", file));
      await scene.apply("--replace", "lin/small");
      const got = scene.control.received().at(-1);
      expect([file, got?.raw]).toEqual([file, { bytes: RAW.length, sha256: hash("sha256", RAW) }]);
      expect(got?.contentLength).toBeUndefined();
      await scene.settled();
    }
    expect(scene.control.images().length).toBe(1);
  },
);

test("a storage that wants the length first gets it, from a temporary file that is gone afterwards", async () => {
  await using scene = await Scene.open();
  scene.control.wantLength(true);
  await scene.directory.write("disk.raw", RAW);
  await scene.declare(`${upload("", "disk.raw")}\n${upload("", "disk.raw").replace("small", "second")}`);
  const said = await scene.apply("--parallelism", "1");
  expect(said.stderr).toContain("needs its length in advance");
  for (const { raw, bytes, contentLength } of scene.control.received())
    expect([raw?.sha256, contentLength]).toEqual([hash("sha256", RAW), bytes]);
  expect(scene.asked().filter((one) => one.startsWith("PUT bytes"))).toEqual([
    "PUT bytes 411",
    "PUT bytes 200",
    "PUT bytes 200",
  ]);
  expect((await readdir(scene.directory.at("scratch", "images"))).filter((name) => name.startsWith("linode"))).toEqual(
    [],
  );
  await scene.settled();
});

test("bytes that are not those of file_hash never become an image, and nothing of it is left", async () => {
  await using scene = await Scene.open();
  for (const [file, bytes] of [
    ["disk.img.gz", gzipSync(RAW)],
    ["disk.raw", RAW],
  ] as const) {
    await scene.directory.write(file, bytes);
    await scene.declare(upload(`file_hash = "${"0".repeat(32)}"\n`, file));
    const said = await scene.run("apply", "--yes");
    expect(said.code).toBe(1);
    expect(said.stderr).toContain("source.checksum");
    expect(scene.control.received().filter(({ isWhole }) => isWhole)).toEqual([]);
    expect(scene.control.images()).toEqual([]);
  }
});

test("what arrived is compared with what was sent", async () => {
  await using scene = await Scene.open();
  scene.control.corruptUploads();
  await scene.directory.write("disk.raw", RAW);
  await scene.declare(upload("", "disk.raw"));
  const said = await scene.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("source.digest");
  expect(scene.control.images()).toEqual([]);
});

test("a failed upload is explained by its event, and what is left of it is removed", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("disk.img.gz", gzipSync(RAW));
  await scene.declare(upload());
  const fails = async (words: string, leaves: boolean) => {
    scene.control.failUpload(words, leaves);
    const said = await scene.run("apply", "--yes");
    expect(said.code).toBe(1);
    expect(scene.control.images()).toEqual([]);
    return message(said.stderr);
  };
  expect(await fails("Failed to decompress image", false)).toMatch(
    /Linode could not create private\/\d+: Failed to decompress image.*at most 6144 MB/,
  );
  expect(await fails("Upload window expired", true)).toMatch(/Upload window expired.*within a day/);
  await scene.apply();
  await scene.settled();
});

test("a token that may not see events still learns that the image is gone", async () => {
  await using scene = await Scene.open({ scopes: "images:read_write" });
  await scene.directory.write("disk.img.gz", gzipSync(RAW));
  await scene.declare(upload());
  scene.control.failUpload();
  const said = await scene.run("apply", "--yes");
  expect(message(said.stderr)).toMatch(/private\/\d+ disappeared before it was available, and no event says why/);
});

test("the upload URL is in no output, state or journal", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("disk.img.gz", gzipSync(RAW));
  await scene.declare(upload());
  scene.control.next({ kind: "maintenance" }, { server: "uploads", times: 99 });
  const failed = await scene.run("apply", "--yes", "--json=failed.ndjson");
  expect(failed.code).toBe(1);
  scene.control.clearFaults();
  const said = await scene.apply("--json=events.ndjson");
  const queries = scene.emulator.log.of({ server: "uploads" }).map(({ query }) => new URLSearchParams(query));
  const secrets = [TOKEN, ...queries.flatMap((query) => query.get("Signature") ?? [])];
  expect(secrets.length).toBeGreaterThan(2);
  const names = await readdir(scene.directory.path, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile() && !one.name.endsWith(".gz"));
  const texts = await Promise.all(files.map((one) => Bun.file(`${one.parentPath}/${one.name}`).text()));
  const all = [failed, said].flatMap(({ stdout, stderr }) => [stdout, stderr]).concat(texts);
  for (const secret of secrets)
    for (const text of all) for (const one of [secret, encodeURIComponent(secret)]) expect(text).not.toContain(one);
});
