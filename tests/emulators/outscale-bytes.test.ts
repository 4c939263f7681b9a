import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { S3Client } from "bun";
import { asker } from "./outscale/ask.ts";
import { startObjectStore } from "./outscale/bucket.ts";
import { readQcow2, writeQcow2 } from "./outscale/qcow2.ts";
import { startOutscale } from "./outscale/start.ts";

// The object store is a process of its own, which takes its time to start on a busy machine.
setDefaultTimeout(300_000);

const GIB = 2 ** 30;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** 300 KiB that do not repeat, with a hole in them. */
function bytesOf(seed: string): Buffer {
  const block = (index: number) => createHash("sha256").update(`${seed}${index}`).digest();
  const bytes = Buffer.concat(Array.from({ length: 9600 }, (_, index) => block(index)));
  return bytes.fill(0, 131_072, 200_000);
}

/** An emulator with an object store beside it, and a client for the store. */
async function started() {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(await startObjectStore());
  const emulator = stack.use(await startOutscale({ store, pace: { polls: 1 } }));
  const { endpoint, region, accessKey, secretKey } = store;
  const keys = { endpoint, region, accessKeyId: accessKey, secretAccessKey: secretKey };
  const owned = stack.move();
  return {
    store,
    emulator,
    control: emulator.control,
    bucket: new S3Client({ ...keys, bucket: "images" }),
    keys,
    ask: asker(emulator.url, emulator.accounts[0]),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

test("the object store checks signatures, in headers and in URLs, and knows its unfinished uploads", async () => {
  await using store = await startObjectStore();
  const { endpoint, region, accessKey, secretKey } = store;
  const keys = { endpoint, region, bucket: "images", accessKeyId: accessKey };
  const client = new S3Client({ ...keys, secretAccessKey: secretKey });
  await client.write("a/b c.txt", "hello");
  expect(await store.objects("images")).toEqual(["a/b c.txt"]);
  const stranger = new S3Client({ ...keys, secretAccessKey: secretKey.toLowerCase() });
  await expect(stranger.file("a/b c.txt").text()).rejects.toThrow("signature");
  const url = client.presign("a/b c.txt", { expiresIn: 60 });
  expect(await (await fetch(url)).text()).toBe("hello");
  const statuses = [
    await fetch(`${endpoint}/images/a/b%20c.txt`),
    await fetch(url, { method: "PUT", body: "x" }),
    await fetch(url.replace("X-Amz-Expires=60", "X-Amz-Expires=61")),
    await fetch(stranger.presign("a/b c.txt")),
    await fetch(client.presign("nothing")),
  ].map((response) => response.status);
  expect(statuses).toEqual([403, 403, 403, 403, 404]);

  const curl = async (...args: readonly string[]) => {
    const signer = ["--user", `${accessKey}:${secretKey}`, "--aws-sigv4", `aws:amz:${region}:s3`];
    const child = Bun.spawn(["curl", "-s", ...signer, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", ...args]);
    return await child.stdout.text();
  };
  const begun = await curl("-X", "POST", `${endpoint}/images/big?uploads=`);
  const [, id = ""] = /<UploadId>(\w+)<\/UploadId>/.exec(begun) ?? [];
  expect(await store.unfinished("images")).toEqual([id]);
  expect(await curl(`${endpoint}/images?uploads=`)).toContain(`<Key>big</Key><UploadId>${id}</UploadId>`);
  expect(await curl("-X", "DELETE", `${endpoint}/images/big?uploadId=${id}`)).toBe("");
  expect(await store.unfinished("images")).toEqual([]);
  expect(await curl("-X", "DELETE", `${endpoint}/images/big?uploadId=${id}`)).toContain("NoSuchUpload");
});

test("a snapshot is read from a pre-signed URL, whole, plain or compressed", async () => {
  await using osc = await started();
  const { ask, bucket, control } = osc;
  const raw = bytesOf("raw");
  for (const [key, sent] of [
    ["disk.raw", raw],
    ["disk.raw.gz", gzipSync(raw)],
  ] as const) {
    await bucket.write(key, sent);
    const given = { FileLocation: bucket.presign(key), SnapshotSize: raw.length, Description: key };
    const { Snapshot } = (await ask("CreateSnapshot", given)).body;
    const id = Snapshot?.SnapshotId ?? "";
    expect(Snapshot).toMatchObject({ State: "importing", Progress: 0, VolumeSize: 1, Description: key });
    await control.transferred();
    const read = async () =>
      (await ask("ReadSnapshots", { Filters: { SnapshotIds: [id] } })).body.Snapshots?.[0]?.State;
    expect([await read(), await read()]).toEqual(["pending", "completed"]);
    const disk = control.disk(id);
    expect(disk).toMatchObject({
      format: "raw",
      size: raw.length,
      received: { size: sent.length, sha256: sha256(sent) },
    });
    expect(sha256(await readFile(disk?.path ?? ""))).toBe(sha256(raw));
  }
});

test("a disk that is larger than it was said to be, or that does not arrive whole, becomes an error", async () => {
  await using osc = await started();
  const { ask, bucket, control } = osc;
  await bucket.write("disk", bytesOf("x"));
  await using torn = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response(new ReadableStream({ start: (to) => to.error(undefined) }), { headers: { "content-length": "9" } }),
  });
  const state = async (FileLocation: string, SnapshotSize: number) => {
    const { status, body } = await ask("CreateSnapshot", { FileLocation, SnapshotSize });
    if (status !== 200) return status;
    await control.settle();
    return control.snapshots().find((one) => one.SnapshotId === body.Snapshot?.SnapshotId)?.State;
  };
  expect(await state(bucket.presign("disk"), 307_200)).toBe("completed");
  expect(await state(bucket.presign("disk"), 307_199)).toBe("error");
  expect(await state(bucket.presign("disk", { expiresIn: 1 }).replace(/Date=\d+/, "Date=20200101"), GIB)).toBe(400);
  expect(await state(torn.url.href, GIB)).toBe(400);
});

test("an image goes out through the object store and comes back from its manifest", async () => {
  await using osc = await started();
  const { ask, control, store } = osc;
  const id = await control.addImage("goes out");
  const snapshot = control.image(id)?.BlockDeviceMappings[0]?.Bsu?.SnapshotId ?? "";
  const given = { DiskImageFormat: "raw", OsuBucket: "images", OsuPrefix: "exports/" };
  const made = await ask("CreateImageExportTask", { ImageId: id, OsuExport: given });
  const task = made.body.ImageExportTask;
  expect(task).toMatchObject({ State: "pending/queued", Progress: 0, ImageId: id });
  expect(task?.OsuExport).toEqual({ DiskImageFormat: "raw", OsuBucket: "images", OsuPrefix: `exports/${id}/` });
  await control.transferred();
  const read = async () => {
    return (await ask("ReadImageExportTasks", { Filters: { TaskIds: [task?.TaskId] } })).body.ImageExportTasks?.[0];
  };
  expect((await read())?.State).toBe("pending");
  const done = await read();
  expect([done?.State, done?.Progress]).toEqual(["completed", 100]);
  const keys = await store.objects("images");
  expect(keys).toEqual([
    `exports/${id}/${id}-manifest.json`,
    expect.stringMatching(new RegExp(`^exports/${id}/${snapshot}-\\w{8}\\.raw\\.gz$`)),
  ]);
  expect(done?.OsuExport.OsuManifestUrl).toBe(`${store.endpoint}/images/${keys[0]}`);
  const disk = await readFile(control.disk(snapshot)?.path ?? "");
  expect(gunzipSync(await osc.bucket.file(keys[1] ?? "").bytes()).equals(disk)).toBe(true);

  const FileLocation = osc.bucket.presign(keys[0] ?? "");
  const back = (await ask("CreateImage", { ImageName: "comes back", FileLocation })).body.Image;
  expect(back).toMatchObject({ State: "pending", FileLocation, Architecture: "x86_64", ProductCodes: ["0001"] });
  await control.settle();
  expect(control.image(back?.ImageId ?? "")?.State).toBe("available");
  const copy = back?.BlockDeviceMappings[0];
  expect(copy).toMatchObject({ DeviceName: "/dev/sda1", Bsu: { VolumeSize: 10, VolumeType: "standard" } });
  expect(await readFile(control.disk(copy?.Bsu?.SnapshotId ?? "")?.path ?? "")).toEqual(disk);

  await osc.bucket.delete(keys[1] ?? "");
  const broken = (await ask("CreateImage", { ImageName: "broken", FileLocation })).body.Image?.ImageId ?? "";
  await control.settle();
  expect(control.image(broken)).toMatchObject({ State: "failed", StateComment: { StateCode: "ImportFailed" } });
});

test("a snapshot is exported with the key that is given; a wrong key or bucket fails the task with a comment", async () => {
  await using osc = await started();
  const { ask, control, store } = osc;
  const { snapshot } = control.seeded;
  const run = async (more: object) => {
    const OsuExport = { DiskImageFormat: "qcow2", OsuBucket: "images", OsuPrefix: "p", ...more };
    const { body } = await ask("CreateSnapshotExportTask", { SnapshotId: snapshot, OsuExport });
    await control.settle();
    const TaskIds = [body.SnapshotExportTask?.TaskId];
    return (await ask("ReadSnapshotExportTasks", { Filters: { TaskIds } })).body.SnapshotExportTasks?.[0];
  };
  const [, stranger] = osc.emulator.accounts;
  const OsuApiKey = { ApiKeyId: stranger.accessKey, SecretKey: stranger.secretKey };
  expect(await run({ OsuApiKey })).toMatchObject({ State: "failed", Comment: expect.stringContaining("Access Key") });
  expect(await run({ OsuBucket: "none" })).toMatchObject({
    State: "failed",
    Comment: expect.stringContaining("bucket"),
  });
  control.fail("snapshotExport", { code: "x", message: "told so" });
  expect(await run({})).toMatchObject({ State: "failed", Comment: "told so" });
  expect(await store.objects("images")).toEqual([]);
  const good = await run({ OsuApiKey: { ApiKeyId: store.accessKey, SecretKey: store.secretKey } });
  expect(good).toMatchObject({ State: "completed", Progress: 100, OsuExport: { OsuPrefix: "p" } });
  const [key = ""] = await store.objects("images");
  expect(key).toMatch(new RegExp(`^p/${snapshot}-\\w{8}\\.qcow2\\.gz$`));
  const directory = await mkdtemp(join(tmpdir(), "outscale-test-"));
  await Bun.write(join(directory, "disk.qcow2"), gunzipSync(await osc.bucket.file(key).bytes()));
  await readQcow2(join(directory, "disk.qcow2"), join(directory, "disk.raw"));
  expect(await readFile(join(directory, "disk.raw"))).toEqual(await readFile(control.disk(snapshot)?.path ?? ""));
  await rm(directory, { recursive: true });
});

test("qcow2 and back", async () => {
  const directory = await mkdtemp(join(tmpdir(), "outscale-test-"));
  const [raw, qcow2, again] = ["a", "b", "c"].map((name) => join(directory, name));
  for (const size of [0, 1, 65_536, 307_200]) {
    const bytes = bytesOf("qcow2").subarray(0, size);
    await Bun.write(raw ?? "", bytes);
    await writeQcow2(raw ?? "", qcow2 ?? "");
    await readQcow2(qcow2 ?? "", again ?? "");
    expect((await readFile(again ?? "")).equals(bytes)).toBe(true);
  }
  await rm(directory, { recursive: true });
});
