import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { Scene, upload } from "./kit.ts";

setDefaultTimeout(300_000);

const regions = (...names: readonly string[]) => `replica_regions = ${JSON.stringify(names)}\n`;

async function scene(more: string) {
  const opened = await Scene.open({ pace: { polls: 2 } });
  await opened.directory.write("disk.img.gz", gzipSync("a disk"));
  await opened.declare(upload(more));
  return opened;
}

const held = (play: Scene) =>
  Object.fromEntries((play.control.images()[0]?.regions ?? []).map(({ region, status }) => [region, status]));

test("with wait, an apply ends when the image is everywhere; without, as soon as it is asked for", async () => {
  await using play = await scene(`wait = true\n${regions("us-ord", "us-mia", "us-iad")}`);
  await play.apply();
  expect(held(play)).toEqual({ "us-ord": "available", "us-mia": "available", "us-iad": "available" });
  await play.declare(upload(regions("us-ord", "us-sea")));
  await play.apply();
  expect(held(play)).toMatchObject({ "us-ord": "available", "us-sea": expect.stringContaining("repl") });
  await play.settled();
});

test("an image moves to regions of which it is in none yet", async () => {
  await using play = await scene(regions("us-mia", "us-iad"));
  await play.apply();
  await play.settled();
  play.control.settle();
  expect(held(play)).toEqual({ "us-mia": "available", "us-iad": "available" });
  const calls = play.emulator.log.of({ path: "/regions", method: "POST" }).map(({ body }) => body);
  expect(calls).toEqual([{ regions: ["us-ord", "us-iad", "us-mia"] }, { regions: ["us-iad", "us-mia"] }]);
});

test("the line taken out leaves the region of the upload, or else one that has it", async () => {
  await using play = await scene(regions("us-ord", "us-mia"));
  await play.apply();
  await play.declare(upload());
  await play.apply();
  play.control.settle();
  expect(held(play)).toEqual({ "us-ord": "available" });
  await play.declare(upload(regions("us-mia")));
  await play.apply();
  await play.declare(upload());
  await play.apply();
  play.control.settle();
  expect(held(play)).toEqual({ "us-mia": "available" });
  await play.settled();
});

test("a copy that Linode gave up is told, seen by the next plan, and begun again", async () => {
  await using play = await scene(`wait = true\n${regions("us-ord")}`);
  await play.apply();
  await play.declare(upload(`wait = true\n${regions("us-ord", "us-mia")}`));
  play.control.failReplica();
  const said = await play.run("apply", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("was not replicated to us-mia in time");
  expect((await play.run("plan", "--detailed-exitcode")).code).toBe(2);
  await play.apply();
  expect(held(play)).toEqual({ "us-ord": "available", "us-mia": "available" });
  await play.settled();
});
