import { expect, setDefaultTimeout, test } from "bun:test";
import { outscale } from "../../../src/plugins/outscale/index.ts";
import { isSameMapping } from "../../../src/plugins/outscale/values.ts";
import { sharedStore } from "../../emulators/outscale/buckets.ts";
import { KEY, ofBytes, ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);

const VM = 'vm_id = "i-12345678"';
const COPY = 'source_image_id = "ami-12345678"\nsource_region_name = "eu-west-2"';
const MANIFEST = 'file_location = "https://oos.example.org/b/m.json?X-Amz-Signature=1"';
const ROOT = '{ device_name = "/dev/sda1", bsu = { snapshot_id = "snap-12345678", volume_size = 10 } }';
const MAPPINGS = `block_device_mappings = [${ROOT}]\nroot_device_name = "/dev/sda1"`;
const image = (body: string, name = "small") => `[image.${name}]\nbackend = "osc"\n${body}\n`;

test("an image is made of exactly one thing: two or none are told in the file, and no request is made", async () => {
  await using play = await Scene.open();
  await play.directory.write("disk.raw", "x");
  const all = [VM, COPY, MANIFEST, MAPPINGS, 'source = "./disk.raw"'];
  for (const origin of all) {
    await play.declare(image(origin));
    const { stderr } = await play.run("validate");
    // The backend has no bucket.
    expect([origin, stderr.includes("error")]).toEqual([origin, origin.startsWith("source =")]);
    if (origin.startsWith("source =")) expect(stderr).toContain('write bucket = "NAME" into the settings');
  }
  const pairs = all.flatMap((one, i) => all.slice(i + 1).map((other) => `${one}\n${other}`));
  await play.declare(pairs.map((pair, i) => image(pair, `pair${i}`)).join("\n"));
  const said = await play.refused("validate");
  expect(pairs.length).toBe(10);
  // Volumes may stand beside a source, but then the root volume is made of that.
  expect(said.match(/an image has one origin/g)?.length).toBe(9);
  expect(said).toContain("cannot have a snapshot_id");
  expect(said).toMatch(/images\.toml:\d+:\d+/);
  await play.declare(image('description = "of nothing"'));
  expect(await play.refused("validate")).toContain("the image has no origin");
  expect(play.asked()).toEqual([]);
});

test("each origin needs all of its arguments, and takes those of no other", async () => {
  await using play = await Scene.open();
  const told = async (body: string) => {
    await play.declare(image(body));
    return await play.refused("validate");
  };
  expect(await told('source_image_id = "ami-12345678"')).toContain("needs source_region_name");
  expect(await told('source_region_name = "eu-west-2"')).toContain("source_image_id");
  expect(await told(`block_device_mappings = [${ROOT}]`)).toContain("needs root_device_name");
  expect(await told(`${COPY}\nno_reboot = true`)).toContain("no_reboot");
  expect(await told(`${VM}\nroot_device_name = "/dev/sda1"`)).toContain("root_device_name");
});

test("values are checked as the API would, all at once", async () => {
  await using play = await Scene.open();
  const wrong: readonly [string, string][] = [
    [`${VM}\nimage_name = "no"`, "3 to 128"],
    [`${VM}\nimage_name = "a*b?"`, "3 to 128"],
    [`${VM}\narchitecture = "arm64"`, "x86_64"],
    [`${VM}\nboot_modes = ["bios"]`, "uefi"],
    [`${VM}\nboot_modes = []`, "boot_modes: expected at least one"],
    [`${VM}\ntags = [{ key = "", value = "x" }]`, "1 to 255"],
    [`${VM}\ntags = { "" = "x" }`, 'invalid key "": expected 1 to 255'],
    [`${VM}\npermissions = { account_ids = ["1234"] }`, "12 digits"],
    [`${VM}\ntags = { "images.owner" = "x" }`, "is reserved for the ownership marker"],
    ['vm_id = "vm-1"', "the id of a VM"],
    ['file_location = "manifest.json"', "is not a URL"],
  ];
  await play.declare(wrong.map(([body], i) => image(body, `wrong${i}`)).join("\n"));
  const said = await play.refused("validate");
  for (const [, words] of wrong) expect(said).toContain(words);
  expect(play.asked()).toEqual([]);
});

test("volumes are checked: sizes, types, speeds, devices", () => {
  const told = (...mappings: readonly object[]) =>
    outscale
      .check?.({ root_device_name: "/dev/sda1", block_device_mappings: mappings }, {})
      .map(({ message }) => message);
  const root = { device_name: "/dev/sda1", bsu: { snapshot_id: "snap-12345678" } };
  const data = (bsu: object) => ({ device_name: "/dev/sdb", bsu: { volume_size: 10, ...bsu } });
  expect(told(root, data({ volume_type: "io1", iops: 3000 }))).toEqual([]);
  expect(told(root, data({ volume_type: "io1", iops: 3001 }))?.[0]).toContain("at most 3000 iops");
  expect(told(root, data({ volume_type: "gp2", iops: 100 }))?.[0]).toContain('only with volume_type = "io1"');
  expect(told(root, data({ volume_type: "io1" }))?.[0]).toContain("needs iops");
  expect(told(root, { device_name: "/dev/sdb", bsu: {} })?.[0]).toContain("needs snapshot_id or volume_size");
  expect(told(root, { device_name: "/dev/sdb" })?.[0]).toContain("bsu is missing");
  expect(told(root, { device_name: "/dev/sdb", virtual_device_name: "ephemeral0" })).toEqual([]);
  expect(told(root, root)?.[0]).toContain("two volumes have the device /dev/sda1");
  expect(told(data({}))?.[0]).toContain("/dev/sda1 is not among block_device_mappings");
  expect(told({ device_name: "/dev/sda1", bsu: { volume_size: 10 } })?.[0]).toContain("needs a snapshot_id");
});

test("the texts of terraform's files are taken as the values that they are", async () => {
  await using play = await Scene.open();
  const { vm, snapshot } = play.control.seeded;
  const bsu = `{ snapshot_id = "${snapshot}", volume_size = "120", volume_type = "io1", iops = "150", delete_on_vm_deletion = "false" }`;
  const mappings = `block_device_mappings = [{ device_name = "/dev/sda1", bsu = ${bsu} }]\nroot_device_name = "/dev/sda1"`;
  await play.declare(
    `${image(`vm_id = "${vm}"\nno_reboot = "true"\ntpm_mandatory = "true"`)}\n${image(mappings, "bsu")}`,
  );
  await play.apply();
  expect(play.control.rebooted).toEqual([]);
  expect(play.own()).toContainEqual(expect.objectContaining({ ImageName: "small", TpmMandatory: true }));
  // False as well, which terraform's provider cannot send.
  expect(play.own().find(({ ImageName }) => ImageName === "bsu")?.BlockDeviceMappings).toEqual([
    {
      DeviceName: "/dev/sda1",
      Bsu: { SnapshotId: snapshot, VolumeSize: 120, VolumeType: "io1", Iops: 150, DeleteOnVmDeletion: false },
    },
  ]);
  await play.settled();
  await play.declare(ofVm(play).replace("[image.small]", "[image.small]\nno_reboot = false"));
  await play.apply();
  expect(play.control.rebooted).toEqual([vm]);
});

test("two addresses of one name are told by validate, with both places", async () => {
  await using play = await Scene.open();
  await play.declare(`${ofVm(play, 'image_name = "golden"', "one")}${ofVm(play, 'image_name = "golden"', "two")}`);
  const said = await play.refused("validate");
  expect(said).toMatch(/osc\/two and osc\/one \(.*line \d+.*\) have the same name "golden"/);
  expect(play.asked()).toEqual([]);
});

test("a source with block_device_mappings: type, size and iops of the root volume, and further volumes", async () => {
  await using play = await Scene.open(bucketOf());
  await play.directory.write("disk.raw", Buffer.alloc(40_000, "disk\n"));
  const data = '{ device_name = "/dev/xvdb", bsu = { volume_size = 10 } }';
  const root = (bsu: string) => `block_device_mappings = [{ device_name = "/dev/sda1", bsu = { ${bsu} } }, ${data}]`;
  await play.declare(ofBytes(root('volume_type = "io1", volume_size = 20, iops = 500')));
  await play.apply();
  expect(play.own()[0]?.BlockDeviceMappings).toMatchObject([
    { DeviceName: "/dev/sda1", Bsu: { VolumeType: "io1", VolumeSize: 20, Iops: 500 } },
    { DeviceName: "/dev/xvdb", Bsu: { VolumeSize: 10 } },
  ]);
  await play.settled();
  await play.declare(ofBytes(root('volume_type = "gp2", volume_size = 20')));
  await play.apply();
  await play.settled();
  expect(play.own()[0]?.BlockDeviceMappings[0]?.Bsu?.VolumeType).toBe("gp2");
  await play.declare(ofBytes(root(`snapshot_id = "${play.control.seeded.snapshot}"`)));
  expect(await play.refused("validate")).toContain("cannot have a snapshot_id");
  await play.declare(ofBytes(`block_device_mappings = [${data}]`));
  expect(await play.refused("validate")).toContain("the root device /dev/sda1 is not among the volumes");
});

test("mappings are the same in any order, with defaults written or not; and not with another type", () => {
  const root = { device_name: "/dev/sda1", bsu: { snapshot_id: "snap-12345678" } };
  const live = {
    device_name: "/dev/sda1",
    bsu: { snapshot_id: "snap-12345678", volume_size: 10, volume_type: "standard", delete_on_vm_deletion: true },
  };
  const data = { device_name: "/dev/xvdb", bsu: { volume_size: 10, volume_type: "gp2", iops: 100 } };
  expect(isSameMapping([root, data], [data, live])).toBe(true);
  expect(isSameMapping([root], [{ ...live, bsu: { ...live.bsu, volume_type: "gp2" } }])).toBe(false);
  expect(isSameMapping([root], [live, data])).toBe(false);
});
