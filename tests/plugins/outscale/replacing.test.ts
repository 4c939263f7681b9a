import { expect, setDefaultTimeout, test } from "bun:test";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { KEY, ofBytes, ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);
const QUOTA = { status: 400, code: "10042", type: "TooManyResources", details: "The quota of images is reached." };
const MORE = 'tags = { os = "debian" }\ndescription = "words"\npermissions = { account_ids = ["210987654321"] }';

async function bytes() {
  const play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "old\n"));
  await play.declare(ofBytes(MORE));
  await play.apply();
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "new\n"));
  return play;
}

async function disks() {
  const play = await Scene.open();
  await play.declare(ofVm(play, MORE));
  await play.apply();
  await play.declare(ofVm(play, `${MORE}\nno_reboot = true`));
  return play;
}

/** All of an image that is not its id or a consequence of it. */
const lasting = (play: Scene) =>
  play.own().map(({ ImageId: _, CreationDate: __, Tags, ...rest }) => ({
    ...rest,
    // What a gp2 volume gets follows from its size.
    BlockDeviceMappings: rest.BlockDeviceMappings.map(({ Bsu, ...device }) => ({
      ...device,
      Bsu: { ...Bsu, Iops: 0 },
    })),
    Tags: Tags.filter(({ Key }) => Key !== "images.self").sort((a, b) => a.Key.localeCompare(b.Key)),
  }));

test("all that can fail comes before the old image is deleted, and its snapshots go last", async () => {
  await using play = await bytes();
  play.asked();
  await play.apply();
  expect(play.asked(true).map((one) => one.replace(/ 200$/, ""))).toEqual([
    "CreateSnapshot",
    "DeleteImage",
    "CreateImage",
    "DeleteSnapshot",
    "CreateTags",
    "CreateTags",
    "UpdateImage",
    "UpdateImage",
  ]);
  await play.settled();
});

test.each([
  ["bytes", bytes],
  ["a VM", disks],
] as const)(
  "a new image of %s that cannot be made: the old one is there again as it was, and the next run replaces it",
  async (_, begin) => {
    for (const fault of ["refused", "failed", "dropped"] as const) {
      await using play = await begin();
      const { control } = play;
      const before = lasting(play);
      const [old] = play.own();
      if (fault === "refused") control.next({ kind: "refused", refusal: QUOTA }, "CreateImage");
      else if (fault === "dropped")
        control.next({ kind: "refused", refusal: { ...QUOTA, status: 500 } }, "CreateImage");
      else control.fail("image", { code: "X", message: "broken disk" });
      const said = await play.refused("apply", "--yes");
      expect([fault, said.includes("registered again from its snapshots")]).toEqual([fault, true]);
      const [again] = play.own();
      expect([fault, lasting(play), await play.left()]).toEqual([fault, before, []]);
      expect(again?.ImageId).not.toBe(old?.ImageId ?? "");
      expect(again?.Tags).toContainEqual({ Key: "images.self", Value: again?.ImageId ?? "" });
      const plan = await play.run("plan", "--detailed-exitcode");
      expect([fault, plan.code, /replace/.test(plan.stdout)]).toEqual([fault, 2, true]);
      await play.apply();
      await play.settled();
      expect(play.own().map(({ ImageId }) => ImageId === again?.ImageId)).toEqual([false]);
      expect(await play.left()).toEqual([]);
    }
  },
);

test("an upload, a snapshot or an origin that fails leaves the old image alone", async () => {
  await using play = await bytes();
  const [old] = play.own();
  play.control.fail("snapshot");
  await play.refused("apply", "--yes");
  expect(play.own()).toEqual([old ?? expect.anything()]);
  play.control.next({ kind: "refused", refusal: QUOTA }, "CreateSnapshot");
  await play.refused("apply", "--yes");
  expect(play.own()).toEqual([old ?? expect.anything()]);
  expect(await play.left()).toEqual([]);
});
