import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { bytes, declared, existing, type Stage, staged } from "./stage.ts";

// Images that are there before this program comes.

setDefaultTimeout(300_000);

const MARKER = ["images_file", "images_owner", "images_content", "images_lineage", "images_self"];

const planned = async (stage: Stage) => {
  const said = await stage.images("plan", "--detailed-exitcode");
  return [said.code, said.code === 0 ? "" : said.stdout + said.stderr];
};

/** The image without what a marker is written as. */
const bare = (image: Record<string, unknown> | undefined) =>
  Object.fromEntries(Object.entries(image ?? {}).filter(([key]) => !MARKER.includes(key)));

test.each([
  ["private", { visibility: "private" }, 'visibility = "private"'],
  ["community", { visibility: "community" }, 'visibility = "community"'],
  ["public", { visibility: "public" }, 'visibility = "public"'],
  ["protected", { protected: true }, "protected = true"],
  ["hidden", { os_hidden: true }, "hidden = true"],
  ["deactivated", { status: "deactivated" }, 'status = "deactivated"'],
  ["deactivated, of which the file says nothing", { status: "deactivated" }, ""],
  ["another project's", { owner: "p2" }, ""],
  ["private, with no members declared", {}, "members = []"],
  ["with what is so written down", {}, 'region = "One"\ncontainer_format = "bare"\nvisibility = "private"\ntags = []'],
])("import of an image that is %s: nothing but the marker is written, and the plan is empty", async (_, is, more) => {
  await using stage = await staged(declared("a", more));
  stage.glance.images.set("i1", existing("i1", is));
  const said = await stage.images("import", "x/a", "i1");
  expect([said.code, said.stderr.includes("403")]).toEqual([0, false]);
  expect(bare(stage.glance.images.get("i1"))).toEqual(existing("i1", is));
  expect(stage.glance.images.get("i1")).toMatchObject({ images_self: "i1", images_file: "team", images_owner: "x/a" });
  expect(await planned(stage)).toEqual([0, ""]);
  expect(stage.cloud.asked.filter((call) => call.includes("members"))).toEqual([]);
});

test.each([
  ["not declared", ""],
  ["declared as they are", 'members = ["p7", { project = "p8", status = "accepted" }]'],
])("import of a shared image whose members are %s leaves them, and the plan is empty", async (_, more) => {
  await using stage = await staged(declared("a", `visibility = "shared"\n${more}`));
  stage.glance.images.set("i1", existing("i1", { visibility: "shared" }));
  stage.glance.members.set("i1", new Map([["p7", "pending"], ["p8", "accepted"]])); // biome-ignore format: a table
  expect((await stage.images("import", "x/a", "i1")).code).toBe(0);
  expect(await planned(stage)).toEqual([0, ""]);
  expect([...(stage.glance.members.get("i1") ?? [])]).toEqual([["p7", "pending"], ["p8", "accepted"]]); // biome-ignore format: a table
  expect(stage.cloud.asked.filter((call) => /^(?:POST|PUT|DELETE) .*members/.test(call))).toEqual([]);
});

test("members in ignore_changes stay as they are through an update of something else", async () => {
  const block = (disk: number) =>
    declared("a", `visibility = "shared"\nmembers = ["p7"]\nmin_disk_gb = ${disk}\nignore_changes = ["members"]`);
  await using stage = await staged(block(1));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const [id = ""] = stage.glance.images.keys();
  stage.glance.members.set(id, new Map([["p9", "accepted"]]));
  await stage.declare(block(2));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect(stage.glance.images.get(id)).toMatchObject({ min_disk: 2 });
  expect([...(stage.glance.members.get(id)?.keys() ?? [])]).toEqual(["p9"]);
});

test("members go with the visibility that allowed them, and come back with it", async () => {
  const block = (more: string) => declared("a", more);
  await using stage = await staged(block('visibility = "shared"\nmembers = ["p7"]'));
  const apply = async () => {
    const said = await stage.images("apply", "--yes");
    return said.code === 0 ? "" : said.stderr + said.stdout;
  };
  expect(await apply()).toBe("");
  const [id = ""] = stage.glance.images.keys();
  await stage.declare(block('visibility = "private"'));
  expect(await apply()).toBe("");
  expect(await planned(stage)).toEqual([0, ""]);
  expect([...(stage.glance.members.get(id)?.keys() ?? [])]).toEqual([]);
  await stage.declare(block('visibility = "shared"\nmembers = ["p8"]'));
  expect(await apply()).toBe("");
  expect([...(stage.glance.members.get(id)?.keys() ?? [])]).toEqual(["p8"]);
  expect(await planned(stage)).toEqual([0, ""]);
});

test("other images with members cost no request", async () => {
  await using stage = await staged(declared("a", 'visibility = "shared"\nmembers = ["p7"]'));
  for (let i = 0; i < 12; i++) {
    const marker = { images_file: i < 6 ? "other" : "team", images_owner: `x/b${i}`, images_declares: "members" };
    // Half of them are another file's own; the others are copies of images of ours.
    const fields = { visibility: "shared", ...marker, images_content: "none", images_self: i < 6 ? `b${i}` : "c" };
    stage.glance.images.set(`b${i}`, existing(`b${i}`, fields));
  }
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  stage.cloud.heard.length = 0;
  expect(await planned(stage)).toEqual([0, ""]);
  expect(stage.cloud.asked.filter((call) => call.includes("members")).length).toBe(1);
});

test("a snapshot that inherited the marker is neither read by it nor changed", async () => {
  await using stage = await staged(declared("a"));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const [made] = stage.glance.images.values();
  const snapshot = { ...made, id: "s1", name: "backup", image_type: "snapshot", base_image_ref: made?.["id"] };
  stage.glance.images.clear();
  stage.glance.images.set("s1", { ...snapshot });
  for (const name of ["images.state.json", "images.state.json.backup", ".images"])
    await rm(stage.directory.at(name), { recursive: true, force: true });
  expect((await stage.images("apply", "--yes", "--adopt")).code).toBe(0);
  expect((await stage.images("destroy", "--yes")).code).toBe(0);
  expect(stage.glance.images.get("s1")).toEqual(snapshot);
  expect(stage.glance.images.size).toBe(1);
});

test("members declared for an image that is private: an error with the way out, and nothing is changed", async () => {
  const block = (more: string) => declared("a", `members = ["p7"]\n${more}`);
  await using stage = await staged(block("min_disk_gb = 2"));
  stage.glance.images.set("i1", existing("i1"));
  expect((await stage.images("import", "x/a", "i1")).code).toBe(0);
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.stderr.includes("an image that is private has no members")]).toEqual([1, true]);
  expect(stage.glance.images.get("i1")).toMatchObject({ min_disk: 0 });
  await stage.declare(block('min_disk_gb = 2\nignore_changes = ["members"]'));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect(stage.glance.images.get("i1")).toMatchObject({ min_disk: 2, visibility: "private" });
  await stage.declare(block('min_disk_gb = 2\nvisibility = "shared"'));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...(stage.glance.members.get("i1")?.keys() ?? [])]).toEqual(["p7"]);
  expect(await planned(stage)).toEqual([0, ""]);
});

test("of two images of its name --adopt takes neither, and makes no third", async () => {
  await using stage = await staged(declared("a"));
  for (const id of ["i1", "i2"]) stage.glance.images.set(id, existing(id, { name: "a" }));
  const said = await stage.images("apply", "--yes", "--adopt");
  expect(said.stdout + said.stderr).toContain("2 images have its name");
  expect([...stage.glance.images.values()]).toEqual(["i1", "i2"].map((id) => existing(id, { name: "a" })));
});

test("what the marker on another project's image says of its bytes proves nothing", async () => {
  const text = "not the declared bytes".padEnd(bytes.length, "!");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await using stage = await staged(declared("a"));
  const marker = { images_file: "team", images_owner: "x/a", images_self: "i9", images_content: `sha256:${sha256}` };
  const of = (algorithm: string) => createHash(algorithm).update(text).digest("hex");
  const forged = existing("i9", {
    owner: "p9",
    visibility: "community",
    checksum: of("md5"),
    os_hash_value: of("sha512"),
  });
  stage.glance.images.set("i9", { ...forged, ...marker });
  const said = await stage.images("import", "x/a", "i9");
  expect(said.stderr).toContain("x/a: bytes not comparable: no common digest");
  // Neither does an import of the file take it for what is declared.
  await using other = await staged(`${declared("a")}[[import]]\naddress = "x/a"\nid = "i9"\n`);
  other.glance.images.set("i9", { ...forged, ...marker });
  const plan = await other.images("plan");
  expect(plan.stdout).toContain("not comparable");
});
