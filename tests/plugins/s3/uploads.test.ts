import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { sha256 } from "images";
import { createHttpClient } from "../../../src/core/net/http.ts";
import { signedHeaders } from "../../../src/core/net/sign.ts";
import { partSize } from "../../../src/core/store/s3/parts.ts";
import { Multipart } from "../../../src/plugins/s3/multipart.ts";
import { BucketObjects } from "../../../src/plugins/s3/objects.ts";
import { AWS, moto, programAt, type Server, versitygw } from "../../core/store/servers.ts";
import { start } from "../killing.ts";
import { BucketWorld } from "./world.ts";

setDefaultTimeout(300_000);

const MIB = 1 << 20;
/** Three parts of 5 MiB, the last one shorter. */
const BYTES = randomBytes(10 * MIB + 100_000);
/** Two parts, for what the number of parts does not matter for. */
const FEWER = BYTES.subarray(0, 6 * MIB);
const BIG = '[image.a]\nsource = "./a.img"\n';
const servers: readonly (readonly [name: string, serve: () => Promise<Server>])[] = [
  ["versitygw", versitygw],
  ["moto_server", moto],
];

const sentParts = (world: BucketWorld): number[] =>
  world.front.asked.flatMap((line) => {
    const n = /^PUT .*[?&]partNumber=(\d+)/.exec(line)?.[1];
    return n === undefined ? [] : [Number(n)];
  });

/** Begins an apply in a process of its own, of which these requests do not arrive, and kills it once it is so far. */
async function killedAt(world: BucketWorld, stalled: RegExp, isThere: () => Promise<boolean>): Promise<void> {
  world.front.stall(stalled);
  const child = start(world, "apply", "--yes");
  // The server, which is slow, is asked once a request was held back: not before.
  while (!world.front.asked.some((line) => stalled.test(line)) || !(await isThere())) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    await Bun.sleep(20);
  }
  child.kill("SIGKILL");
  await child.exited;
  world.front.stall(undefined);
  world.front.asked.length = 0;
}

/** The same, once the server has so many parts. */
const killedWith = async (world: BucketWorld, parts: number): Promise<void> =>
  await killedAt(world, new RegExp(`partNumber=[${parts + 1}-9]&`), async () => {
    const { text } = await world.hands.send("GET", "", { query: { uploads: "" } });
    const [key = "", id = ""] = ["Key", "UploadId"].map(
      (element) => new RegExp(`<${element}>(.*?)</${element}>`).exec(text)?.[1],
    );
    const listed = key === "" ? "" : (await world.hands.send("GET", key, { query: { uploadId: id } })).text;
    return listed.split("<Part>").length > parts;
  });

for (const [name, serve] of servers) {
  const isThere = programAt(name) !== undefined;
  // Skipped: the server is not installed.
  const it = test.skipIf(!isThere);
  let server: Server;
  beforeAll(async () => {
    if (isThere) server = await serve();
  });
  afterAll(async () => {
    if (isThere) await server[Symbol.asyncDispose]();
  });

  it(`${name}: an upload that was killed is continued: parts that the server has are not sent again`, async () => {
    await using world = await BucketWorld.make(server, BIG, 'grace = "0s"\n');
    await Bun.write(world.directory.at("a.img"), BYTES);
    await killedWith(world, 2);
    expect(await world.hands.uploads()).toHaveLength(1);
    await world.ends(0, "apply", "--yes");
    expect(sentParts(world)).toEqual([3]);
    expect(await world.hands.uploads()).toEqual([]);
    expect(await world.keys("wrote/uploads/")).toEqual([]);
    expect(await world.keys("tmp/")).toEqual([]);
    await world.ends(0, "export", "store/a", "--out", "back.img");
    expect(Buffer.compare(Buffer.from(await Bun.file(world.directory.at("back.img")).arrayBuffer()), BYTES)).toBe(0);
  });

  it(`${name}: uploads that no note of the store names stay; those of a run that died go after \`resume\``, async () => {
    await using world = await BucketWorld.make(server, BIG, 'grace = "0s"\nresume = "1h"\n');
    await Bun.write(world.directory.at("a.img"), BYTES);
    await killedWith(world, 1);
    const [ours = ""] = await world.hands.uploads();
    const theirs = [`mirror/blobs/${"b".repeat(64)}`, "mirror/tmp/x", "elsewhere"];
    for (const key of theirs) await world.hands.send("POST", key, { query: { uploads: "" }, body: "" });
    await world.declare('[image.b]\nsource = "./b.img"\n');
    await world.ends(0, "apply", "--yes");
    expect((await world.hands.uploads()).sort()).toEqual([ours, ...theirs].sort());
    const settings = await Bun.file(world.directory.at("images.toml")).text();
    await world.directory.write(
      "images.toml",
      `${settings.replace('resume = "1h"', 'resume = "0s"')}description = "x"\n`,
    );
    await world.ends(0, "apply", "--yes");
    expect((await world.hands.uploads()).sort()).toEqual([...theirs].sort());
    expect(await world.keys("wrote/uploads/")).toEqual([]);
  });

  it(`${name}: an object of more than a copy can hold is copied in parts`, async () => {
    await using world = await BucketWorld.make(server, BIG);
    await Bun.write(world.directory.at("a.img"), BYTES);
    await world.ends(0, "apply", "--yes");
    const [blob = ""] = await world.keys("blobs/");
    const { id } = JSON.parse(await world.text("images-store.json"));
    const keys = { accessKey: AWS.AWS_ACCESS_KEY_ID, secretKey: AWS.AWS_SECRET_ACCESS_KEY };
    const signer = { family: "AWS4", keys, region: "us-east-1", service: "s3" } as const;
    const base = `${server.url}/${world.bucket}`;
    await using http = createHttpClient(
      { url: base, headers: (request) => signedHeaders(request, signer, new Date()) },
      { env: {}, redact: (text) => text, maskSecret: () => undefined },
    );
    const place = { bucket: world.bucket, prefix: "mirror/" };
    const objects = new BucketObjects(place, { base, region: "us-east-1", keys: async () => keys }, http, undefined);
    const multipart = new Multipart(objects, { copied: 10 * MIB, copyPart: 16 * MIB });
    const copying = { from: blob, to: "files/copy", size: BYTES.byteLength, store: id, sha256: sha256(BYTES) };
    expect(await multipart.copy(copying)).toBe(false);
    await multipart.copyParts(copying, await multipart.begin("files/copy", copying));
    const back = await Array.fromAsync(objects.stream("files/copy", new AbortController().signal));
    expect(Buffer.compare(Buffer.concat(back), BYTES)).toBe(0);
    expect((await objects.head("files/copy"))?.owner).toEqual({ store: id, key: "files/copy" });
  });

  // What follows asks more of us, and nothing more of a server: one is enough.
  if (name !== "versitygw") continue;

  it(`${name}: other bytes than the killed ones are sent, whatever the server has`, async () => {
    await using world = await BucketWorld.make(server, BIG, 'grace = "0s"\n');
    await Bun.write(world.directory.at("a.img"), BYTES);
    await killedWith(world, 2);
    const other = Buffer.from(BYTES);
    other[MIB] = (other[MIB] ?? 0) ^ 1;
    await Bun.write(world.directory.at("a.img"), other);
    await world.ends(0, "apply", "--yes");
    expect(await world.hands.uploads()).toEqual([]);
    expect(await world.keys("blobs/")).toEqual([`blobs/${sha256(other)}`]);
    await world.ends(0, "verify");
  });

  it(`${name}: bytes whose digest is not known beforehand get their name when they are there`, async () => {
    await using world = await BucketWorld.make(server, `${BIG}compression = "gz"\n`);
    await Bun.write(world.directory.at("a.img"), FEWER);
    await world.ends(0, "apply", "--yes");
    const [blob = ""] = await world.keys("blobs/");
    const { headers } = await world.hands.send("HEAD", `mirror/${blob}`);
    expect(Number(headers.get("content-length"))).toBeGreaterThan(FEWER.byteLength / 2);
    expect([await world.keys("tmp/"), await world.hands.uploads()]).toEqual([[], []]);
    await world.ends(0, "verify");
  });

  it(`${name}: an upload that was complete when its run died leaves nothing`, async () => {
    await using world = await BucketWorld.make(server, `${BIG}compression = "gz"\n`, 'grace = "0s"\n');
    await Bun.write(world.directory.at("a.img"), FEWER);
    const isSent = async () => (await world.keys("tmp/")).length > 0;
    await killedAt(world, /^PUT \S*\/mirror\/blobs\//, isSent);
    await world.ends(0, "apply", "--yes");
    expect([await world.keys("tmp/"), await world.keys("wrote/uploads/"), await world.hands.uploads()]).toEqual([
      [],
      [],
      [],
    ]);
  });
}

test.skipIf(programAt("versitygw") === undefined)(
  "bytes that are changed on the way are refused by the server",
  async () => {
    await using server = await versitygw();
    await using world = await BucketWorld.make(server, BIG);
    await Bun.write(world.directory.at("a.img"), FEWER);
    world.front.change((chunk) => {
      // Deep in a body: nothing of a request's head is that long.
      if (chunk.byteLength > 60_000) chunk[50_000] = (chunk[50_000] ?? 0) ^ 1;
      return chunk;
    });
    const said = await world.ends(1, "apply", "--yes");
    expect(said.stderr).toMatch(/Digest|digest|MD5|checksum|sha256/i);
    expect(await world.keys("images/")).toEqual([]);
    expect(await world.keys("blobs/")).toEqual([]);
  },
);

test("parts are few enough for any size, large enough for S3, and small while nobody knows the size", () => {
  for (const size of [0, MIB, 100 * MIB, 100_000 * MIB, 5 * 1024 * 1024 * MIB]) {
    const part = partSize(1, size);
    expect(part).toBeGreaterThanOrEqual(5 * MIB);
    expect(size / part).toBeLessThanOrEqual(10_000);
  }
  expect([1, 2000, 2001].map((n) => partSize(n, undefined) / MIB)).toEqual([5, 5, 10]);
  const most = Array.from({ length: 10_000 }, (_, i) => partSize(i + 1, undefined)).reduce(
    (sum, part) => sum + part,
    0,
  );
  expect(most).toBeGreaterThan(5 * 1024 * 1024 * MIB);
  expect(partSize(10_000, undefined)).toBeLessThanOrEqual(5 * 1024 * MIB);
});
