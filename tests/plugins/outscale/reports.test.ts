import { expect, setDefaultTimeout, test } from "bun:test";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { refusals } from "../../emulators/outscale/refusal.ts";
import { KEY, ofBytes, ofVm, Scene } from "./kit.ts";

// What people reported of other tools, tried here: each test names its report.

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);

async function bytes(more = "") {
  const play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "old\n"));
  await play.declare(ofBytes(more));
  return play;
}

test("outscale/terraform-provider-outscale#106, #207: 429 and 503 are waited for at every kind of call", async () => {
  const life = async (play: Scene) => {
    await play.apply();
    await play.declare(ofBytes('description = "two"\ntags = { os = "debian" }\npermissions = { global = true }'));
    await play.apply();
    await play.declare(ofBytes('tags = { os = "bsd" }'));
    await play.directory.write("disk.raw", Buffer.alloc(40_000, "new\n"));
    await play.apply();
    await play.ok("export", "osc/small");
    await play.ok("destroy", "--yes");
  };
  await using calm = await bytes('tags = { web = "1" }');
  await life(calm);
  const actions = new Set(calm.emulator.log.entries.map(({ operation }) => operation));
  expect(actions.size).toBeGreaterThan(8);
  await using play = await bytes('tags = { web = "1" }');
  for (const action of actions)
    for (const status of [429, 503] as const)
      play.control.next({ kind: "refused", refusal: refusals.throttled(status).refusal }, action);
  await life(play);
  const refused = new Set(
    play.emulator.log.entries.flatMap(({ operation, status }) => (status >= 429 ? [`${operation} ${status}`] : [])),
  );
  expect([...refused].sort()).toEqual([...actions].flatMap((one) => [`${one} 429`, `${one} 503`]).sort());
  expect(play.own()).toEqual([]);
  expect(await play.left()).toEqual([]);
});

test("outscale/terraform-provider-outscale#176: an image of a snapshot, with bsu as a table", async () => {
  await using play = await Scene.open();
  const image = (volume: string, more = "") =>
    `[image.small]\nbackend = "osc"\nblock_device_mappings = [{ ${volume} }]\n${more}\n`;
  const bsu = `bsu = { snapshot_id = "${play.control.seeded.snapshot}" }`;
  await play.declare(image(bsu));
  expect(await play.refused("validate")).toContain("block_device_mappings also needs root_device_name");
  await play.declare(image(bsu, 'root_device_name = "/dev/sda1"'));
  expect(await play.refused("validate")).toContain("device_name is missing");
  await play.declare(image(`device_name = "/dev/sda1", ${bsu}`, 'root_device_name = "/dev/sda1"'));
  await play.apply();
  await play.settled();
});

test("outscale/terraform-provider-outscale#93: after an export and a refresh nothing is to be made again", async () => {
  await using play = await bytes();
  await play.apply();
  const ids = play.own().map(({ ImageId }) => ImageId);
  await play.ok("export", "osc/small");
  await play.ok("apply", "--refresh-only", "--yes");
  await play.settled();
  await play.ok("export", "osc/small");
  await play.apply();
  expect(play.own().map(({ ImageId }) => ImageId)).toEqual(ids);
});

test("hashicorp/packer#8549: product codes, several of them, are given at the creation and changed later", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, 'product_codes = ["0001", "0002"]'));
  await play.apply();
  const [create] = play.emulator.log.of({ operation: "CreateImage" });
  expect(create?.body).toMatchObject({ ProductCodes: ["0001", "0002"] });
  await play.settled();
  const [{ ImageId: id } = { ImageId: "" }] = play.own();
  await play.declare(ofVm(play, 'product_codes = ["0002"]'));
  await play.apply();
  expect(play.own()).toMatchObject([{ ImageId: id, ProductCodes: ["0002"] }]);
  await play.settled();
});
