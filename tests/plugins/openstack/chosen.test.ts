import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { bytes, declared, existing, staged } from "./stage.ts";

// An id of one's own choosing. Glance gives an id only once, even if its image is deleted.

setDefaultTimeout(300_000);

const [ONE, TWO] = ["0b2b0c54-3a0c-4c4a-9d4e-5a8d6b6f1c01", "0b2b0c54-3a0c-4c4a-9d4e-5a8d6b6f1c02"];
const as = (id: string, more = "") => declared("big", `image_id = "${id}"\n${more}`);
const others = "other bytes\n".repeat(100);

test("ansible#22269: an image is made under the id of the file, whatever its case, and the plan is empty then", async () => {
  await using stage = await staged(as(ONE));
  const { glance } = stage;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...glance.images.keys()]).toEqual([ONE]);
  for (const blocks of [as(ONE), as(ONE.toUpperCase()), declared("big")]) {
    await stage.declare(blocks);
    expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
  }
});

test("what is no UUID is refused by validate, with its place", async () => {
  for (const id of ["my-image", ONE.replaceAll("-", ""), ` ${ONE}`]) {
    await using stage = await staged(as(id));
    const said = await stage.images("validate");
    expect([said.code, said.stderr.includes("expected a UUID"), said.stderr.includes("images.toml:")]).toEqual([
      1,
      true,
      true,
    ]);
  }
});

test("one id in two blocks is an error with both places", async () => {
  await using stage = await staged(as(ONE) + declared("small", `image_id = "${ONE}"`));
  const said = await stage.images("plan");
  expect([said.code, said.stdout.includes("is the same image on the backend as")]).toEqual([1, true]);
  expect(stage.cloud.asked.filter((call) => !call.startsWith("GET"))).toEqual([]);
});

test("an id that a visible image has blocks the plan; the image is named and untouched", async () => {
  for (const owner of ["p1", "p2"]) {
    await using stage = await staged(as(ONE));
    const theirs = existing(ONE, { name: "backup", owner });
    stage.glance.images.set(ONE, { ...theirs });
    const said = await stage.images("apply", "--yes");
    expect([said.code, said.stdout + said.stderr]).toEqual([
      1,
      expect.stringContaining(`the id ${ONE} belongs to backup, which is unmanaged`),
    ]);
    expect(stage.glance.images.get(ONE)).toEqual(theirs);
    expect(stage.cloud.asked.filter((call) => !call.startsWith("GET"))).toEqual([]);
  }
});

test("an id that was given before is told, and nothing is left in the state", async () => {
  for (const marker of ["", "mark = false"]) {
    await using stage = await staged(as(ONE), { more: marker });
    stage.glance.spent.add(ONE);
    const said = await stage.images("apply", "--yes");
    expect([said.code, said.stderr.includes("belonged to one that is deleted")]).toEqual([1, true]);
    expect(said.stderr).toContain("choose another image_id");
    expect((await stage.images("state", "list")).stdout.trim()).toBe("");
    await stage.declare(as(TWO));
    expect((await stage.images("apply", "--yes")).code).toBe(0);
  }
});

test("an image that takes the id between plan and request is neither filled nor deleted", async () => {
  for (const more of ["", "mark = false"]) {
    await using stage = await staged(as(ONE), { more });
    const { glance, cloud } = stage;
    const answer = cloud.glance;
    const theirs = existing(ONE, { name: "backup", status: "queued" });
    cloud.glance = (heard) => {
      if (heard.method === "POST" && heard.path.endsWith("/v2/images")) glance.images.set(ONE, { ...theirs });
      return answer(heard);
    };
    const said = await stage.images("apply", "--yes");
    expect([said.code, said.stderr.includes("belongs to another image")]).toEqual([1, true]);
    expect(glance.images.get(ONE)).toEqual(theirs);
    expect((await stage.images("plan")).code).toBe(1);
    await stage.declare("");
    await stage.images("apply", "--yes");
    expect(glance.images.get(ONE)).toEqual(theirs);
  }
});

test("another id makes a new image before the old one goes; new bytes under the same id block the plan", async () => {
  await using stage = await staged(as(ONE));
  const { glance, cloud } = stage;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.directory.write("disk.img", others);
  const blocked = await stage.images("plan");
  expect([blocked.code, blocked.stdout]).toEqual([1, expect.stringContaining("cannot be given to another image")]);
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  expect(glance.images.get(ONE)).toMatchObject({ status: "active", size: bytes.length });
  await stage.declare(as(TWO));
  cloud.heard.length = 0;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const calls = cloud.asked.filter((call) => /^(?:PUT|DELETE)/.test(call));
  expect(calls).toEqual([`PUT /images/${TWO}/file`, `DELETE /images/${ONE}`]);
  expect([...glance.images.values()]).toMatchObject([{ id: TWO, name: "big", size: others.length }]);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
  await stage.directory.write("disk.img", bytes);
  await stage.declare(declared("big"));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...glance.images.values()]).toMatchObject([{ name: "big", size: bytes.length }]);
});

test("an import compares the id", async () => {
  await using stage = await staged(as(TWO));
  stage.glance.images.set(ONE, existing(ONE, { name: "big" }));
  const said = await stage.images("apply", "--adopt", "--yes");
  expect([said.code, said.stdout + said.stderr]).toEqual([1, expect.stringContaining("differs (image_id")]);
  await stage.declare(as(ONE));
  expect((await stage.images("import", "x/big", ONE)).code).toBe(0);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("what a failed upload left under the id is filled by the next run, as the file is by then", async () => {
  const sum = (text: string) => createHash("sha256").update(text).digest("hex");
  const block = (checksum: string, more = "") =>
    `[image.big]\nbackend = "x"\ndisk_format = "raw"\nimage_id = "${ONE}"\nsource = { file = "./disk.img", checksum = "sha256:${checksum}" }\n${more}`;
  await using stage = await staged(block(sum(bytes)));
  const { glance, cloud } = stage;
  const answer = cloud.glance;
  cloud.glance = (heard) =>
    heard.method === "PUT" ? Response.json({ message: "no room" }, { status: 413 }) : answer(heard);
  const failed = await stage.images("apply", "--yes");
  expect([failed.code, failed.stderr + failed.stdout]).toEqual([
    1,
    expect.stringContaining("the next apply continues"),
  ]);
  expect([...glance.images.values()]).toMatchObject([{ id: ONE, status: "queued" }]);
  cloud.glance = answer;
  await stage.declare(block(sum(bytes), 'tags = ["new"]\nproperties = { os_distro = "debian" }\nname = "great"'));
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const [made, ...rest] = [...glance.images.values()];
  expect(rest).toEqual([]);
  expect(made).toMatchObject({ id: ONE, status: "active", name: "great", tags: ["new"], os_distro: "debian" });
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("a failed upload under an id goes when its block does", async () => {
  await using stage = await staged(as(ONE));
  const { glance, cloud } = stage;
  const answer = cloud.glance;
  cloud.glance = (heard) =>
    heard.method === "PUT" ? Response.json({ message: "no" }, { status: 403 }) : answer(heard);
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  cloud.glance = answer;
  await stage.declare("");
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...glance.images.keys()]).toEqual([]);
});

test("a replace that failed under the new id is continued under it", async () => {
  await using stage = await staged(as(ONE));
  const { glance, cloud } = stage;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  await stage.directory.write("disk.img", others);
  await stage.declare(as(TWO));
  const answer = cloud.glance;
  cloud.glance = (heard) =>
    heard.method === "PUT" ? Response.json({ message: "no" }, { status: 403 }) : answer(heard);
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  expect(glance.images.get(ONE)).toMatchObject({ name: "big", status: "active" });
  cloud.glance = answer;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...glance.images.values()]).toMatchObject([{ id: TWO, name: "big", status: "active", size: others.length }]);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("of a replace that fails nothing is left but the old image; one under an id of the file goes with the next run", async () => {
  await using stage = await staged(declared("big"));
  const { glance, cloud } = stage;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const before = [...glance.images.values()].map((image) => ({ ...image }));
  await stage.directory.write("disk.img", others);
  const answer = cloud.glance;
  cloud.glance = (heard) =>
    heard.method === "PUT" ? Response.json({ message: "no" }, { status: 403 }) : answer(heard);
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  expect([...glance.images.values()]).toEqual(before);
  await stage.declare(as(TWO));
  expect((await stage.images("apply", "--yes")).code).toBe(1);
  await stage.declare(declared("big"));
  cloud.glance = answer;
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  expect([...glance.images.values()]).toMatchObject([{ name: "big", size: others.length }]);
});
