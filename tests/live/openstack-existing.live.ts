import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { run, type TestDirectory } from "../harness.ts";
import { clouds, facts } from "./glance.ts";
import { apply, at, bytes, env, FILE, images, mine, settled, toml } from "./openstack-kit.ts";

// Images that a real Glance has before this program comes: eval "$(tests/live/openstack-up DIR)" first.

setDefaultTimeout(600_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

const MARKER = ["images_file", "images_owner", "images_content", "images_lineage", "images_self", "images_declares"];
const member = facts.demo.project_id;

/** An image of the same bytes, as the openstack client makes one. */
async function upload(fields: Readonly<Record<string, unknown>> = {}, project = mine): Promise<string> {
  const all = { name: "old", disk_format: "raw", container_format: "bare", ...fields };
  const made: { id: string } = JSON.parse(await (await project.call("POST", "images", all)).text());
  const sent = await fetch(`${facts.glance.RegionOne}/v2/images/${made.id}/file`, {
    method: "PUT",
    headers: { "x-auth-token": project.token, "content-type": "application/octet-stream" },
    body: bytes,
  });
  expect(sent.status).toBe(204);
  return made.id;
}

const seen = async (id: string, project = mine): Promise<Record<string, unknown>> =>
  JSON.parse(await (await project.call("GET", `images/${id}`)).text());

/** The image without its marker, and without the time at which that was written. */
const bare = (image: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(image).filter(([key]) => key !== "updated_at" && !MARKER.includes(key)));

const membersOf = async (id: string): Promise<readonly string[]> => {
  const answer: { members: { member_id: string }[] } = JSON.parse(
    await (await mine.call("GET", `images/${id}/members`)).text(),
  );
  return answer.members.map(({ member_id }) => member_id);
};

const change = (id: string, path: string, value: unknown, project = mine) =>
  project.call("PATCH", `images/${id}`, [{ op: "add", path, value }]);

async function lose(place: TestDirectory): Promise<void> {
  for (const name of ["images.state.json", "images.state.json.backup", ".images"])
    await rm(place.at(name), { recursive: true, force: true });
}

test.each([
  ["private", { visibility: "private" }, 'visibility = "private"'],
  ["community", { visibility: "community" }, ""],
  ["shared", { visibility: "shared" }, ""],
  ["hidden", { os_hidden: true }, "hidden = true"],
  ["protected", { protected: true }, "protected = true"],
  ["a snapshot of a server", { image_type: "snapshot", base_image_ref: member, owner_specified: "x" }, ""],
])("%s: the image is imported, and adopted by its name: nothing but the marker is written", async (_, fields, more) => {
  const id = await upload(fields);
  const before = await seen(id);
  await using place = await at(`name = "old"\ndisk_format = "raw"\nregion = "RegionOne"\n${more}\n${FILE}`);
  const said = await images(place, "import", "x/big", id);
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  await settled(place);
  expect(bare(await seen(id))).toEqual(bare(before));
  expect((await images(place, "state", "rm", "x/big")).code).toBe(0);
  for (const key of MARKER) await mine.call("PATCH", `images/${id}`, [{ op: "remove", path: `/${key}` }]);
  expect((await run(place, ["apply", "--yes", "--adopt"], { env })).code).toBe(0);
  await settled(place);
  expect(bare(await seen(id))).toEqual(bare(before));
});

test.each(["", `members = ["${member}"]`])(
  "the members of a shared image stay through an import with %p",
  async (more) => {
    const id = await upload({ visibility: "shared" });
    expect((await mine.call("POST", `images/${id}/members`, { member })).status).toBe(200);
    await using place = await at(`name = "old"\nvisibility = "shared"\n${more}\n${FILE}`);
    expect((await images(place, "import", "x/big", id)).code).toBe(0);
    await settled(place);
    expect(await membersOf(id)).toEqual([member]);
    await place.write("images.toml", toml(`name = "old"\nvisibility = "shared"\n${more}\nmin_ram_mb = 64\n${FILE}`));
    expect((await apply(place)).code).toBe(0);
    expect(await membersOf(id)).toEqual([member]);
    await settled(place);
  },
);

test("an administrator imports a deactivated image of another project", async () => {
  const id = await upload();
  expect((await mine.call("POST", `images/${id}/actions/deactivate`)).status).toBe(204);
  await using place = await at(`name = "old"\nstatus = "deactivated"\n${FILE}`, 'cloud = "admin"');
  const said = await run(place, ["import", "x/big", id], { env: { OS_CLIENT_CONFIG_FILE: clouds } });
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  await settled(place);
  expect((await seen(id))["status"]).toBe("deactivated");
});

test("a snapshot that inherited the marker outlives a lost state, a replace and destroy", async () => {
  await using place = await at(FILE);
  expect((await apply(place)).code).toBe(0);
  const [made] = await mine.images();
  const own = Object.entries(made ?? {}).filter(([key]) => key.startsWith("images_"));
  // As Nova writes it: all properties of the base image go along.
  const id = await upload({
    name: "backup",
    image_type: "snapshot",
    base_image_ref: made?.["id"],
    ...Object.fromEntries(own),
  });
  const before = await seen(id);
  await lose(place);
  await place.write("disk.img", bytes.subarray(4096));
  await apply(place);
  expect((await run(place, ["apply", "--yes", "--adopt"], { env })).code).toBe(0);
  expect((await apply(place)).code).toBe(0);
  await settled(place);
  expect((await images(place, "destroy", "--yes")).code).toBe(0);
  expect((await mine.images()).map((image) => image["id"])).toEqual([id]);
  expect(await seen(id)).toEqual(before);
});

test.each(["hide", "deactivate"])("on_remove = %s is undone when the block is back", async (how) => {
  await using place = await at(`on_remove = "${how}"\n${FILE}`);
  expect((await apply(place)).code).toBe(0);
  const [{ id = "" } = {}] = await mine.images();
  const declared = await Bun.file(place.at("images.toml")).text();
  await place.write("images.toml", declared.slice(0, declared.indexOf("[image.")));
  expect((await apply(place)).code).toBe(0);
  expect(await seen(id)).toMatchObject(how === "hide" ? { os_hidden: true } : { status: "deactivated" });
  await place.write("images.toml", declared);
  expect((await apply(place)).code).toBe(0);
  expect(await seen(id)).toMatchObject({ os_hidden: false, status: "active", images_self: id });
  await settled(place);
});

test("new bytes for an image that somebody protected are blocked by plan", async () => {
  await using place = await at(FILE);
  expect((await apply(place)).code).toBe(0);
  const [{ id = "" } = {}] = await mine.images();
  expect((await change(id, "/protected", true)).status).toBe(200);
  await place.write("disk.img", bytes.subarray(4096));
  const plan = await images(place, "plan");
  expect(plan.stdout + plan.stderr).toContain("protected on the backend");
  expect((await apply(place)).code).toBe(1);
  expect((await mine.images()).map((image) => image["id"])).toEqual([id]);
});

test("a state of terraform with images of every visibility is taken over, and the plan is empty", async () => {
  await using place = await at(FILE);
  const text = await Bun.file(place.at("images.toml")).text();
  await place.write("images.toml", text.slice(0, text.indexOf("[image.")));
  const shapes = ["private", "shared", "community"].flatMap((visibility) =>
    Array.from({ length: 6 }, (_, i) => ({
      visibility,
      name: `${visibility}-${i}`,
      protected: i === 5,
      os_hidden: i === 4,
    })),
  );
  const made = await Promise.all(
    shapes.map(async (shape) => await seen(await upload({ ...shape, os_distro: "debian" }))),
  );
  const shared = made.filter(({ visibility }) => visibility === "shared");
  for (const { id } of shared) await mine.call("POST", `images/${id}/members`, { member });
  const resource = (type: string, name: string, attributes: Readonly<Record<string, unknown>>) => ({
    ...{
      mode: "managed",
      type,
      name,
      provider: 'provider["registry.opentofu.org/terraform-provider-openstack/openstack"]',
    },
    instances: [{ schema_version: 0, attributes }],
  });
  // As the provider writes it: the server's properties among the user's, and what was not given as null or "".
  const resources = made.map((image) =>
    resource("openstack_images_image_v2", String(image["name"]), {
      ...image,
      hidden: image["os_hidden"],
      image_cache_path: "/home/me/.terraform/image_cache",
      local_file_path: place.at("disk.img"),
      image_source_url: null,
      min_disk_gb: 0,
      min_ram_mb: 0,
      properties: { os_distro: "debian", os_hidden: "false", os_hash_algo: "sha512", owner_specified: null },
      region: "RegionOne",
      verify_checksum: null,
      web_download: false,
    }),
  );
  const accesses = shared.slice(0, 3).map((image) =>
    resource("openstack_images_image_access_v2", `${image["name"]}-demo`, {
      image_id: image["id"],
      member_id: member,
    }),
  );
  const state = {
    version: 4,
    terraform_version: "1.9.0",
    serial: 1,
    lineage: "l",
    outputs: {},
    resources: [...resources, ...accesses],
  };
  await place.write("terraform.tfstate", JSON.stringify(state));
  const before = await mine.images();
  const said = await images(place, "import", "--from-terraform", "terraform.tfstate");
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  await settled(place);
  const after = new Map((await mine.images()).map((image) => [image["id"], bare(image)]));
  for (const image of before) expect(after.get(image["id"])).toEqual(bare(image));
  for (const { id } of shared) expect(await membersOf(String(id))).toEqual([member]);
});
