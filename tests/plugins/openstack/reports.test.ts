import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { backendName } from "../../../src/core/model/name.ts";
import { accessOf } from "../../../src/plugins/openstack/access.ts";
import { TestDirectory } from "../../harness.ts";
import { declared, existing, staged } from "./stage.ts";

// What users of other tools have reported, one by one.

setDefaultTimeout(300_000);

test("terraform-provider-openstack #405, gophercloud/utils#68: auth_url stands in the regions alone", async () => {
  const region = (name: string) =>
    `{name: ${name}, values: {auth: {auth_url: 'https://${name.toLowerCase()}.example/v3'}}}`;
  await using directory = await TestDirectory.make({
    "clouds.yaml": `clouds: {mycloud: {auth: {username: u, password: p, project_name: q}, endpoint_type: public, regions: [${region("A")}, ${region("B")}]}}\n`,
  });
  const urlIn = async (more: object, env: Record<string, string> = {}) => {
    const where = { backend: backendName("x"), directory: directory.path, env: { HOME: directory.path, ...env } };
    const { url, region: of } = await accessOf({ cloud: "mycloud", ...more }, where);
    return [url, of];
  };
  expect(await urlIn({})).toEqual(["https://a.example/v3", "A"]);
  expect(await urlIn({ region: "B" })).toEqual(["https://b.example/v3", "B"]);
  expect(await urlIn({}, { OS_REGION_NAME: "B" })).toEqual(["https://b.example/v3", "B"]);
});

test("terraform-provider-openstack #1283: a member's status is the member's to say, and the error says so", async () => {
  await using stage = await staged(
    declared("a", 'visibility = "shared"\nmembers = [{ project = "p2", status = "accepted" }]'),
  );
  const { cloud } = stage;
  const answer = cloud.glance;
  cloud.glance = (heard) =>
    heard.method === "PUT" && heard.path.includes("/members/")
      ? Response.json({ message: "You are not authorized to complete modify_member action." }, { status: 403 })
      : answer(heard);
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.stderr]).toEqual([
    1,
    expect.stringContaining("only the member project can accept an image: set a `cloud`"),
  ]);
  // The image is finished and stays.
  expect([...stage.glance.images.values()]).toMatchObject([{ status: "active" }]);
});

const FORMATS = join(import.meta.dir, "../../fixtures/formats");
const PACKED = ["gz", "bz2", "xz", "zst"];
const packed = (kind: string) => Bun.file(join(FORMATS, `disk.raw.${kind}`)).bytes();
const raw = gunzipSync(await packed("gz"));
const md5 = createHash("md5").update(raw).digest("hex");

test.each(["application/octet-stream", "binary/octet-stream", "text/plain", ""])(
  "terraform-provider-openstack #1578, #1693, #1766: compressed bytes that are served as %p are unpacked by what they are",
  async (type) => {
    await using web = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async ({ url }) => {
        const headers = type === "" ? {} : { headers: { "content-type": type } };
        return new Response(await packed(PACKED.find((kind) => url.includes(kind)) ?? ""), headers);
      },
    });
    const paths = PACKED.flatMap((kind) => [`disk.${kind}`, `${kind}/disk`, `disk.img?of=${kind}`]);
    const blocks = paths.map(
      (path, i) =>
        `[image.a${i}]\nbackend = "x"\ndisk_format = "raw"\nimage_source_url = "http://127.0.0.1:${web.port}/${path}"\ndecompress = true\n`,
    );
    await using stage = await staged(blocks.join(""));
    const said = await stage.images("apply", "--yes");
    expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
    expect([...stage.glance.images.values()].map(({ checksum }) => checksum)).toEqual(paths.map(() => md5));
  },
);

test("terraform-provider-openstack #1578: a local .xz is unpacked, and not called unpacked", async () => {
  await using stage = await staged(
    '[image.a]\nbackend = "x"\ndisk_format = "raw"\nlocal_file_path = "./disk.raw.xz"\ndecompress = true\n',
    { files: { "disk.raw.xz": await packed("xz") } },
  );
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...stage.glance.images.values()]).toMatchObject([{ checksum: md5, size: raw.length }]);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("terraform-provider-openstack #1766: decompress counts with container_format = compressed as well", async () => {
  const gz = await packed("gz");
  await using web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(gz) });
  for (const [line, size] of [
    ["decompress = true", raw.length],
    ["decompress = false", gz.length],
    ["", gz.length],
  ] as const) {
    await using stage = await staged(
      `[image.a]\nbackend = "x"\ndisk_format = "raw"\ncontainer_format = "compressed"\nimage_source_url = "http://127.0.0.1:${web.port}/disk.gz"\n${line}\n`,
    );
    const said = await stage.images("apply", "--yes");
    expect([line, said.code, said.code === 0 ? "" : said.stderr]).toEqual([line, 0, ""]);
    expect([line, ...[...stage.glance.images.values()].map((image) => image["size"])]).toEqual([line, size]);
  }
});

test("ansible-modules-core#820: a second run makes no second image, for an administrator either", async () => {
  await using stage = await staged(declared("a"));
  const { glance } = stage;
  for (let run = 0; run < 3; run++) expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect(glance.images.size).toBe(1);
  // An administrator imports the image of another project by its id; it is no reason to make one either.
  glance.images.set("i9", existing("i9", { name: "theirs", owner: "p9" }));
  await stage.declare(declared("a") + declared("theirs"));
  expect((await stage.images("import", "x/theirs", "i9")).code).toBe(0);
  for (let run = 0; run < 2; run++) expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect(glance.images.size).toBe(2);
});

test("openstack-gitlab-executor#10: of several images of one name none is chosen, and all are named", async () => {
  await using stage = await staged(declared("a"));
  for (const id of ["i1", "i2", "i3"]) stage.glance.images.set(id, existing(id, { name: "a" }));
  const said = await stage.images("apply", "--adopt", "--yes");
  expect([said.code, said.stdout + said.stderr]).toEqual([1, expect.stringContaining("i1, i2, i3")]);
  expect(stage.glance.images.size).toBe(3);
  // Its own image is found among them by its id.
  await stage.images("import", "x/a", "i2");
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("osism #617: where nobody may see tasks, an import is awaited by the image alone", async () => {
  await using stage = await staged(declared("a", "use_import = true"));
  const { cloud, glance } = stage;
  const answer = cloud.glance;
  let looks = 0;
  cloud.glance = (heard) => {
    if (heard.path.endsWith("/tasks")) return Response.json({ message: "Forbidden" }, { status: 403 });
    if (heard.path.endsWith("/stage")) return answer({ ...heard, path: heard.path.replace("/stage", "/file") });
    const [image] = glance.images.values();
    if (heard.method === "GET" && image?.["status"] === "importing" && ++looks > 5) image["status"] = "active";
    return answer(heard);
  };
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  expect(cloud.asked.some((call) => call.endsWith("/tasks"))).toBe(true);
});
