import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import type { Attributes } from "images";
import { Scene, upload } from "./kit.ts";

setDefaultTimeout(300_000);

async function scene(more = "") {
  const opened = await Scene.open();
  await opened.directory.write("disk.img.gz", gzipSync("a disk"));
  await opened.declare(upload(more));
  return opened;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly ours: boolean;
  readonly attributes: Attributes;
}
const info = async (play: Scene): Promise<readonly Row[]> =>
  JSON.parse((await play.ok("info", "lin", "--json")).stdout);

test("public and shared images are listed as not ours, whatever their description says", async () => {
  await using play = await scene('description = "for people"\n');
  await play.apply();
  const [own] = play.control.images();
  const copied = { description: own?.description ?? "" };
  play.control.addImage({ id: "shared/77", type: "shared", is_shared: null, ...copied });
  const theirs = play.control.addImage({ label: "small" });
  const rows = await info(play);
  expect(rows.filter(({ ours }) => ours).map(({ id }) => id)).toEqual([own?.id ?? ""]);
  expect(rows.find(({ id }) => id === "shared/77")).toMatchObject({
    ours: false,
    name: "shared/77",
    attributes: copied,
  });
  expect(rows.find(({ id }) => id === theirs.id)).toMatchObject({ ours: false, name: "small" });
  expect(rows.filter(({ attributes }) => attributes["is_public"] === true).length).toBeGreaterThan(10);
  expect(rows.find(({ id }) => id.startsWith("linode/"))?.attributes["vendor"]).toBeString();
});

test("the mark is in the description, out of what is shown; tags are the user's own", async () => {
  await using play = await scene('description = "for people"\ntags = ["web"]\n');
  await play.apply();
  const [image] = play.control.images();
  expect(image?.description).toMatch(
    /^for people\n\[images: images lin\/small sha256:[0-9a-f]{64} [0-9a-f-]{36} private\/\d+\]$/,
  );
  expect(image?.tags).toEqual(["web"]);
  const row = (await info(play)).find(({ ours }) => ours);
  expect(row?.attributes).toMatchObject({
    description: "for people",
    tags: ["web"],
    status: "available",
    type: "manual",
  });
  const exported = [
    "id",
    "created",
    "created_by",
    "deprecated",
    "is_public",
    "size",
    "type",
    "status",
    "capabilities",
    "regions",
  ];
  expect((await play.ok("info", "lin")).stdout).toMatch(/^small +private\/\d+ +yes +1\.0 MiB$/m);
  expect(exported.filter((name) => row?.attributes[name] === undefined)).toEqual([]);
});

test("drift of every declared attribute is seen, and put right without a new image", async () => {
  const declared = 'label = "mine"\ndescription = "words"\ntags = ["one"]\nreplica_regions = ["us-ord", "us-mia"]\n';
  await using play = await scene(declared);
  await play.apply();
  const [image] = play.control.images();
  const id = image?.id ?? "";
  const { description = "" } = image ?? {};
  const changes: readonly [string, Parameters<Scene["control"]["changeImage"]>[1]][] = [
    ["label", { label: "theirs" }],
    ["description", { description: `other ${description}` }],
    ["tags", { tags: ["one", "two"] }],
    ["replica_regions", { regions: [{ region: "us-ord", status: "available" }] }],
    ["mark", { description: "words" }],
  ];
  for (const [name, change] of changes) {
    play.control.changeImage(id, change);
    const plan = await play.run("plan", "--detailed-exitcode");
    expect([name, plan.code]).toEqual([name, 2]);
    expect(plan.stdout).toContain(name);
    await play.apply();
    await play.settled();
    expect(play.control.images()).toMatchObject([{ id, label: "mine", description, tags: ["one"] }]);
  }
});

test("an image is imported by its id or its number, and nothing is left to do", async () => {
  await using play = await scene('label = "theirs"\ntags = ["web"]\nreplica_regions = ["us-ord"]\n');
  for (const spelling of [(id: string) => id, (id: string) => id.replace("private/", "")]) {
    const { id } = play.control.addImage({ label: "theirs", description: "of somebody", tags: ["web"] });
    await play.ok("import", "lin/small", spelling(id));
    await play.settled();
    expect(play.control.images()[0]?.description).toStartWith("of somebody\n[images: images lin/small ");
    await play.ok("destroy", "--yes");
    expect(play.control.images()).toEqual([]);
  }
  const { id } = play.control.addImage({ label: "theirs" });
  await play.declare(`${upload('label = "theirs"\n')}\n[[import]]\naddress = "lin/small"\nid = ${id.split("/")[1]}\n`);
  await play.apply();
  await play.settled();
  expect(play.control.images().map((image) => image.id)).toEqual([id]);
});

test("images that are not of this account cannot be taken over", async () => {
  await using play = await scene();
  const said = await play.run("import", "lin/small", "linode/debian12");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("linode/debian12 is not an image of this account");
  expect(play.asked().filter((one) => !one.startsWith("GET"))).toEqual([]);
});

test("what somebody took away already is gone, and made again when it is wanted", async () => {
  await using play = await scene();
  await play.apply();
  play.control.removeImage(play.control.images()[0]?.id ?? "");
  await play.apply();
  expect(play.control.images().length).toBe(1);
  play.control.removeImage(play.control.images()[0]?.id ?? "");
  await play.ok("destroy", "--yes");
  await play.apply();
  play.control.next({ kind: "lost-answer" }, { method: "DELETE" });
  await play.ok("destroy", "--yes");
  expect(play.control.images()).toEqual([]);
});

test("a change of region makes a new image, and says why; words change in place", async () => {
  await using play = await scene('label = "one"\n');
  await play.apply();
  const [before] = play.control.images();
  await play.declare(upload('label = "two"\n'));
  await play.apply();
  expect(play.control.images()).toMatchObject([{ id: before?.id, label: "two" }]);
  await play.declare(upload('label = "two"\n').replace("us-ord", "us-mia"));
  const plan = await play.run("plan");
  expect(plan.stdout).toContain("region");
  expect(plan.stdout).toContain("1 to add, 0 to change, 1 to destroy");
  await play.apply();
  expect(play.control.images()).toMatchObject([{ regions: [{ region: "us-mia" }] }]);
  await play.settled();
});

test("what ignore_changes names is left as it is, also by a change of something else", async () => {
  const ignoring = 'label = "mine"\nignore_changes = ["label", "tags"]\n';
  await using play = await scene(`${ignoring}description = "one"\n`);
  await play.apply();
  const id = play.control.images()[0]?.id ?? "";
  play.control.changeImage(id, { label: "theirs", tags: ["their tag"] });
  await play.settled();
  await play.declare(upload(`${ignoring}description = "two"\ntags = ["our tag"]\n`));
  await play.apply();
  expect(play.control.images()).toMatchObject([{ id, label: "theirs", tags: ["their tag"] }]);
  expect(play.control.images()[0]?.description).toStartWith("two\n");
  await play.settled();
});

test("--adopt takes over the one image of that label, and no public one", async () => {
  await using play = await scene('label = "Debian 12"\n');
  const { id } = play.control.addImage({ label: "Debian 12" });
  expect((await info(play)).filter(({ attributes }) => attributes["label"] === "Debian 12").length).toBe(2);
  await play.apply("--adopt");
  expect(play.control.images().map((image) => image.id)).toEqual([id]);
  await play.settled();
});

test("timeouts.create ends a wait, and what was begun is taken away", async () => {
  await using play = await Scene.open({ pace: "settle" });
  await play.directory.write("disk.img.gz", gzipSync("a disk"));
  await play.declare(upload('[image.small.timeouts]\ncreate = "2s"\n'));
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("timed out after 2 s");
  expect(play.control.images()).toEqual([]);
});

test("`retain` keeps the image before, under another label", async () => {
  const kept = 'label = "mine"\n[image.small.retain]\nlast = 1\n';
  await using play = await scene(kept);
  await play.apply();
  await play.directory.write("disk.img.gz", gzipSync("another disk"));
  await play.apply();
  const labels = play.control.images().map(({ label }) => label);
  expect(labels.sort()).toEqual(["mine", expect.stringMatching(/^mine-\d{8}T\d{6}Z$/)]);
  await play.settled();
});

test("what others gave to an image is carried over by a replace; its share groups are listed as lost", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("disk.img.gz", gzipSync("one"));
  await scene.declare(upload());
  await scene.apply();
  const [old] = scene.control.images().filter(({ id }) => id.startsWith("private/"));
  const id = old?.id ?? "";
  scene.control.changeImage(id, { tags: ["by-hand"] });
  const group = scene.control.shareImage(id, "partners").image_sharing?.shared_by?.sharegroup_id;
  await scene.directory.write("disk.img.gz", gzipSync("two"));
  const { stdout } = await scene.ok("plan");
  for (const text of ["carried over", "by-hand", `lost: share group ${group} (partners)`])
    expect(stdout).toContain(text);
  await scene.apply();
  const now = scene.control.images().filter((one) => one.id.startsWith("private/"));
  expect(now.map(({ tags }) => tags)).toEqual([["by-hand"]]);
  await scene.settled();
});
