import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { Scene, upload } from "./kit.ts";

// What people reported of other tools, tried here: each test names its report.

setDefaultTimeout(300_000);

const RAW = randomBytes(3_000_000);

async function scene(more = "") {
  const play = await Scene.open();
  await play.directory.write("disk.img.gz", gzipSync(RAW));
  await play.declare(upload(more));
  return play;
}
const changing = (play: Scene) => play.asked().filter((one) => !one.startsWith("GET"));
const words = (text: string) => text.replace(/\s+/g, " ");

test("linode/linode-cli#250, #251: an image that is too large is known before anything is sent", async () => {
  await using play = await scene();
  const file = await open(play.directory.at("large.img.gz"), "w");
  await file.write(gzipSync(Buffer.alloc(1 << 20, "a disk\n")));
  await file.truncate(5 * 1024 ** 3 + 1);
  await file.close();
  for (const run of [["plan"], ["apply", "--yes"]]) {
    await play.declare(upload("", "large.img.gz"));
    const { code, stdout, stderr } = await play.run(...run);
    expect([code, words(stdout + stderr)]).toEqual([1, expect.stringContaining("the compressed image is 5121 MB")]);
  }
  expect(changing(play)).toEqual([]);
});

test("linode/linode-cli#252: an upload that breaks off after a third goes on, more than once", async () => {
  await using play = await scene();
  for (const afterBytes of [1_000_000, 2_000_000, 1])
    play.control.next({ kind: "dropped", afterBytes }, { server: "uploads" });
  await play.apply();
  expect(play.control.received().filter(({ isWhole }) => isWhole)).toMatchObject([{ raw: { bytes: RAW.length } }]);
  expect(play.control.images()).toMatchObject([{ status: "available" }]);
  await play.settled();
});

test("linode/linode-cli#756: an image that is gone after its upload is told with the reason, and nothing stays pending", async () => {
  await using play = await scene();
  play.control.failUpload("Failed to decompress image", false);
  const said = await play.run("apply", "--yes");
  expect([said.code, words(said.stderr)]).toEqual([1, expect.stringContaining("Failed to decompress image")]);
  expect(play.control.images()).toEqual([]);
  await play.apply();
  await play.settled();
  expect(play.control.images()).toHaveLength(1);
});

test("linode/terraform-provider-linode#857: an upload that is answered with 500 is sent again, whole", async () => {
  await using play = await scene();
  for (const kind of ["internal", "internal"] as const) play.control.next({ kind }, { server: "uploads" });
  await play.apply();
  expect(play.control.received().filter(({ isWhole }) => isWhole)).toMatchObject([{ raw: { bytes: RAW.length } }]);
  expect(changing(play).filter((one) => one === "POST /images/upload 200")).toHaveLength(1);
  await play.settled();
});

test("linode/terraform-provider-linode#1551: replicas are waited for, and one available region stays while an image moves", async () => {
  await using play = await scene('wait_for_replications = true\nreplica_regions = ["us-ord", "us-mia"]\n');
  await play.apply();
  expect(play.control.images()[0]?.regions?.map(({ status }) => status)).toEqual(["available", "available"]);
  await play.declare(upload('wait_for_replications = true\nreplica_regions = ["us-iad"]\n'));
  await play.apply();
  const calls = play.emulator.log.of({ path: "/regions", method: "POST" }).map(({ body }) => body);
  expect(calls.at(-1)).toEqual({ regions: ["us-iad"] });
  expect(calls.at(-2)).toMatchObject({ regions: expect.arrayContaining(["us-iad", "us-ord"]) });
  await play.settled();
});
