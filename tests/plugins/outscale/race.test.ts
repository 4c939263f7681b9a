import { expect, setDefaultTimeout, test } from "bun:test";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { KEY, ofBytes, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);

test("another takes the name between the deletion of the old image and the creation of the new one", async () => {
  await using play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "old\n"));
  await play.declare(ofBytes());
  await play.apply();
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "new\n"));
  // Made before and renamed at the deletion: making one takes longer than the program does to go on.
  const other = await play.control.addImage("another");
  const taken = play.emulator.log
    .until({ operation: "DeleteImage" })
    .then(() => play.control.changeImage(other, { ImageName: "small" }));
  const said = await play.run("apply", "--yes");
  await taken;
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("could not be registered again")]);
  // What the old image was made of stays, and is in the plan, until there is a new one.
  const [snapshot = ""] = await play.left();
  expect(play.own().map(({ ImageId }) => ImageId)).toEqual([other]);
  expect((await play.run("plan")).stdout).toContain(`the name small is held by ${other}`);
  play.control.removeImage(other);
  expect((await play.ok("plan")).stdout).toContain(`also deletes ${snapshot}`);
  await play.apply();
  await play.settled();
  expect(await play.left()).toEqual([]);
});

test("two runs of two states at once, of one name: one image, and nothing is left over of the other run", async () => {
  await using play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "old\n"));
  await play.declare(ofBytes());
  const text = await Bun.file(play.directory.at("images.toml")).text();
  const other = text.replace(/^name = .*$/m, 'name = "b"\nstate = "b.json"');
  expect(other).toContain("b.json");
  await play.directory.write("b.toml", other);
  const runs = await Promise.all([play.run("apply", "--yes"), play.run("apply", "--yes", "-f", "b.toml")]);
  expect(runs.map(({ code }) => code).sort()).toEqual([0, 1]);
  expect(play.own().map(({ State }) => State)).toEqual(["available"]);
  expect(await play.left()).toEqual([]);
  const lost = runs[0].code === 0 ? "b.toml" : "images.toml";
  expect((await play.run("plan", "-f", lost)).stdout).toContain("blocked");
});
