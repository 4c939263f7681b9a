import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { linode } from "../../../src/plugins/linode/index.ts";
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

test("every rule of the image's words is told in the file, all at once", async () => {
  await using scene = await Scene.open();
  await scene.folder.write("disk.img.gz", gzipSync("x"));
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
  for (const text of ["1 to 50 letters", "3 to 50 characters", "not a region", "region is missing"])
    expect(said.stderr.toLowerCase()).toContain(text.replace("not a region", "a region as linode calls it"));
  await scene.declare(upload(`replica_regions = []\ndescription = "${long}"\ntags = ${JSON.stringify(tags)}`));
  const more = await scene.run("validate");
  for (const text of ["in one region at least", "at most 64,550 characters", "tags: at most 500"])
    expect(more.stderr).toContain(text);
});

test("an image is made of bytes or of a disk, and region goes with bytes only", async () => {
  await using scene = await Scene.open();
  await scene.folder.write("disk.img.gz", gzipSync("x"));
  const wrong = async (images: string) => {
    await scene.declare(images);
    const said = await scene.run("validate");
    expect(said.code).toBe(1);
    return said.stderr.replace(/\s+/g, " ");
  };
  expect(await wrong(upload("disk_id = 1\nlinode_id = 2\n"))).toContain("an image is made from one thing");
  expect(await wrong('[image.a]\nbackend = "lin"\ndisk_id = 1\n')).toContain("needs linode_id");
  expect(await wrong('[image.a]\nbackend = "lin"\ndisk_id = 1\nlinode_id = 2\nregion = "us-ord"\n')).toContain(
    "the image of a disk is made where the disk is",
  );
  expect(await wrong('[image.a]\nbackend = "lin"\nlabel = "x"\n')).toContain(
    "nothing says what the image is made from",
  );
});

test.skipIf(!has("qemu-img"))(
  "a disk that is too large stops the plan, before anything is sent (qemu-img makes it)",
  async () => {
    await using scene = await Scene.open();
    qemu("create", "-f", "qcow2", scene.folder.at("disk.qcow2"), 7 * GiB);
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
