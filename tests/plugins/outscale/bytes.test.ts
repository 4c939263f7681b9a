import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { S3Client } from "bun";
import { address, backendName, type Host, imageName, type Source } from "images";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { OutscaleBucket } from "../../../src/plugins/outscale/bucket.ts";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { KEY, ofBytes, Scene } from "./kit.ts";
import { startLossy } from "./lossy.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);
const MIB = 1 << 20;
const RAW = new Uint8Array(Buffer.concat([Buffer.from("boot ".repeat(50_000)), Buffer.alloc(MIB)])).slice(0, MIB);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const never = new AbortController().signal;

async function scene(more = "", file = "disk.raw", bytes: Uint8Array = RAW) {
  const play = await Scene.open(bucketOf());
  await play.directory.write(file, bytes);
  await play.declare(ofBytes(more, file));
  return play;
}

/** The disk that the one image of the account was made of, as Outscale got it. */
const received = (play: Scene) => {
  const id = play.own()[0]?.BlockDeviceMappings[0]?.Bsu?.SnapshotId ?? "";
  return play.control.disk(id)?.received;
};

test("bytes go through the bucket into a snapshot, and from there into an image; only these two are left", async () => {
  await using play = await scene('description = "words"');
  await play.apply();
  expect(received(play)).toEqual({ size: RAW.length, sha256: sha256(RAW) });
  expect(play.asked(true)).toEqual([
    "CreateSnapshot 200",
    "CreateImage 200",
    "CreateTags 200",
    "CreateTags 200",
    "UpdateImage 200",
  ]);
  const [image] = play.own();
  const snapshot = play.control
    .snapshots()
    .find((one) => one.SnapshotId === image?.BlockDeviceMappings[0]?.Bsu?.SnapshotId);
  expect(snapshot?.Description).toMatch(/^images images osc\/small [0-9a-f-]{36}$/);
  expect(snapshot?.Tags).toEqual([
    { Key: "images.file", Value: "images" },
    { Key: "images.owner", Value: "osc/small" },
    { Key: "images.image", Value: image?.ImageId ?? "" },
  ]);
  expect(await play.left()).toEqual([]);
  await play.settled();
  await play.ok("destroy", "--yes");
  expect(play.control.snapshots().map(({ SnapshotId }) => SnapshotId)).not.toContain(snapshot?.SnapshotId ?? "");
});

test("compressed bytes are sent unpacked; a qcow2 file as it is, with the size of its disk", async () => {
  await using play = await scene("", "disk.raw.gz", gzipSync(RAW));
  await play.apply();
  expect(received(play)).toEqual({ size: RAW.length, sha256: sha256(RAW) });
  const qcow2 = new Uint8Array(
    await Bun.file(new URL("../../fixtures/formats/v3.qcow2", import.meta.url)).arrayBuffer(),
  );
  const size = Number(Buffer.from(qcow2).readBigUInt64BE(24));
  await play.directory.write("disk.qcow2", qcow2);
  await play.declare(ofBytes("", "disk.qcow2"));
  await play.apply();
  expect(received(play)).toEqual({ size: qcow2.length, sha256: sha256(qcow2) });
  const asked = play.emulator.log.of({ operation: "CreateSnapshot" }).map(({ body }) => body);
  expect(asked).toMatchObject([{ SnapshotSize: RAW.length }, { SnapshotSize: size }]);
  expect(await play.left()).toEqual([]);
});

test("bytes that are not those of the checksum never become an object, a snapshot or an image", async () => {
  await using play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", RAW);
  const checksum = `sha256:${"0".repeat(64)}`;
  await play.declare(`[image.small]\nbackend = "osc"\nsource = { file = "./disk.raw", checksum = "${checksum}" }\n`);
  expect(await play.refused("apply", "--yes")).toContain("source.checksum");
  expect(play.asked(true)).toEqual([]);
  expect(play.own()).toEqual([]);
  expect(await play.left()).toEqual([]);
});

test("without a bucket it is said what to write, and with one that does not exist too", async () => {
  await using play = await Scene.open();
  await play.directory.write("disk.raw", RAW);
  await play.declare(ofBytes());
  expect(await play.refused("apply", "--yes")).toContain('write bucket = "NAME" into the settings of the backend');
  const { store } = bucketOf();
  await play.declare(ofBytes(), `bucket = "nobodys"\nbucket_endpoint = "${store.endpoint}"`);
  const said = await play.refused("apply", "--yes");
  expect(said).toContain("NoSuchBucket");
  expect(said).toContain("create the bucket, or set another one");
});

test("neither the secret key nor a signature is in an output, the state or the journal", async () => {
  await using play = await scene();
  const said = await play.apply("--json=events.ndjson");
  play.control.fail("snapshot");
  await play.run("apply", "--yes", "--replace", "osc/small", "--json=failed.ndjson");
  const bodies = play.emulator.log.of({ operation: "CreateSnapshot" }).map(({ body }) => JSON.stringify(body));
  const signatures = bodies.flatMap((body) => /X-Amz-Signature=([0-9a-f]{64})/.exec(body)?.[1] ?? []);
  expect(signatures.length).toBe(2);
  const names = await readdir(play.directory.path, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile() && !one.name.endsWith(".raw"));
  const texts = await Promise.all(files.map((one) => Bun.file(`${one.parentPath}/${one.name}`).text()));
  expect(texts.length).toBeGreaterThan(4);
  for (const text of [said.stdout, said.stderr, ...texts])
    for (const secret of [KEY.secretKey, ...signatures]) expect(text).not.toContain(secret);
});

/** A bucket by itself, and what it was asked: "PUT partNumber=1&uploadId=…". */
function opened(name: string, endpoint: string) {
  const asked: string[] = [];
  const means = { signal: never, redact: (text: string) => text, maskSecret: () => {}, env: {}, random: () => 0 };
  const http: Host["http"] = (options) =>
    createHttpClient(
      {
        ...options,
        headers: (request) => {
          asked.push(`${request.method} ${request.url.search.replace(/[0-9a-f]{32}/, "ID")}`);
          return typeof options.headers === "function" ? options.headers(request) : {};
        },
      },
      means,
    );
  return { asked, bucket: new OutscaleBucket({ name, endpoint, region: "eu-west-2", keys: KEY }, { http }) };
}

const at = address(backendName("osc"), imageName("small"));
function listening() {
  const done: number[] = [];
  const context = {
    address: at,
    desiredMarker: undefined,
    marker: () => undefined,
    nonce: "n",
    completed: () => undefined,
    signal: never,
    note: () => undefined,
    identified: async () => undefined,
    secret: async () => "",
    progress: (_: string, bytes: number) => void done.push(bytes),
  };
  return { done, context };
}

const sourceOf = (open: Source["open"], size: number | undefined): Source => ({
  format: "raw",
  compression: "none",
  filename: "disk.raw",
  ...(size === undefined ? {} : { size }),
  open,
  digests: async () => ({}),
});

test("a large disk goes in parts while it is read: two of them are in memory at most", async () => {
  const { store, name, left } = bucketOf();
  const { asked, bucket } = opened(name, store.endpoint);
  const { done, context } = listening();
  const piece = Buffer.alloc(MIB, "part of a disk ");
  const count = 52;
  const hash = createHash("sha256");
  const ahead: number[] = [];
  async function* pieces() {
    for (let i = 0; i < count; i++) {
      ahead.push(i * MIB - (done.at(-1) ?? 0));
      hash.update(piece);
      yield piece;
    }
  }
  let told = 0;
  const upload = bucket.upload("a/disk", sourceOf(pieces, count * MIB), (one) => (told += one.byteLength), context);
  expect([await upload, told]).toEqual([count * MIB, count * MIB]);
  expect(asked.map((one) => one.replace(/&uploadId.*/, ""))).toEqual([
    "POST ?uploads=",
    ...Array.from({ length: 11 }, (_, i) => `PUT ?partNumber=${i + 1}`),
    "POST ?uploadId=ID",
  ]);
  expect(Math.max(...ahead)).toBeLessThanOrEqual(10 * MIB);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(done.at(-1)).toBe(count * MIB);
  const found = createHash("sha256");
  for await (const one of bucket.get("a/disk", never)) found.update(one);
  expect(found.digest("hex")).toBe(hash.digest("hex"));
  expect(await left()).toEqual(["a/disk"]);
  await bucket.clear("a/", never);
  expect(await left()).toEqual([]);
});

test("answers of the object store that are lost: the object is whole, and nothing unfinished stays", async () => {
  const { store, name, left } = bucketOf();
  await using lossy = await startLossy(store.endpoint);
  const { bucket } = opened(name, lossy.url);
  for (const request of [/^POST .*\?uploads=/, /^PUT .*partNumber=1/, /^POST .*\?uploadId=/, /^GET .*list-type=2/])
    lossy.lose(request);
  await bucket.upload(
    "a/disk",
    sourceOf(async function* () {
      yield RAW;
    }, RAW.length),
    () => undefined,
    listening().context,
  );
  const pieces = await Array.fromAsync(bucket.get("a/disk", never));
  expect(sha256(Buffer.concat(pieces))).toBe(sha256(RAW));
  for (const request of [/^DELETE .*a\/disk/, /^GET .*uploads=/]) lossy.lose(request);
  await bucket.clear("a/", never);
  expect(lossy.left).toBe(0);
  expect(await left()).toEqual([]);
});

test("objects whose keys need escaping are found, read by a URL of their own, and removed; others stay", async () => {
  const { store, name, left } = bucketOf();
  const { bucket } = opened(name, store.endpoint);
  const { accessKey, secretKey } = KEY;
  const keys = { endpoint: store.endpoint, region: store.region, bucket: name, accessKeyId: accessKey };
  const client = new S3Client({ ...keys, secretAccessKey: secretKey });
  for (const key of ["a/b (c)+=@.raw", "a/ü", "ab"]) await client.write(key, "x");
  expect([...(await bucket.keys("a/", never))].sort()).toEqual(["a/b (c)+=@.raw", "a/ü"]);
  expect(await (await fetch(bucket.presigned("a/b (c)+=@.raw", 60))).text()).toBe("x");
  await bucket.clear("a/", never);
  expect(await left()).toEqual(["ab"]);
});
