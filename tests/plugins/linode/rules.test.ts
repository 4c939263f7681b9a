import { expect, setDefaultTimeout, test } from "bun:test";
import { open } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { linode } from "../../../src/plugins/linode/index.ts";
import { rules } from "../../../src/plugins/linode/rules.ts";
import { refuseTooLarge } from "../../../src/plugins/linode/upload.ts";
import { has, qemu } from "../../core/format/tools.ts";
import { Scene, upload } from "./kit.ts";

setDefaultTimeout(300_000);

const GiB = 1024 ** 3;
const told = (want: object, facts: object = {}) =>
  linode.check?.(want, facts).map(({ attribute, message }) => `${attribute ?? ""}: ${message}`);

test("sizes are judged by all that is known of the bytes", () => {
  expect(told({}, { virtualSize: 6 * GiB })).toEqual([]);
  expect(told({}, { virtualSize: 6 * GiB + 1, size: 5 })?.[0]).toContain("the disk is 6145 MB");
  expect(told({}, { size: 6 * GiB })).toEqual([]);
  expect(told({}, { size: 6 * GiB + 1 })?.[0]).toContain("the source is 6145 MB");
  expect(told({}, { size: 9 * GiB, format: "tar" })).toEqual([]);
  expect(told({}, { size: 9 * GiB, virtualSize: GiB })).toEqual([]);
});

test("what goes up untouched is judged by its compressed size", () => {
  expect(told({}, { size: 5 * GiB, untouched: "gz" })).toEqual([]);
  expect(told({}, { size: 5 * GiB + 1, untouched: "gz" })?.[0]).toContain("the compressed image is 5121 MB");
  expect(told({}, { size: 5 * GiB + 1 })).toEqual([]);
});

test("what Linode can make nothing of is known by the plan: a zip without `member`, a broken file, a .gz of more than 5 GiB", async () => {
  await using scene = await Scene.open();
  const zip = Buffer.from("504b0304140000000000000000000000000000000000000000000100000061", "hex");
  await scene.directory.write("disk.zip", zip);
  const file = await open(scene.directory.at("large.img.gz"), "w");
  await file.write(gzipSync(Buffer.alloc(4 << 20, "not a disk of much\n")));
  await file.truncate(5 * GiB + 1);
  await file.close();
  for (const [name, words] of [
    ["disk.zip", "this is a zip archive"],
    ["large.img.gz", "the compressed image is 5121 MB"],
  ] as const) {
    await scene.declare(upload("", name));
    const plan = await scene.run("plan");
    expect([name, plan.code, plan.stdout.includes(words)]).toEqual([name, 1, true]);
  }
  expect(scene.asked().filter((one) => !one.startsWith("GET"))).toEqual([]);
});

test("a `file_hash` that is none says so by its own name, and so does one that the bytes do not have", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("disk.img.gz", gzipSync("x"));
  for (const hash of ["abc", "sha256:SUMS", "0".repeat(31)]) {
    await scene.declare(upload(`file_hash = "${hash}"`));
    const said = await scene.run("validate");
    expect([hash, said.code, said.stderr.includes("file_hash: ")]).toEqual([hash, 1, true]);
  }
  await scene.declare(upload(`file_hash = "${"0".repeat(32)}"`));
  const said = await scene.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("`file_hash`");
});

test("an account whose limit was raised says so, and is warned instead of refused", () => {
  const raised = { settings: { max_image_mb: 10_240 } };
  const told = (virtualSize: number) => rules({}, { virtualSize, ...raised });
  expect(told(6 * GiB)).toEqual([]);
  expect(told(10 * GiB)).toMatchObject([{ severity: "warning", code: "backend.limits" }]);
  const [over] = told(10 * GiB + 1);
  expect(over).toMatchObject({ code: "backend.limits", message: expect.stringContaining("at most 10240 MB") });
  expect(over?.severity).toBeUndefined();
  expect(rules({}, { virtualSize: 6 * GiB + 1 })[0]?.hint).toContain("max_image_mb");
});

test("tags of 51 to 100 characters are taken", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("disk.img.gz", gzipSync("x"));
  await scene.declare(upload(`tags = ["${"t".repeat(100)}"]`));
  expect((await scene.run("validate")).code).toBe(0);
  await scene.declare(upload(`tags = ["${"t".repeat(101)}"]`));
  expect((await scene.run("validate")).code).toBe(1);
});

test("every rule of the image's words is told in the file, all at once", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("disk.img.gz", gzipSync("x"));
  const long = "d".repeat(64_701);
  const tags = Array.from({ length: 501 }, (_, i) => `tag${i}`);
  const words = [
    'label = "no/slash"\ntags = ["ok?", "no"]',
    `label = "${"l".repeat(51)}"\nreplica_regions = []\ndescription = "${long}"`,
    `tags = ${JSON.stringify(tags)}\nreplica_regions = ["Not A Region"]`,
  ];
  const images = words.map((more, i) => upload(more).replace("small", `image${i}`));
  await scene.declare(`${images.join("\n")}\n[image.nowhere]\nbackend = "lin"\nsource = "./disk.img.gz"\n`);
  const said = await scene.run("validate");
  expect(said.code).toBe(1);
  expect(scene.asked()).toEqual([]);
  for (const text of ["1 to 50 letters", "3 to 100 characters", "not a region", "region is missing"])
    expect(said.stderr.toLowerCase()).toContain(text.replace("not a region", "a region as linode calls it"));
  await scene.declare(upload(`replica_regions = []\ndescription = "${long}"\ntags = ${JSON.stringify(tags)}`));
  const more = await scene.run("validate");
  for (const text of ["needs at least one region", "at most 64,550 characters", "tags: at most 500"])
    expect(more.stderr).toContain(text);
});

test("an image is made of bytes or of a disk, and region goes with bytes only", async () => {
  await using scene = await Scene.open();
  await scene.directory.write("disk.img.gz", gzipSync("x"));
  const wrong = async (images: string) => {
    await scene.declare(images);
    const said = await scene.run("validate");
    expect(said.code).toBe(1);
    return said.stderr.replace(/\s+/g, " ");
  };
  expect(await wrong(upload("disk_id = 1\nlinode_id = 2\n"))).toContain("an image has one origin");
  expect(await wrong('[image.a]\nbackend = "lin"\ndisk_id = 1\n')).toContain("needs linode_id");
  expect(await wrong('[image.a]\nbackend = "lin"\ndisk_id = 1\nlinode_id = 2\nregion = "us-ord"\n')).toContain(
    "an image of a disk is created in the region of the disk",
  );
  expect(await wrong('[image.a]\nbackend = "lin"\nlabel = "x"\n')).toContain("the image has no origin");
});

test.skipIf(!has("qemu-img"))(
  "a disk that is too large stops the plan, before anything is sent (qemu-img makes it)",
  async () => {
    await using scene = await Scene.open();
    qemu("create", "-f", "qcow2", scene.directory.at("disk.qcow2"), 7 * GiB);
    await scene.declare(upload("", "disk.qcow2"));
    const plan = await scene.run("plan", "--detailed-exitcode");
    expect(plan.stdout + plan.stderr).toContain("the disk is 7168 MB");
    const said = await scene.run("apply", "--yes");
    expect(said.code).toBe(1);
    expect(scene.asked().filter((one) => !one.startsWith("GET"))).toEqual([]);
  },
);

test("an image is looked at again before its upload is begun: the plan does not see into all sources", () => {
  const source = {
    format: "raw",
    compression: "gz",
    filename: "x",
    open: async function* () {},
    digests: async () => ({}),
  } as const;
  expect(() => refuseTooLarge({ ...source, virtualSize: 6 * GiB, size: 5 * GiB })).not.toThrow();
  expect(() => refuseTooLarge({ ...source, virtualSize: 6 * GiB + 1 })).toThrow("the disk is 6145 MB");
  expect(() => refuseTooLarge({ ...source, size: 5 * GiB + 1 })).toThrow("the compressed image is 5121 MB");
  expect(() => refuseTooLarge({ ...source, compression: "none", size: 6 * GiB + 1 })).toThrow("6145 MB");
});
