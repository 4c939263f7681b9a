import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { recordingContext } from "../../../src/conformance/stage.ts";
import { Glance as Client } from "../../../src/plugins/openstack/glance.ts";
import { keeps, kindOf } from "../../../src/plugins/openstack/head.ts";
import { fetched } from "../../../src/plugins/openstack/import.ts";
import { opened } from "../../core/net/kit.ts";
import { Glance } from "./glance.ts";
import { Cloud } from "./keystone.ts";
import { bytes, declared, staged } from "./stage.ts";

// What a real Glance cannot be made to do, or not in time.

setDefaultTimeout(300_000);

const FIXTURES = join(import.meta.dir, "../../fixtures/formats");
test("a plan over 1,000 images costs the pages of one listing of the project's own", async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `small-${i}`);
  await using stage = await staged(names.map((name) => declared(name)).join(""));
  const { glance, cloud } = stage;
  glance.page = 400;
  for (const name of names) {
    const marker = { images_file: "team", images_owner: `x/${name}`, images_content: "" };
    const fields = { id: `id-${name}`, name, status: "active", disk_format: "raw", container_format: "bare" };
    glance.images.set(`id-${name}`, { ...fields, visibility: "shared", owner: "p1", tags: [], ...marker });
  }
  await stage.images("plan");
  // Three pages of those that are shown, one of the hidden ones: no state says yet that there are none of ours.
  expect(cloud.asked).toEqual(Array.from({ length: 4 }, () => "GET /images"));
  const lists = cloud.heard.filter(({ path }) => path.endsWith("/v2/images")).map(({ query }) => query);
  expect(lists.map((query) => query.get("owner"))).toEqual(["p1", "p1", "p1", "p1"]);
  expect(lists.map((query) => query.get("os_hidden")).filter((hidden) => hidden === "true").length).toBe(1);
  expect(cloud.logins.length).toBe(1);
});

test("where the state knows all images, hidden ones are not listed", async () => {
  await using stage = await staged(["a", "b", "c", "d"].map((name) => declared(name)).join(""));
  const { cloud } = stage;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  cloud.heard.length = 0;
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
  expect(cloud.asked).toEqual(["GET /images"]);
  expect(cloud.heard.some(({ query }) => query.get("os_hidden") === "true")).toBe(false);
});

const remote = (port: number | undefined) =>
  `[image.big]\nbackend = "x"\ndisk_format = "raw"\nweb_download = true\nsource = { url = "http://127.0.0.1:${port}/disk.img", checksum = "sha512:${createHash("sha512").update(bytes).digest("hex")}" }\n`;

test("an import that Glance leaves stuck is told by its task, and the bytes go through here", async () => {
  await using web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(bytes) });
  await using stage = await staged(remote(web.port));
  const said = await stage.images("apply", "--yes");
  expect(said.stderr).toContain("Glance did not fetch");
  expect(said.stderr).toContain("no luck");
  expect(said.code).toBe(0);
  expect([...stage.glance.images.values()].map(({ status, size }) => [status, size])).toEqual([
    ["active", bytes.length],
  ]);
});

test("a cloud that converts what it imports is recognised, and a declared checksum is verified here", async () => {
  await using web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(bytes) });
  await using stage = await staged(remote(web.port));
  stage.glance.converts = "qcow2";
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.stderr.includes("the cloud converted the image to qcow2")]).toEqual([0, true]);
  expect([...stage.glance.images.values()]).toMatchObject([
    { status: "active", disk_format: "raw", size: bytes.length },
  ]);
});

test("an import of which nothing is heard is given up after its time", async () => {
  await using cloud = new Cloud();
  const glance = new Glance();
  cloud.glance = glance.answer;
  glance.tells = false;
  glance.images.set("i1", { id: "i1", status: "queued" });
  await using us = opened({ url: `${cloud.url}/v2` });
  const notes: string[] = [];
  const { context } = recordingContext(undefined, { note: (text) => void notes.push(text) });
  const pull = { urls: ["http://127.0.0.1:1/x"], open: () => Promise.reject(new Error("not here")) };
  expect(await fetched(new Client(us.door), "i1", pull, {}, context, 0.2)).toBeUndefined();
  expect(notes).toEqual([expect.stringContaining("timed out after 0 s: the image i1 is still importing")]);
});

test.each([
  ["came", true],
  ["did not come", false],
])("a POST that is answered without a word and %s leaves one image", async (_, isBegun) => {
  await using stage = await staged(declared("a"));
  const { cloud, glance } = stage;
  let isFirst = true;
  cloud.glance = (heard) => {
    if (heard.method !== "POST" || !isFirst) return glance.answer(heard);
    isFirst = false;
    if (isBegun) glance.answer(heard);
    return new Response(null, { status: 200 });
  };
  const said = await stage.images("apply", "--yes");
  expect(said.stderr + said.stdout).toContain("1 added");
  expect([...glance.images.values()].map(({ name, status }) => [name, status])).toEqual([["a", "active"]]);
  expect(cloud.asked.filter((call) => call === "POST /images").length).toBe(isBegun ? 1 : 2);
});

test("vkcs turns qcow2 into raw on its way, and sends no header of VK Cloud's to another cloud", async () => {
  const qcow2 = await Bun.file(join(FIXTURES, "v3.qcow2")).bytes();
  const image =
    '[image.disk]\nbackend = "x"\nlocal_file_path = "./disk.qcow2"\ndisk_format = "raw"\ncontainer_format = "bare"\n';
  await using stage = await staged(image, { plugin: "vkcs", files: { "disk.qcow2": qcow2 } });
  const said = await stage.images("apply", "--yes");
  expect(said.stderr + said.stdout).toContain("1 added");
  const [made] = stage.glance.images.values();
  expect(made).toMatchObject({ disk_format: "raw", container_format: "bare", visibility: "private", size: 24576 });
  expect(stage.cloud.heard.filter(({ headers }) => headers.has("x-image-meta-store"))).toEqual([]);
});

test("VK Cloud's public regions are told where the bytes are to be kept", async () => {
  await using inside = new Cloud();
  const env = { HTTP_PROXY: inside.url, NO_PROXY: "127.0.0.1" };
  await using stage = await staged(declared("a"), {
    plugin: "vkcs",
    more: 'endpoint = "http://infra.mail.ru:9292"',
    env,
  });
  inside.glance = stage.glance.answer;
  const said = await stage.images("apply", "--yes");
  expect(said.stderr + said.stdout).toContain("1 added");
  const told = inside.heard.filter(({ headers }) => headers.get("x-image-meta-store") === "s3");
  expect(told.map(({ method, path }) => `${method} ${path.replace(/[0-9a-f-]{36}/, "ID")}`)).toEqual([
    "POST /v2/images",
    "PUT /v2/images/ID/file",
  ]);
});

test("a replacement that could not get its name gets it in the next run", async () => {
  await using stage = await staged(declared("a"));
  const { cloud, glance } = stage;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const [first] = glance.images.keys();
  await stage.directory.write("disk.img", "other\n".repeat(1000));
  cloud.glance = (heard) =>
    heard.method === "PATCH" ? Response.json({ message: "not now" }, { status: 400 }) : glance.answer(heard);
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  cloud.glance = glance.answer;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...glance.images.values()].map(({ name }) => name)).toEqual(["a"]);
  expect(glance.images.has(String(first))).toBe(false);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test.each([
  ["gzip", "raw", (raw: Uint8Array<ArrayBuffer>) => Bun.gzipSync(raw)],
  ["qcow2", "raw", () => Bun.file(join(FIXTURES, "v3.qcow2")).bytes()],
  ["zstd", "qcow2", async () => Bun.zstdCompressSync(await Bun.file(join(FIXTURES, "v3.qcow2")).bytes())],
])("web_download of bytes that are %s where %s is declared: they are sent from here", async (kind, disk, make) => {
  const sent = await make(new TextEncoder().encode(bytes));
  await using web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(sent) });
  const sum = createHash("sha512").update(sent).digest("hex");
  await using stage = await staged(
    `[image.big]\nbackend = "x"\ndisk_format = "${disk}"\nweb_download = true\nsource = { url = "http://127.0.0.1:${web.port}/disk", checksum = "sha512:${sum}" }\n`,
  );
  const said = await stage.images("apply", "--yes");
  expect(said.stderr).toContain(`the bytes are ${kind}, and disk_format is ${disk}`);
  expect(said.code).toBe(0);
  expect(stage.cloud.asked.filter((call) => call.endsWith("/import"))).toEqual([]);
  const [made] = stage.glance.images.values();
  expect(made).toMatchObject({ status: "active", disk_format: disk });
  expect(made?.["os_hash_value"]).not.toBe(sum);
  expect(stage.glance.images.size).toBe(1);
});

test("the kinds of bytes that Glance may keep as what is declared", async () => {
  const kind = async (name: string) => kindOf(await Bun.file(join(FIXTURES, name)).bytes());
  expect(await kind("v3.qcow2")).toBe("qcow2");
  expect(kindOf(new Uint8Array(100))).toBe("raw");
  const qcow2 = await Bun.file(join(FIXTURES, "v3.qcow2")).bytes();
  for (const [at, value] of [
    [15, 104],
    [79, 4],
  ] as const) {
    const unsafe = Uint8Array.from(qcow2);
    unsafe[at] = value;
    expect(kindOf(unsafe)).toBe("qcow2 that refers to another file");
  }
  const allowed = (disk: string, container = "bare") =>
    ["raw", "iso", "qcow2", "vmdk", "vhd", "gzip", "tar"].filter((one) =>
      keeps(
        {
          disk_format: disk,
          container_format: container,
          verify_checksum: true,
          web_download: true,
          upstream_date: false,
          use_import: false,
        },
        one,
      ),
    );
  expect(allowed("raw")).toEqual(["raw", "iso"]);
  expect(allowed("qcow2")).toEqual(["qcow2"]);
  expect(allowed("vhd")).toEqual(["raw", "vhd"]);
  expect(allowed("raw", "compressed").length).toBe(7);
  expect(allowed("aki").length).toBe(7);
});

for (const isOld of [false, true])
  test(`bytes that Glance does not store as they were sent are found${isOld ? ", by the md5 of a Glance that has no other digest" : ""}`, async () => {
    await using stage = await staged(declared("a"));
    stage.glance.isOld = isOld;
    stage.glance.isBroken = true;
    const said = await stage.images("apply", "--yes");
    expect(said.code).toBe(1);
    expect(said.stderr + said.stdout).toContain(`checksum mismatch of the upload: sent ${isOld ? "md5" : "sha512"}`);
    expect(stage.glance.images.size).toBe(0);
    stage.glance.isBroken = false;
    expect((await stage.images("apply", "--yes")).code).toBe(0);
  });
