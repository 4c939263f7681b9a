import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { halting, KILLS, killedAtRandom, recordedIds, start, until } from "../killing.ts";
import { KEY, ofBytes, Scene } from "./kit.ts";

setDefaultTimeout(600_000);

const bucketOf = sharedStore(KEY);

async function opened(images: string): Promise<Scene> {
  const play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", "a disk ".repeat(3000));
  await play.declare(images);
  return play;
}

/** Kills `images ARGS` while the answer to its next request of an action is held; what was asked for is done, or it is not. */
async function killed(play: Scene, action: string, isDone: boolean, ...args: readonly string[]): Promise<void> {
  const { control, emulator } = play;
  const go = Promise.withResolvers<void>();
  emulator.log.clear();
  control.next({ kind: "held", until: go.promise, isDone }, action);
  const child = start(play, ...args);
  await Promise.race([emulator.log.until({ operation: action }), child.exited]);
  child.kill("SIGKILL");
  await child.exited;
  go.resolve();
  const said = await new Response(child.stderr).text();
  if (control.plannedFaults > 0) throw new Error(`${action} was never asked for:\n${said}`);
}

/** Everything that must hold when apply has run to its end after a kill. */
async function recovers(play: Scene, what: string): Promise<void> {
  await play.apply();
  expect([what, play.own().map(({ State }) => State)]).toEqual([what, ["available"]]);
  expect(await recordedIds(play)).toEqual(play.own().map(({ ImageId }) => ImageId));
  expect([what, await play.left()]).toEqual([what, []]);
  await play.settled();
}

test("killed in the middle of the upload: the unfinished upload is gone after the next apply", async () => {
  const web = halting(randomBytes(16 << 20), "disk.raw");
  try {
    await using play = await opened(`[image.small]\nbackend = "osc"\nsource = { url = "${web.url}" }\n`);
    const { store, name = "" } = play.bucket ?? {};
    const child = start(play, "apply", "--yes");
    await web.halted;
    await until(async () => ((await store?.unfinished(name)) ?? []).length === 1);
    child.kill("SIGKILL");
    await child.exited;
    expect((await play.left()).length).toBe(1);
    web.go();
    await recovers(play, "in the middle of the upload");
  } finally {
    web.stop();
  }
});

test("killed at each request of a creation, done or not: one image in the end, and nothing left over", async () => {
  await using play = await opened(ofBytes('description = "words"\ntags = { os = "debian" }'));
  for (const action of ["CreateSnapshot", "ReadSnapshots", "CreateImage", "CreateTags", "UpdateImage"])
    for (const isDone of [true, false]) {
      if (action.startsWith("Read") && !isDone) continue;
      const what = `${action}, ${isDone ? "done" : "not done"}`;
      await killed(play, action, isDone, "apply", "--yes");
      await recovers(play, what);
      await play.ok("destroy", "--yes");
      expect([what, play.own(), await play.left()]).toEqual([what, [], []]);
    }
});

test("killed in the middle of a creation that nobody wants any more: destroy removes what there is of it", async () => {
  await using play = await opened(ofBytes());
  for (const action of ["CreateSnapshot", "ReadSnapshots", "CreateImage", "CreateTags"]) {
    await killed(play, action, true, "apply", "--yes");
    expect([action, (await play.left()).length + play.own().length > 0]).toEqual([action, true]);
    await play.ok("destroy", "--yes");
    expect([action, play.own(), await play.left()]).toEqual([action, [], []]);
  }
});

test("killed at each request of a replacement or a removal: nothing is lost, doubled or left over", async () => {
  await using play = await opened(ofBytes());
  await play.ok("apply", "--yes");
  for (const action of ["DeleteImage", "DeleteSnapshot", "CreateSnapshot", "CreateImage"])
    for (const isDone of [true, false]) {
      await killed(play, action, isDone, "apply", "--yes", "--replace", "osc/small");
      await recovers(play, `replacing, ${action}, ${isDone ? "done" : "not done"}`);
    }
  for (const action of ["DeleteImage", "DeleteSnapshot"])
    for (const isDone of [true, false]) {
      const what = `removing, ${action}, ${isDone ? "done" : "not done"}`;
      await killed(play, action, isDone, "destroy", "--yes");
      await play.ok("destroy", "--yes");
      expect([what, play.own(), await play.left()]).toEqual([what, [], []]);
      await recovers(play, what);
    }
});

test("killed while Outscale works on the image of a VM: the next apply leaves one image and its snapshots", async () => {
  await using play = await opened("");
  await play.declare(`[image.small]\nbackend = "osc"\nvm_id = "${play.control.seeded.vm}"\n`);
  for (const settled of [false, true]) {
    play.control.pace("settle");
    play.emulator.log.clear();
    const child = start(play, "apply", "--yes");
    await until(() => play.own().some(({ State }) => State === "pending"));
    const [begun] = play.own();
    const isWaited = () =>
      play.emulator.log
        .of({ operation: "ReadImages" })
        .some(({ body }) => JSON.stringify(body).includes(begun?.ImageId ?? "?"));
    await until(isWaited);
    child.kill("SIGKILL");
    await child.exited;
    play.control.pace({ polls: 1 });
    if (settled) await play.control.settle();
    await recovers(play, `settled: ${settled}`);
    expect(play.own()[0]?.BlockDeviceMappings.length).toBe(2);
    await play.ok("destroy", "--yes");
  }
});

test(`killed at ${KILLS} random instants, made and replaced, apply goes on from there`, async () => {
  await using play = await opened(ofBytes());
  const turn = async (run: number) => await play.directory.write("disk.raw", `bytes ${run} `.repeat(1000));
  await killedAtRandom(play, turn, (run) => recovers(play, `random kill ${run}`));
});
