import { expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { existing, staged } from "./stage.ts";

// A state that terraform's own provider (3.4) wrote on a real Glance, on the images that it is about.

setDefaultTimeout(300_000);

interface State {
  readonly resources: readonly {
    readonly type: string;
    readonly instances: readonly { readonly attributes: Readonly<Record<string, unknown>> }[];
  }[];
}

test("a recorded state: every image is adopted with its members, nothing but markers is written, and the plan is empty", async () => {
  const disk = new Uint8Array(3 << 20).map((_, i) => (i * 7 + (i >> 9)) & 0xff);
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(disk, { headers: { etag: '"1"' } }),
  });
  const recorded = await readFile(resolve("tests/fixtures/terraform/openstack-recorded.tfstate"), "utf8");
  const text = recorded
    .replaceAll("RegionOne", "One")
    .replaceAll("https://images.example.org", `http://127.0.0.1:${web.port}`);
  const state: State = JSON.parse(text);
  await using stage = await staged("", { files: { "terraform.tfstate": text } });
  const { glance } = stage;
  const of = (wanted: string) =>
    state.resources.flatMap(({ type, instances }) => (type === wanted ? instances.map((one) => one.attributes) : []));
  for (const { id, hidden, min_disk_gb, min_ram_mb, tags, properties, checksum, size_bytes, ...rest } of of(
    "openstack_images_image_v2",
  )) {
    const { name, visibility, protected: kept } = rest;
    const told = { name, visibility, protected: kept, tags: tags ?? [], os_hidden: hidden, min_disk: min_disk_gb };
    const sums = typeof properties === "object" ? properties : {};
    const image = { ...told, min_ram: min_ram_mb, checksum, size: size_bytes, region: undefined, ...sums };
    glance.images.set(String(id), existing(String(id), JSON.parse(JSON.stringify(image))));
  }
  for (const { image_id, member_id } of of("openstack_images_image_access_v2"))
    glance.members.set(String(image_id), new Map([[String(member_id), "pending"]]));
  const before = new Map([...glance.images].map(([id, image]) => [id, { ...image }]));
  await stage.declare("");
  await stage.directory.write("disk.img", disk);
  const said = await stage.images("import", "--from-terraform", "terraform.tfstate", "--backend", "x");
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  for (const [id, image] of before) {
    const bare = Object.entries(glance.images.get(id) ?? {}).filter(([key]) => !key.startsWith("images_"));
    expect(Object.fromEntries(bare)).toEqual(image);
  }
  const plan = await stage.images("plan", "--detailed-exitcode");
  expect([plan.code, plan.code === 0 ? "" : plan.stdout + plan.stderr]).toEqual([0, ""]);
  const members = of("openstack_images_image_access_v2").map(({ image_id }) => String(image_id));
  for (const id of members) expect(glance.members.get(id)?.size).toBe(1);
  expect(stage.cloud.asked.filter((call) => /^(?:POST|PUT|DELETE) .*members/.test(call))).toEqual([]);
});
