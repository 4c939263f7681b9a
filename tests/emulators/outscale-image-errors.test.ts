import { expect, setDefaultTimeout, test } from "bun:test";
import { begin } from "./outscale/ask.ts";
import { refused, unknown } from "./outscale/expected.ts";

// A busy machine may stall for seconds; nothing here waits for time to pass.
setDefaultTimeout(300_000);

/** The numbers are those of the table of errors that is known of this API. */

const mapping = (SnapshotId: string, more: object = {}) => [{ DeviceName: "/dev/sda1", Bsu: { SnapshotId, ...more } }];

test("11, 13: volumes and VMs that are not settled", async () => {
  await using osc = await begin();
  const { emulator, ask, freeVolume, vm } = osc;
  emulator.control.setVolume(freeVolume, "creating");
  refused(await ask("CreateSnapshot", { VolumeId: freeVolume }), 409, "6007", "InvalidVolumeState", /creating/);
  emulator.control.setVm(vm, "pending");
  refused(await ask("CreateImage", { VmId: vm, ImageName: "image" }), 409, "9039", "ResourceConflict");
  emulator.control.setVm(vm, "terminated");
  refused(await ask("CreateImage", { VmId: vm, ImageName: "image" }), 400, "5063", "InvalidResource");
});

test("12, 15: a snapshot that an image uses stays", async () => {
  await using osc = await begin();
  const { ask, snapshot } = osc;
  const made = await ask("CreateImage", {
    ImageName: "image",
    RootDeviceName: "/dev/sda1",
    BlockDeviceMappings: mapping(snapshot),
  });
  const ImageId = made.body.Image?.ImageId;
  refused(await ask("DeleteSnapshot", { SnapshotId: snapshot }), 409, "9085", "ResourceConflict", /^$/);
  expect((await ask("DeleteImage", { ImageId })).status).toBe(200);
  expect((await ask("DeleteSnapshot", { SnapshotId: snapshot })).status).toBe(200);
});

test("16, 17: image names", async () => {
  await using osc = await begin();
  const { ask, vm } = osc;
  const named = async (ImageName: string) => await ask("CreateImage", { VmId: vm, ImageName });
  expect((await named("My image (1)/2.3_4-5")).status).toBe(200);
  refused(await named("My image (1)/2.3_4-5"), 409, "9029", "ResourceConflict", /^$/);
  for (const name of ["ab", "a".repeat(129), "colon:", "ä-umlaut", ""]) {
    refused(await named(name), 400, "4014", "InvalidParameterValue");
  }
  expect((await named("a".repeat(128))).status).toBe(200);
});

test("18, 19: no origin, two origins, no root device, and what else must be said", async () => {
  await using osc = await begin();
  const { ask, vm, snapshot, publicImages } = osc;
  const create = async (body: object) => await ask("CreateImage", { ImageName: "image", ...body });
  const BlockDeviceMappings = mapping(snapshot);
  refused(await create({}), 400, "7007", "MissingParameter");
  const [SourceImageId] = publicImages;
  const FileLocation = "http://127.0.0.1:1/manifest";
  for (const two of [
    { VmId: vm, SourceImageId },
    { SourceImageId, FileLocation },
    { FileLocation, BlockDeviceMappings },
  ]) {
    refused(await create({ ...two, SourceRegionName: "eu-west-2" }), 400, "3002", "InvalidParameterCombination");
  }
  refused(await create({ BlockDeviceMappings }), 400, "7007", "MissingParameter", /RootDeviceName/);
  refused(await create({ BlockDeviceMappings, RootDeviceName: "/dev/sdb" }), 400, "4014", "InvalidParameterValue");
  refused(await create({ SourceImageId }), 400, "7007", "MissingParameter", /SourceRegionName/);
  refused(await create({ SourceRegionName: "eu-west-2" }), 400, "7007", "MissingParameter", /SourceImageId/);
  refused(await ask("CreateImage", { VmId: vm }), 400, "7007", "MissingParameter", /ImageName/);
  refused(await ask("CreateSnapshot", {}), 400, "7007", "MissingParameter");
  refused(await ask("CreateSnapshot", { FileLocation }), 400, "7007", "MissingParameter", /SnapshotSize/);
  const both = { VolumeId: unknown.volume, SourceSnapshotId: snapshot };
  refused(await ask("CreateSnapshot", both), 400, "3002", "InvalidParameterCombination");
});

test("27, 28: volumes of an image", async () => {
  await using osc = await begin();
  const { ask, snapshot } = osc;
  const register = async (more: object, device = "/dev/sda1") => {
    const BlockDeviceMappings = [{ DeviceName: device, Bsu: { SnapshotId: snapshot, ...more } }];
    return await ask("CreateImage", { ImageName: "image", RootDeviceName: device, BlockDeviceMappings });
  };
  const bad = [
    { Iops: 100 },
    { Iops: 100, VolumeType: "gp2" },
    { Iops: 13_001, VolumeType: "io1", VolumeSize: 100 },
    { Iops: 3001, VolumeType: "io1" },
    { Iops: 0, VolumeType: "io1" },
    { VolumeSize: 9 },
    { VolumeType: "ssd" },
  ];
  for (const more of bad) refused(await register(more), 400, "4014", "InvalidParameterValue");
  refused(await register({ VolumeType: "io1" }), 400, "7007", "MissingParameter", /Iops/);
  refused(await register({}, "/dev/xda"), 400, "4014", "InvalidParameterValue", /device name/);
  const made = await register({ Iops: 3000, VolumeType: "io1" });
  expect(made.body.Image?.BlockDeviceMappings).toEqual([
    {
      DeviceName: "/dev/sda1",
      Bsu: { SnapshotId: snapshot, VolumeSize: 10, VolumeType: "io1", Iops: 3000, DeleteOnVmDeletion: true },
    },
  ]);
});

test("29: copies stay in their Region", async () => {
  await using osc = await begin();
  const { ask, snapshot, publicImages } = osc;
  const image = { ImageName: "copy", SourceImageId: publicImages[0], SourceRegionName: "us-east-2" };
  refused(await ask("CreateImage", image), 400, "4014", "InvalidParameterValue", /SourceRegionName/);
  const disk = { SourceSnapshotId: snapshot, SourceRegionName: "us-east-2" };
  refused(await ask("CreateSnapshot", disk), 400, "4014", "InvalidParameterValue", /SourceRegionName/);
});

test("30, 31: permissions, and what belongs to others", async () => {
  await using osc = await begin();
  const { emulator, ask, publicImages, sharedImage, hiddenImage, sharedSnapshot } = osc;
  const ImageId = await emulator.control.addImage("mine");
  const update = async (PermissionsToLaunch: object) => await ask("UpdateImage", { ImageId, PermissionsToLaunch });
  refused(await update({}), 400, "7007", "MissingParameter");
  refused(await update({ Additions: {}, Removals: {} }), 400, "3002", "InvalidParameterCombination");
  refused(await update({ Additions: { AccountIds: ["me"] } }), 400, "4014", "InvalidParameterValue");
  refused(await ask("UpdateImage", { ImageId }), 400, "7007", "MissingParameter");
  for (const id of [publicImages[0], sharedImage]) {
    refused(await ask("UpdateImage", { ImageId: id, Description: "x" }), 403, "4120", "AccessDenied");
    refused(await ask("DeleteImage", { ImageId: id }), 403, "4120", "AccessDenied");
    refused(await ask("CreateTags", { ResourceIds: [id], Tags: [] }), 403, "4120", "AccessDenied");
    const task = { ImageId: id, OsuExport: { DiskImageFormat: "raw", OsuBucket: "b" } };
    refused(await ask("CreateImageExportTask", task), 403, "4120", "AccessDenied");
  }
  refused(await ask("DeleteSnapshot", { SnapshotId: sharedSnapshot }), 403, "4120", "AccessDenied");
  refused(await ask("UpdateImage", { ImageId: hiddenImage, Description: "x" }), 400, "5023", "InvalidResource");
});
