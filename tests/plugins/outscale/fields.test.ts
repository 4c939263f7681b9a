import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { writable } from "../../../src/core/model/schema.ts";
import { image } from "../../../src/plugins/outscale/schema.ts";
import type { OutscaleEmulator } from "../../emulators/outscale/start.ts";
import { ofVm, Scene } from "./kit.ts";

setDefaultTimeout(300_000);

type Traits = Parameters<OutscaleEmulator["control"]["changeImage"]>[1];

const bsu = (VolumeSize: number) => ({
  DeviceName: "/dev/sda1",
  Bsu: { DeleteOnVmDeletion: true, SnapshotId: "snap-11111111", VolumeSize, VolumeType: "standard" as const, Iops: 0 },
});

/** What a field of the API's Image is declared as, and another value of it. Text: why it cannot be declared, or compared. */
const FIELDS: Readonly<Record<string, { readonly line: string; readonly live: Traits } | string>> = {
  Architecture: { line: 'architecture = "x86_64"', live: { Architecture: "i386" } },
  BlockDeviceMappings: {
    line: 'root_device_name = "/dev/sda1"\nblock_device_mappings = [{ device_name = "/dev/sda1", bsu = { snapshot_id = "SNAPSHOT" } }]',
    live: { BlockDeviceMappings: [bsu(10)] },
  },
  BootModes: { line: 'boot_modes = ["legacy"]', live: { BootModes: ["uefi"] } },
  Description: { line: 'description = "words"', live: { Description: "others" } },
  ImageName: { line: 'image_name = "small"', live: { ImageName: "renamed" } },
  PermissionsToLaunch: {
    line: 'permissions = { account_ids = ["210987654321"] }',
    live: { PermissionsToLaunch: { AccountIds: ["345678901234"], GlobalPermission: false } },
  },
  ProductCodes: { line: 'product_codes = ["0001"]', live: { ProductCodes: ["0002"] } },
  RootDeviceName: {
    line: 'root_device_name = "/dev/sda1"\nblock_device_mappings = [{ device_name = "/dev/sda1", bsu = { snapshot_id = "SNAPSHOT" } }]',
    live: { RootDeviceName: "/dev/xvda" },
  },
  TpmMandatory: { line: "tpm_mandatory = false", live: { TpmMandatory: true } },
  Tags: "merged with the marker: see below",
  FileLocation: "of all images but those of a manifest it is ACCOUNT/NAME, and its query is a signature",
  AccountAlias: "computed",
  AccountId: "computed",
  CreationDate: "computed",
  ImageId: "computed",
  ImageType: "computed",
  RootDeviceType: "computed",
  SecureBoot: "computed",
  State: "computed",
  StateComment: "computed",
};

test("every field that the API describes has its place in this table", () => {
  const text = readFileSync(new URL("../../emulators/outscale/openapi.yaml", import.meta.url), "utf8");
  const described = /\n {4}Image:\n.*?\n {6}properties:\n(.*?)\n {6}type: object/s.exec(text)?.[1] ?? "";
  const names = [...described.matchAll(/^ {8}(\w+):/gm)].map(([, name = ""]) => name);
  expect(names.sort()).toEqual(Object.keys(FIELDS).sort());
});

test("every attribute of which no answer tells is compared with the state, and no other", () => {
  const untold = writable(image).filter(([, { compare, reported }]) => compare === "recorded" && reported !== true);
  expect(untold.map(([name]) => name)).toEqual([
    "vm_id",
    "no_reboot",
    "source_image_id",
    "source_region_name",
    "file_location",
  ]);
});

test.each(Object.entries(FIELDS).flatMap(([name, one]) => (typeof one === "string" ? [] : [[name, one] as const])))(
  "%s is read live and compared: after apply, and of an imported image",
  async (_, { line, live }) => {
    await using play = await Scene.open();
    const attribute = line.slice(0, line.indexOf(" "));
    const name =
      line.includes("\n") && attribute === "root_device_name" && "BlockDeviceMappings" in live
        ? "block_device_mappings"
        : attribute;
    const { snapshot } = play.control.seeded;
    const body = line.replace("SNAPSHOT", snapshot);
    const image = line.includes("SNAPSHOT") ? `[image.small]\nbackend = "osc"\n${body}\n` : ofVm(play, body);
    await play.declare(image);
    await play.apply();
    await play.settled();
    const [{ ImageId: id } = { ImageId: "" }] = play.own();
    play.control.changeImage(id, live);
    const drifted = await play.run("plan", "--detailed-exitcode");
    expect([drifted.code, drifted.stdout]).toEqual([2, expect.stringContaining(name)]);
    const other = await play.control.addImage("other", live);
    await play.declare(image.replace("image.small", "image.taken").replace('"small"', '"taken"'));
    await play.ok("state", "rm", "osc/small");
    await play.ok("import", "osc/taken", other);
    const imported = await play.run("plan", "--detailed-exitcode");
    expect([imported.code, imported.stdout]).toEqual([2, expect.stringContaining(name)]);
  },
);

test("tags are compared but for those of the marker", async () => {
  await using play = await Scene.open();
  await play.declare(ofVm(play, 'tags = { os = "debian" }'));
  await play.apply();
  const [{ ImageId: id, Tags } = { ImageId: "", Tags: [] }] = play.own();
  play.control.changeImage(id, { Tags: [...Tags.filter(({ Key }) => Key !== "os"), { Key: "os", Value: "other" }] });
  const { code, stdout } = await play.run("plan", "--detailed-exitcode");
  expect([code, stdout]).toEqual([2, expect.stringContaining("tags")]);
});
