import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { served } from "../../core/net/kit.ts";
import { programAt, type Server, versitygw } from "../../core/store/servers.ts";
import { anonymously, BucketWorld } from "./world.ts";

setDefaultTimeout(300_000);

const IMAGE = '[image.a]\nsource = "./a.img"\n';
const HEX = "a".repeat(64);
const isThere = programAt("versitygw") !== undefined;
/** Skipped: versitygw is not installed. */
const it = test.skipIf(!isThere);

let server: Server;
beforeAll(async () => {
  if (isThere) server = await versitygw();
});
afterAll(async () => {
  if (isThere) await server[Symbol.asyncDispose]();
});

it("a prefix with other content is refused before anything is written, and another one is offered", async () => {
  await using world = await BucketWorld.make(server, IMAGE);
  await world.put("photo.jpg");
  for (const command of [["plan"], ["apply", "--yes"]]) {
    const said = await world.ends(1, ...command);
    expect(said.stderr + said.stdout).toContain("is not a store and not empty");
    expect(said.stderr + said.stdout).toContain(`s3://${world.bucket}/mirror/store`);
  }
  expect(await world.keys()).toEqual(["photo.jpg"]);
});

it("the layout is that of a directory: records, blobs, named files, SHA256SUMS, simplestreams, pages", async () => {
  await using world = await BucketWorld.make(server, `${IMAGE}[image.p]\nsource = "./b.img"\nvisibility = "private"\n`);
  await world.ends(0, "apply", "--yes");
  const keys = await world.keys();
  for (const key of [
    "SHA256SUMS",
    "feed.xml",
    "images-store.json",
    "index.html",
    "robots.txt",
    "streams/v1/images.json",
    "streams/v1/index.json",
  ])
    expect(keys).toContain(key);
  expect(keys.filter((key) => key.startsWith("files/"))).toEqual(["files/a.img"]);
  expect(keys.filter((key) => key.startsWith("blobs/")).length).toBe(2);
  expect(keys.filter((key) => key.startsWith("images/")).length).toBe(2);
  expect(await world.sums()).toEqual(["a.img"]);
  expect(await world.text("files/a.img")).toBe("bytes of a\n".repeat(100));
  for (const key of ["SHA256SUMS", "feed.xml", "index.html", "streams/v1/images.json", "streams/v1/index.json"])
    expect(await world.text(key)).not.toContain("p.img");
  expect(JSON.parse(await world.text("images-store.json"))).toEqual({
    images_store: 2,
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

it("objects that somebody put into a store stay when images come and go, a copy of one of ours among them", async () => {
  await using world = await BucketWorld.make(server, IMAGE);
  await world.ends(0, "apply", "--yes");
  const theirs = [
    "files/notes.txt",
    `blobs/${HEX}`,
    "streams/v1/other.json",
    "streams/v1/images-x.json",
    "tmp/1.txt",
    "wrote/x",
    "wrote/gone/x",
    `wrote/gone/blobs/${HEX}`,
  ];
  for (const key of theirs) await world.put(key);
  const copied = `mirror/files/copy.img`;
  const source = { "x-amz-copy-source": `/${world.bucket}/mirror/files/a.img` };
  expect((await world.hands.send("PUT", copied, { body: "", headers: source })).status).toBe(200);
  const note = JSON.stringify({ key: "blobs/x", id: "theirs", writer: "t" });
  await world.put("wrote/uploads/x.json", note);
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect(await world.text("wrote/uploads/x.json")).toBe(note);
  for (const key of theirs) expect(await world.text(key)).toBe("somebody's\n");
  expect(await world.text("files/copy.img")).toBe("bytes of a\n".repeat(100));
  expect(await world.keys("blobs/")).toEqual([`blobs/${HEX}`]);
});

it("an object of somebody's that has the image's name stops the creation, and stays", async () => {
  await using world = await BucketWorld.make(server, '[image.b]\nsource = "./b.img"\n');
  await world.ends(0, "apply", "--yes");
  await world.put("files/a.img");
  await world.declare(IMAGE);
  expect((await world.ends(1, "apply", "--yes")).stderr).toContain("was not written by this store");
  expect(await world.text("files/a.img")).toBe("somebody's\n");
  expect((await world.keys("images/")).filter((key) => key.startsWith("images/a@"))).toEqual([]);
});

it("an object of ours that somebody has replaced is not deleted", async () => {
  await using world = await BucketWorld.make(server, IMAGE);
  await world.ends(0, "apply", "--yes");
  await world.put("files/a.img");
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect(await world.text("files/a.img")).toBe("somebody's\n");
});

for (const index of ["SHA256SUMS", "streams/v1/images.json", "streams/v1/index.json"]) {
  it(`${index} of somebody's is an error before anything is done`, async () => {
    await using world = await BucketWorld.make(server, '[image.b]\nsource = "./b.img"\n');
    await world.ends(0, "apply", "--yes");
    await world.put(index);
    await world.declare(`[image.b]\nsource = "./b.img"\n${IMAGE}`);
    expect((await world.ends(1, "apply", "--yes")).stderr).toContain("was not written by this store");
    expect(await world.text(index)).toBe("somebody's\n");
    expect((await world.keys("images/")).length).toBe(1);
  });
}

it("a page of somebody's own stays, with a warning", async () => {
  await using world = await BucketWorld.make(server, "");
  await world.declare(IMAGE);
  await world.ends(0, "apply", "--yes");
  await world.put("index.html");
  await world.declare(`${IMAGE}description = "new"\n`);
  expect((await world.ends(0, "apply", "--yes")).stderr).toContain("index.html was not written by this store");
  expect(await world.text("index.html")).toBe("somebody's\n");
});

it("a server that ignores the conditions of writes is refused, and nothing is left there", async () => {
  const objects = new Map<string, string>();
  await using naive = served(async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const date = { date: new Date().toUTCString() };
    if (searchParams.has("list-type")) return new Response("<ListBucketResult></ListBucketResult>", { headers: date });
    if (request.method === "PUT") objects.set(pathname, await request.text());
    if (request.method === "DELETE") objects.delete(pathname);
    const text = objects.get(pathname);
    if (text === undefined && request.method !== "DELETE")
      return new Response("<Error><Code>NoSuchKey</Code></Error>", { status: 404, headers: date });
    return new Response(text ?? "", { headers: { ...date, etag: `"${Bun.hash(text ?? "")}"` } });
  });
  await using world = await BucketWorld.beside(naive, "b-1", IMAGE, "");
  expect((await world.ends(1, "apply", "--yes")).stderr).toContain("ignores the conditions of writes");
  expect([...objects.keys()].filter((key) => key !== "/b-1")).toEqual([]);
});

it("bytes that no image has stay for the grace period, by the clock of the server, and a use ends it", async () => {
  await using world = await BucketWorld.make(server, IMAGE, 'grace = "1h"\n');
  await world.ends(0, "apply", "--yes");
  const blobs = await world.keys("blobs/");
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect([await world.keys("blobs/"), await world.keys("wrote/gone/blobs/")]).toEqual([
    blobs,
    blobs.map((key) => `wrote/gone/${key}`),
  ]);
  await world.declare(`[image.again]\nsource = "./a.img"\n`);
  await world.ends(0, "apply", "--yes");
  expect([await world.keys("blobs/"), await world.keys("wrote/gone/blobs/")]).toEqual([blobs, []]);
});

it("writers at once: the indexes and records have the images of all of them, and nothing is left over", async () => {
  const more = 'grace = "0s"\nresume = "0s"\n';
  await using first = await BucketWorld.make(server, IMAGE.replace("image.a", "image.a0"), more);
  const stack = new AsyncDisposableStack();
  await using _ = stack;
  const worlds = [first];
  for (let i = 1; i < 4; i++) {
    const image = IMAGE.replace("image.a", `image.a${i}`);
    worlds.push(stack.use(await BucketWorld.beside(server, first.bucket, image, more, `world-${i}`)));
    await worlds[i]?.directory.write("a.img", `bytes ${i}`.repeat(100));
  }
  const said = await Promise.all(worlds.map((world) => world.run("apply", "--yes")));
  expect(said.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(worlds.map(() => ""));
  expect(await first.sums()).toEqual([0, 1, 2, 3].map((i) => `a${i}.img`));
  // All go at once as well; the last one takes away what is left.
  for (const world of worlds) await world.declare("", world === first ? "world" : `world-${worlds.indexOf(world)}`);
  const gone = await Promise.all(worlds.map((world) => world.run("apply", "--yes")));
  expect(gone.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(worlds.map(() => ""));
  expect(await first.sums()).toEqual([]);
  expect([await first.keys("blobs/"), await first.keys("files/"), await first.keys("images/")]).toEqual([[], [], []]);
  expect((await first.keys("streams/v1/")).length).toBe(3);
  expect(JSON.parse(await first.text("wrote/working.json")).writers).toEqual([]);
});

it("bytes are not deleted while another writer is at work", async () => {
  await using world = await BucketWorld.make(server, IMAGE);
  await world.ends(0, "apply", "--yes");
  const working = JSON.parse(await world.text("wrote/working.json"));
  const other = { token: "t", host: "elsewhere", pid: 1, at: Date.now() };
  await world.put("wrote/working.json", JSON.stringify({ ...working, writers: [other] }));
  await world.declare("");
  await world.ends(0, "apply", "--yes");
  expect((await world.keys("blobs/")).length).toBe(1);
  // It has not been heard of for long: what it left is made up for, by a run that has nothing else to do.
  await world.put(
    "wrote/working.json",
    JSON.stringify({ ...working, writers: [{ ...other, at: Date.now() - 600_000 }] }),
  );
  await world.ends(0, "info", "store");
  expect(await world.keys("blobs/")).toEqual([]);
  expect(JSON.parse(await world.text("wrote/working.json")).writers).toEqual([]);
});

it("answers that are lost change nothing: each write is known again", async () => {
  await using world = await BucketWorld.make(server, "");
  world.front.loses(0.1);
  for (let i = 0; i < 3; i++) {
    await world.declare(`[image.a]\nsource = "./a.img"\ndescription = "${i}"\n[image.b${i}]\nsource = "./b.img"\n`);
    await world.ends(0, "apply", "--yes");
  }
  world.front.loses(0);
  await world.ends(0, "plan", "--detailed-exitcode");
  expect(await world.sums()).toEqual(["a.img", "b2.img"]);
  expect((await world.keys("images/")).length).toBe(2);
  expect((await world.keys("blobs/")).length).toBe(2);
});

it("a signed link gives a private image to somebody without credentials, and nothing else does", async () => {
  await using world = await BucketWorld.make(server, `${IMAGE}visibility = "private"\n`);
  await world.ends(0, "apply", "--yes");
  const link = (await world.ends(0, "export", "store/a", "--link", "1h")).stdout.trim();
  expect(await (await fetch(link)).text()).toBe("bytes of a\n".repeat(100));
  expect((await fetch(link.split("?")[0] ?? "")).status).toBe(403);
  expect((await fetch(link.replace(/.$/, (last) => (last === "0" ? "1" : "0")))).status).toBe(403);
  expect(link).toContain("X-Amz-Expires=3600");
  for (const wrong of ["8d", "x", "0s"])
    expect((await world.ends(64, "export", "store/a", "--link", wrong)).stderr).toContain("--link");
});

it("the catalogue is only a memory: a record that changed, came or went without it is seen", async () => {
  await using world = await BucketWorld.make(server, `${IMAGE}[image.b]\nsource = "./b.img"\n`);
  await world.ends(0, "apply", "--yes");
  expect(await world.keys("wrote/")).toContain("wrote/catalog.json");
  const keys = await world.keys("images/");
  const [a = "", b = ""] = keys;
  const record = JSON.parse(await world.text(a));
  await world.put(a, JSON.stringify({ ...record, attributes: { ...record.attributes, description: "by hand" } }));
  await world.hands.send("DELETE", `mirror/${b}`);
  const info = JSON.parse((await world.ends(0, "info", "store", "--json")).stdout);
  expect(
    info.map((row: { name: string; attributes: { description?: string } }) => [row.name, row.attributes.description]),
  ).toEqual([["a", "by hand"]]);
  await world.put("wrote/catalog.json", "{");
  expect(JSON.parse((await world.ends(0, "info", "store", "--json")).stdout).length).toBe(1);
});

it("a blob that is gone or of another size is drift, and apply sends it again", async () => {
  await using world = await BucketWorld.make(server, IMAGE);
  await world.ends(0, "apply", "--yes");
  const [blob = ""] = await world.keys("blobs/");
  for (const damage of [
    () => world.hands.send("DELETE", `mirror/${blob}`).then(() => undefined),
    () => world.put(blob, "short"),
  ]) {
    await damage();
    await world.ends(2, "plan", "--detailed-exitcode");
    const said = await world.run("apply", "--yes");
    if (said.code === 0) expect(await world.text(blob)).toBe("bytes of a\n".repeat(100));
    else expect(said.stderr).toContain("was not written by this store");
  }
});

it("with the policy of the docs anybody reads what is public, and sees nothing else", async () => {
  await using world = await BucketWorld.make(server, `${IMAGE}[image.p]\nsource = "./b.img"\nvisibility = "private"\n`);
  await world.ends(0, "apply", "--yes");
  await anonymously(world);
  const status = async (key: string) => (await fetch(`${server.url}/${world.bucket}${key}`)).status;
  const { index } = JSON.parse(await world.text("streams/v1/index.json"));
  for (const key of ["SHA256SUMS", "index.html", "feed.xml", "files/a.img", "streams/v1/index.json", index.images.path])
    expect([key, await status(`/mirror/${key}`)]).toEqual([key, 200]);
  const [record = ""] = await world.keys("images/");
  for (const key of [record, "wrote/working.json", "wrote/catalog.json", "images-store.json"])
    expect([key, await status(`/mirror/${key}`)]).toEqual([key, 403]);
  for (const listing of ["", "?list-type=2&prefix=mirror/"]) expect(await status(listing)).toBe(403);
});
