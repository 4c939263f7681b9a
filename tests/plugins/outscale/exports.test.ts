import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { S3Client } from "bun";
import { type Identity, identity } from "../../../src/core/disk/process.ts";
import { asker } from "../../emulators/outscale/ask.ts";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { run } from "../../harness.ts";
import { KEY, ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);

async function scene() {
  const play = await Scene.open(bucketOf());
  await play.declare(ofVm(play));
  await play.apply();
  return play;
}

/** What is on the root disk of the account's only image. */
async function rootDisk(play: Scene): Promise<Buffer> {
  const id = play.own()[0]?.BlockDeviceMappings[0]?.Bsu?.SnapshotId ?? "";
  return await readFile(play.control.disk(id)?.path ?? "");
}

test("an image is exported to a file through the bucket, in which nothing stays", async () => {
  await using play = await scene();
  const said = await play.ok("export", "osc/small", "--out", "root.raw");
  expect(said.stderr).toContain("has 2 volumes: only the root volume is exported");
  expect((await readFile(play.directory.at("root.raw"))).equals(await rootDisk(play))).toBe(true);
  expect(await play.left()).toEqual([]);
  await play.ok("export", "osc/small");
  expect((await readFile(play.directory.at("small.raw"))).equals(await rootDisk(play))).toBe(true);
  const [task] = play.emulator.log.of({ operation: "CreateImageExportTask" });
  expect(task?.body).toMatchObject({ OsuExport: { DiskImageFormat: "raw", OsuApiKey: { ApiKeyId: KEY.accessKey } } });
  expect(said.stdout + said.stderr).not.toContain(KEY.secretKey);
});

test("an export that fails says why; one whose answer is lost goes on by its prefix", async () => {
  await using play = await scene();
  play.control.fail("imageExport", { code: "X", message: "the bucket is full" });
  expect(await play.refused("export", "osc/small")).toContain("the bucket is full");
  expect(await play.left()).toEqual([]);
  play.control.next({ kind: "lost-answer" }, "CreateImageExportTask");
  await play.ok("export", "osc/small", "--out", "root.raw");
  expect((await readFile(play.directory.at("root.raw"))).equals(await rootDisk(play))).toBe(true);
  expect(await play.left()).toEqual([]);
  expect((await readdir(play.directory.path)).filter((name) => name.includes("part"))).toEqual([]);
});

/** The prefix of an export of a process. */
const exportOf = (id: string, { host, pid, started }: Identity) =>
  `images/exports/${id}/${Buffer.from(JSON.stringify({ host, pid, started })).toString("base64url")}.x/`;

test("an export removes what interrupted ones of this host left, and nothing of one that is running or of another host", async () => {
  await using play = await scene();
  const [{ ImageId: id } = { ImageId: "" }] = play.own();
  const { store, name } = play.bucket ?? bucketOf();
  const keys = { endpoint: store.endpoint, region: store.region, bucket: name, accessKeyId: KEY.accessKey };
  const client = new S3Client({ ...keys, secretAccessKey: KEY.secretKey });
  const me = identity();
  const gone = exportOf(id, { ...me, pid: 2 ** 22 + 1 });
  const others = [exportOf(id, me), exportOf(id, { ...me, host: "elsewhere" }), `images/exports/${id}/${id}/`];
  for (const prefix of [gone, ...others]) await client.write(`${prefix}snap.raw.gz`, "bytes");
  const said = await play.ok("export", "osc/small", "--out", "root.raw");
  expect(said.stderr).toContain(`3 exports of ${id} below images/exports/${id}/`);
  expect((await readFile(play.directory.at("root.raw"))).equals(await rootDisk(play))).toBe(true);
  expect([...(await play.left())].sort()).toEqual(others.map((prefix) => `${prefix}snap.raw.gz`).sort());
  for (const prefix of others) await client.delete(`${prefix}snap.raw.gz`);
});

test("two exports of one image at once", async () => {
  await using play = await scene();
  await Promise.all(["a", "b"].map((to) => play.ok("export", "osc/small", "--out", `${to}.raw`)));
  for (const to of ["a", "b"])
    expect((await readFile(play.directory.at(`${to}.raw`))).equals(await rootDisk(play))).toBe(true);
  expect(await play.left()).toEqual([]);
});

test("without a bucket an export says what to write", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  await play.apply();
  expect(await play.refused("export", "osc/small")).toContain('write bucket = "NAME"');
});

/** The manifests of two exported images in the bucket, which are whole. */
async function manifests(play: Scene): Promise<readonly string[]> {
  const { name = "" } = play.bucket ?? {};
  const ask = asker(play.emulator.url, KEY);
  for (const image of ["first", "second"]) {
    const ImageId = await play.control.addImage(image);
    await ask("CreateImageExportTask", {
      ImageId,
      OsuExport: { DiskImageFormat: "raw", OsuBucket: name, OsuPrefix: image },
    });
    await play.control.settle();
    play.control.removeImage(ImageId);
  }
  return (await play.left()).filter((key) => key.endsWith("-manifest.json")).sort();
}

test("an image is registered from a manifest by a pre-signed URL; another signature of it is no change", async () => {
  await using play = await Scene.open(bucketOf());
  const { store, name } = play.bucket ?? bucketOf();
  const [first = "", second = ""] = await manifests(play);
  const { accessKey, secretKey } = KEY;
  const keys = { endpoint: store.endpoint, region: store.region, bucket: name, accessKeyId: accessKey };
  const client = new S3Client({ ...keys, secretAccessKey: secretKey });
  const declare = (location: string) =>
    play.declare(`[image.small]\nbackend = "osc"\ndescription = "mine"\nfile_location = "${location}"\n`);
  const url = client.presign(first);
  await declare(url);
  await play.apply();
  const [{ ImageId: id } = { ImageId: "" }] = play.own();
  expect(play.own()).toMatchObject([{ State: "available", Description: "mine", ImageName: "small" }]);
  await play.settled();
  await declare(client.presign(first, { expiresIn: 77 }));
  await play.settled();
  await play.apply("--replace", "osc/small");
  expect(play.own()[0]?.ImageId).not.toBe(id);
  await declare(client.presign(second));
  const plan = (await play.ok("plan")).stdout;
  expect([plan.includes("file_location"), plan.includes("X-Amz")]).toEqual([true, false]);
  await play.apply();
  await play.settled();
  expect(play.own().length).toBe(1);
  for (const file of await readdir(play.directory.path, { recursive: true, withFileTypes: true }))
    if (file.isFile() && file.name !== "images.toml")
      expect(await Bun.file(`${file.parentPath}/${file.name}`).text()).not.toContain("X-Amz-Signature");
  // A URL of this bucket needs no signature of the user's: it is signed with the keys of the settings.
  await declare(`${store.endpoint}/${name}/${first}`);
  await play.apply();
  await play.settled();
  expect(play.own()).toMatchObject([{ State: "available" }]);
  expect(play.control.orphans()).toEqual([]);
});

test("a reference keeps the URL's signature out of the state; a URL that is no manifest is told", async () => {
  await using play = await Scene.open(bucketOf());
  const { store, name } = play.bucket ?? bucketOf();
  const [first = ""] = await manifests(play);
  const keys = { endpoint: store.endpoint, region: store.region, bucket: name, accessKeyId: KEY.accessKey };
  const client = new S3Client({ ...keys, secretAccessKey: KEY.secretKey });
  const url = client.presign(first);
  await play.declare('[image.small]\nbackend = "osc"\nfile_location = "env:MANIFEST"\n');
  const said = await run(play.directory, ["apply", "--yes"], { env: { ...play.env, MANIFEST: url } });
  expect([said.code, said.stderr.includes("X-Amz-Signature")]).toEqual([0, false]);
  const state = await Bun.file(play.directory.at("images.state.json")).text();
  expect(state).not.toContain("X-Amz");
  await play.settled();
  await client.write("no-manifest.json", "{}");
  await play.declare(`[image.other]\nbackend = "osc"\nfile_location = "${client.presign("no-manifest.json")}"\n`);
  const wrong = await play.refused("apply", "--yes", "--target", "osc/other");
  expect(wrong).toContain("not a manifest");
  expect(wrong).not.toContain("X-Amz-Signature=");
});
