import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "images";
import { ofVm, Scene } from "./kit.ts";

// The account itself, which answers name among those that may launch an image.
const OWNER = "123456789012";

setDefaultTimeout(300_000);

interface Row {
  readonly id: string;
  readonly name: string;
  readonly ours: boolean;
  readonly attributes: Attributes;
}
const info = async (play: Scene): Promise<readonly Row[]> =>
  JSON.parse((await play.ok("info", "osc", "--json")).stdout);

test("description, product codes, tags and permissions change in place, each by a request of its own kind only", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, 'description = "one"'));
  await play.apply();
  const [{ ImageId: id } = { ImageId: "" }] = play.own();
  const steps: readonly [string, readonly string[], object][] = [
    ['description = "two"', ["UpdateImage 200"], { Description: "two" }],
    ['product_codes = ["0003", "0001"]', ["UpdateImage 200"], { Description: "", ProductCodes: ["0003", "0001"] }],
    ['product_codes = ["0001"]', ["UpdateImage 200"], { ProductCodes: ["0001"] }],
    // The VM may have brought licences: without a line they stay.
    ['tags = { os = "debian" }', ["CreateTags 200"], { ProductCodes: ["0001"] }],
    ['tags = [{ key = "os", value = "arch" }]', ["CreateTags 200"], {}],
    ["tags = {}", ["DeleteTags 200"], {}],
    [
      'permissions = { account_ids = ["987654321098"], global = true }',
      ["UpdateImage 200"],
      { PermissionsToLaunch: { AccountIds: [OWNER, "987654321098"], GlobalPermission: true } },
    ],
    [
      'permissions = { account_ids = ["555555555555"] }',
      ["UpdateImage 200", "UpdateImage 200"],
      { PermissionsToLaunch: { AccountIds: [OWNER, "555555555555"], GlobalPermission: false } },
    ],
    ["", ["UpdateImage 200"], { PermissionsToLaunch: { AccountIds: [OWNER], GlobalPermission: false } }],
  ];
  for (const [more, requests, shown] of steps) {
    await play.declare(ofVm(play, more));
    play.asked();
    await play.apply();
    expect([more, play.asked(true)]).toEqual([more, requests]);
    expect(play.own()).toMatchObject([{ ImageId: id, ...shown }]);
    await play.settled();
  }
});

test("drift of every declared attribute is seen, and put right without a new image; also that of permissions", async () => {
  await using play = await Scene.open();
  const declared =
    'description = "words"\nproduct_codes = ["0001"]\ntags = { os = "debian" }\npermissions = { account_ids = ["987654321098"] }';
  await play.declare(ofVm(play, declared));
  await play.apply();
  const [image] = play.own();
  const id = image?.ImageId ?? "";
  const Tags = image?.Tags ?? [];
  const changes: readonly [string, Parameters<Scene["control"]["changeImage"]>[1]][] = [
    ["description", { Description: "other words" }],
    ["product_codes", { ProductCodes: ["0001", "0002"] }],
    ["tags", { Tags: [...Tags, { Key: "more", Value: "" }] }],
    ["permissions", { PermissionsToLaunch: { AccountIds: ["987654321098", "111111111111"], GlobalPermission: false } }],
    ["permissions", { PermissionsToLaunch: { AccountIds: ["987654321098"], GlobalPermission: true } }],
    ["permissions", { PermissionsToLaunch: { AccountIds: [], GlobalPermission: false } }],
    ["mark", { Tags: [{ Key: "os", Value: "debian" }] }],
  ];
  for (const [name, change] of changes) {
    play.control.changeImage(id, change);
    const plan = await play.run("plan", "--detailed-exitcode");
    expect([name, plan.code, plan.stdout.includes(name)]).toEqual([name, 2, true]);
    await play.apply();
    await play.settled();
    expect(play.own()).toMatchObject([{ ImageId: id, Description: "words", ProductCodes: ["0001"] }]);
    const { AccountIds, GlobalPermission } = play.own()[0]?.PermissionsToLaunch ?? { AccountIds: [] };
    expect([AccountIds.filter((one) => one !== OWNER), GlobalPermission]).toEqual([["987654321098"], false]);
    expect(new Map(play.own()[0]?.Tags.map(({ Key, Value }) => [Key, Value])).get("os")).toBe("debian");
    expect(play.own()[0]?.Tags.length).toBe(Tags.length);
  }
});

test("permissions and tags that nobody declares stay as somebody set them", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play));
  await play.apply();
  const [{ ImageId: id, Tags } = { ImageId: "", Tags: [] }] = play.own();
  const PermissionsToLaunch = { AccountIds: ["111111111111"], GlobalPermission: false };
  const theirs = [...Tags, { Key: "theirs", Value: "1" }];
  play.control.changeImage(id, { PermissionsToLaunch, Tags: theirs });
  await play.settled();
  await play.declare(ofVm(play, 'description = "two"'));
  await play.apply();
  expect(play.own()).toMatchObject([{ ImageId: id, Description: "two", PermissionsToLaunch, Tags: theirs }]);
});

test("all else makes a new image, and the plan says which argument is the reason", async () => {
  await using play = await Scene.open();
  const { vm, stoppedVm, snapshot } = play.control.seeded;
  const declare = (body: string) => play.declare(`[image.small]\nbackend = "osc"\n${body}\n`);
  const mapping = (size: number) =>
    `block_device_mappings = [{ device_name = "/dev/sda1", bsu = { snapshot_id = "${snapshot}", volume_size = ${size} } }]\nroot_device_name = "/dev/sda1"`;
  const steps: readonly [string, string][] = [
    ["", `vm_id = "${vm}"`],
    ["vm_id", `vm_id = "${stoppedVm}"`],
    ["no_reboot", `vm_id = "${stoppedVm}"\nno_reboot = true`],
    ["image_name", `vm_id = "${stoppedVm}"\nno_reboot = true\nimage_name = "another"`],
    ["tpm_mandatory", `vm_id = "${stoppedVm}"\nno_reboot = true\nimage_name = "another"\ntpm_mandatory = true`],
    ["block_device_mappings", mapping(20)],
    ["block_device_mappings", mapping(30)],
    ["architecture", `${mapping(30)}\narchitecture = "i386"`],
    ["boot_modes", `${mapping(30)}\narchitecture = "i386"\nboot_modes = ["uefi"]`],
  ];
  let before: string | undefined;
  for (const [reason, body] of steps) {
    await declare(body);
    if (reason !== "") {
      const plan = await play.ok("plan");
      expect([reason, plan.stdout.includes(reason)]).toEqual([reason, true]);
      const [old] = play.own();
      const isOwn = old?.Tags.some(({ Key, Value }) => Key === "images.snapshots" && Value === "own") === true;
      const gone = 1 + (isOwn ? old.BlockDeviceMappings.length : 0);
      expect(plan.stdout).toContain(`1 to add, 0 to change, ${gone} to destroy`);
    }
    await play.apply();
    await play.settled();
    expect(play.own().length).toBe(1);
    expect(play.own()[0]?.ImageId).not.toBe(before ?? "");
    before = play.own()[0]?.ImageId;
    expect(await play.left()).toEqual([]);
  }
});

test("what an image was made of is compared with what was recorded, never with what the API shows", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, "no_reboot = true"));
  await play.apply();
  const [{ ImageId: id, BlockDeviceMappings } = { ImageId: "", BlockDeviceMappings: [] }] = play.own();
  play.control.setVm(play.control.seeded.vm, "terminated");
  play.control.changeImage(id, { BlockDeviceMappings: BlockDeviceMappings.slice(0, 1), BootModes: ["uefi"] });
  await play.settled();
});

test("everything of the seed is shown, and the mark is not; a taken name can be replaced in any order", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, 'description = "words"\ntags = { os = "debian" }'));
  await play.apply();
  const [image] = play.own();
  expect(image?.Description).toBe("words");
  expect(image?.Tags.map(({ Key }) => Key).sort()).toEqual([
    "images.content",
    "images.file",
    "images.lineage",
    "images.owner",
    "images.self",
    "images.snapshots",
    "os",
  ]);
  const row = (await info(play)).find(({ ours }) => ours);
  const exported = [
    "account_id",
    "architecture",
    "block_device_mappings",
    "boot_modes",
    "creation_date",
    "description",
    "file_location",
    "image_id",
    "image_name",
    "image_type",
    "permissions_to_launch",
    "product_codes",
    "root_device_name",
    "root_device_type",
    "secure_boot",
    "state_comment",
    "state",
    "tags",
    "tpm_mandatory",
  ];
  expect(exported.filter((name) => row?.attributes[name] === undefined)).toEqual([]);
  expect(row?.attributes).toMatchObject({ tags: { os: "debian" }, state: "available", account_id: "123456789012" });
  const rows = await info(play);
  expect(rows.find(({ attributes }) => attributes["account_alias"] === "Outscale")?.ours).toBe(false);
  await play.apply("--replace", "osc/small");
  expect(play.own()).toMatchObject([{ ImageName: "small" }]);
  expect(play.own()[0]?.ImageId).not.toBe(image?.ImageId ?? "");
  expect(await play.left()).toEqual([]);
});

test("an image is imported by its id, and nothing is left to do; an image of another account is not", async () => {
  await using play = await Scene.open();
  const mine = await play.control.addImage("theirs", { Description: "of somebody", Tags: [{ Key: "os", Value: "x" }] });
  await play.declare(ofVm(play, 'image_name = "theirs"\ndescription = "of somebody"\ntags = { os = "x" }'));
  await play.ok("import", "osc/small", mine);
  await play.settled();
  expect(play.own()).toMatchObject([{ ImageId: mine, Description: "of somebody" }]);
  await play.ok("state", "rm", "osc/small");
  const [publicImage = ""] = play.control.seeded.publicImages;
  play.asked();
  expect(await play.refused("import", "osc/small", publicImage)).toContain(publicImage);
  expect(play.asked(true)).toEqual([]);
});

test("an imported image's snapshots stay when it is destroyed: they may be somebody's", async () => {
  await using play = await Scene.open();
  const mine = await play.control.addImage("theirs");
  const snapshot = play.control.image(mine)?.BlockDeviceMappings[0]?.Bsu?.SnapshotId ?? "";
  await play.declare(ofVm(play, 'image_name = "theirs"'));
  await play.ok("import", "osc/small", mine);
  await play.ok("destroy", "--yes");
  expect(play.own()).toEqual([]);
  expect(play.control.snapshots().map(({ SnapshotId }) => SnapshotId)).toContain(snapshot);
});
