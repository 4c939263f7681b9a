import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { halting, KILLS, killedAtRandom, recordedIds, start, until } from "../killing.ts";
import { Scene, upload } from "./kit.ts";

setDefaultTimeout(300_000);

/** Its first half is more than what is looked at to tell its format. */
const RAW = randomBytes(8 << 20);

/** Everything that must hold when apply has run to its end after a kill. */
async function recovers(play: Scene, count = 1): Promise<void> {
  await play.apply();
  expect(play.control.images().map(({ status }) => status)).toEqual(Array(count).fill("available"));
  const ids = play.control.images().map(({ id }) => id);
  expect((await recordedIds(play)).sort()).toEqual(ids.sort());
  await play.settled();
}

test("killed in the middle of the upload: the next apply makes one image, and no placeholder is left", async () => {
  await using play = await Scene.open();
  const web = halting(gzipSync(RAW), "disk.img.gz");
  try {
    await play.declare(`[image.small]\nbackend = "lin"\nsource = { url = "${web.url}" }\nregion = "us-ord"\n`);
    const child = start(play, "apply", "--yes");
    await web.halted;
    await until(() => play.control.images().length === 1);
    await until(() => play.emulator.log.count({ method: "POST" }) === 1);
    child.kill("SIGKILL");
    await child.exited;
    expect(play.control.images()).toMatchObject([{ status: "pending_upload" }]);
    web.go();
    await recovers(play);
    expect(play.control.received().at(-1)?.raw?.bytes).toBe(RAW.length);
  } finally {
    web.stop();
  }
});

test("killed while Linode works on the image of a disk: the next apply leaves one image", async () => {
  await using play = await Scene.open({ pace: "settle" });
  const { id, disks } = play.control.addInstance();
  await play.declare(`[image.small]\nbackend = "lin"\nlinode_id = ${id}\ndisk_id = ${disks[0]}\n`);
  for (const settled of [false, true]) {
    const child = start(play, "apply", "--yes");
    await until(() => play.emulator.log.count({ operation: "get-image" }) > 0);
    child.kill("SIGKILL");
    await child.exited;
    expect(play.control.images()).toMatchObject([{ status: "creating" }]);
    const [made] = play.control.images();
    play.control.pace({ polls: 1 });
    if (settled) play.control.settle();
    await recovers(play);
    expect(play.control.images()[0]?.id === made?.id).toBe(settled);
    await play.ok("destroy", "--yes");
    play.control.pace("settle");
    play.emulator.log.clear();
  }
});

test(`killed at ${KILLS} random instants, made and replaced, apply goes on from there`, async () => {
  await using play = await Scene.open({ pace: { polls: 2 } });
  const turn = async (run: number) => {
    await play.directory.write("disk.img.gz", gzipSync(`bytes ${run}`));
    await play.declare(`${upload()}\n${upload().replace("small", "second")}`, "event_poll_ms = 20");
  };
  await killedAtRandom(play, turn, () => recovers(play, 2));
});
