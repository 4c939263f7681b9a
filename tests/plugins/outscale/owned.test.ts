import { expect, setDefaultTimeout, test } from "bun:test";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { KEY, ofBytes, ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);

/** The snapshots of the only image of the account. */
const made = (play: Scene): readonly string[] =>
  (play.own()[0]?.BlockDeviceMappings ?? []).flatMap(({ Bsu }) => Bsu?.SnapshotId ?? []);

test("snapshots that go with an image are in the plan: in its lines, its counts, resource_changes and --max-deletes", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  await play.apply();
  const snapshots = made(play);
  expect(snapshots.length).toBe(2);
  await play.declare("");
  const plan = await play.ok("plan", "--out", "gone.plan");
  for (const snapshot of snapshots) expect(plan.stdout).toContain(snapshot);
  expect(plan.stdout).toContain("0 to add, 0 to change, 3 to destroy");
  const shown: unknown = JSON.parse((await play.ok("show", "gone.plan", "--json")).stdout);
  const changes = typeof shown === "object" && shown !== null ? Reflect.get(shown, "resource_changes") : [];
  for (const snapshot of snapshots)
    expect(changes).toContainEqual(
      expect.objectContaining({ deposed: snapshot, action_reason: "delete_because_owned" }),
    );
  expect(await play.refused("apply", "--yes", "--max-deletes", "2")).toContain("deletes 3 objects");
  expect(play.own().length).toBe(1);
  const done = await play.apply("--max-deletes", "3");
  expect(done.stdout + done.stderr).toContain("3 destroyed");
  expect([play.own(), await play.left()]).toEqual([[], []]);
});

test("what another state of the same name has on the way at the same address is left alone", async () => {
  await using play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "old\n"));
  await play.declare(ofBytes());
  await play.apply();
  // As an upload of another state leaves it while it goes on, and as its finished image has it.
  const { control } = play;
  const [theirs, tagged] = [await control.addSnapshot(10), await control.addSnapshot(10)];
  control.changeSnapshot(theirs, { Description: `images images osc/small ${crypto.randomUUID()}` });
  const tags = { "images.file": "images", "images.owner": "osc/small", "images.image": "ami-0badcafe" };
  control.changeSnapshot(tagged, { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) });
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "new\n"));
  await play.apply();
  await play.ok("destroy", "--yes");
  expect(play.own()).toEqual([]);
  const left = control.snapshots().map(({ SnapshotId }) => SnapshotId);
  expect([left.includes(theirs), left.includes(tagged)]).toEqual([true, true]);
});

test("a snapshot that an image of somebody else uses stays, and a note says what uses it", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  await play.apply();
  const [root = "", data = ""] = made(play);
  const [own] = play.own();
  const theirs = await play.control.addImage("theirs", {
    BlockDeviceMappings: (own?.BlockDeviceMappings ?? []).slice(0, 1),
  });
  await play.declare("");
  const { stderr, stdout } = await play.apply();
  expect(`${stderr}${stdout}`).toContain(`${root} is kept: in use by ${theirs}`);
  const left = play.control.snapshots().map(({ SnapshotId }) => SnapshotId);
  expect([left.includes(root), left.includes(data)]).toEqual([true, false]);
});
