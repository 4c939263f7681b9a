import { expect, setDefaultTimeout, test } from "bun:test";
import { actions } from "./outscale/actions/all.ts";
import { imageExportFilters, snapshotExportFilters } from "./outscale/actions/exports.ts";
import { imageFilters } from "./outscale/actions/images.ts";
import { subregionFilters } from "./outscale/actions/places.ts";
import { snapshotFilters } from "./outscale/actions/snapshots.ts";
import { readTagsFilters } from "./outscale/actions/tags.ts";
import { vmFilters, vmStateFilters } from "./outscale/actions/vms.ts";
import { volumeFilters } from "./outscale/actions/volumes.ts";
import { asker, begin } from "./outscale/ask.ts";
import { answers, filtersOf } from "./outscale/description.ts";
import { startOutscale } from "./outscale/start.ts";

// A busy machine may stall for seconds; nothing here waits for time to pass.
setDefaultTimeout(300_000);

const byId = (id: string | undefined) => ({ Filters: { ImageIds: [id] } });

test("every action of the description is emulated, with all its filters", () => {
  const described = answers.operations.map((operation) => operation.id).sort();
  expect(Object.keys(actions).sort()).toEqual(described);
  const emulated = {
    ReadImages: imageFilters,
    ReadImageExportTasks: imageExportFilters,
    ReadSnapshots: snapshotFilters,
    ReadSnapshotExportTasks: snapshotExportFilters,
    ReadSubregions: subregionFilters,
    ReadTags: readTagsFilters,
    ReadVms: vmFilters,
    ReadVmsState: vmStateFilters,
    ReadVolumes: volumeFilters,
  };
  const withFilters = described.filter((action) => filtersOf(action).length > 0);
  expect(Object.keys(emulated).sort()).toEqual(withFilters);
  for (const [action, filters] of Object.entries(emulated)) {
    expect([action, ...Object.keys(filters).sort()]).toEqual([action, ...[...filtersOf(action)].sort()]);
  }
});

test("an image of a VM is pending first, and has a snapshot of each volume", async () => {
  await using osc = await begin();
  const { ask, control, vm } = osc;
  const Description = "first";
  const made = await ask("CreateImage", { ImageName: "of a VM", VmId: vm, Description, ProductCodes: ["0002"] });
  const image = made.body.Image;
  expect(image).toMatchObject({ State: "pending", StateComment: {}, Description, ProductCodes: ["0002"], Tags: [] });
  expect(image?.FileLocation).toBe("123456789012/of a VM");
  expect(image?.PermissionsToLaunch).toEqual({ AccountIds: ["123456789012"], GlobalPermission: false });
  expect(image?.BlockDeviceMappings).toMatchObject([
    { DeviceName: "/dev/sda1", Bsu: { VolumeSize: 10, VolumeType: "gp2", Iops: 100, DeleteOnVmDeletion: true } },
    { DeviceName: "/dev/sdb", Bsu: { VolumeSize: 20, VolumeType: "io1", Iops: 1000 } },
  ]);
  const read = async () => (await ask("ReadImages", byId(image?.ImageId))).body.Images?.map((one) => one.State);
  expect([await read(), await read(), await read()]).toEqual([["pending"], ["available"], ["available"]]);
  const SnapshotIds = image?.BlockDeviceMappings.map((mapping) => mapping.Bsu?.SnapshotId);
  const snapshots = await ask("ReadSnapshots", { Filters: { SnapshotIds } });
  expect(snapshots.body.Snapshots?.map((one) => [one.State, one.Progress])).toEqual([
    ["completed", 100],
    ["completed", 100],
  ]);
  expect(control.rebooted).toEqual([vm]);
  await ask("CreateImage", { ImageName: "without reboot", VmId: vm, NoReboot: true });
  expect(control.rebooted).toEqual([vm]);
});

test("work takes its time, or waits to be settled, or fails with a comment", async () => {
  let now = Date.now();
  await using slow = await begin({ pace: { ms: 1000 }, now: () => now });
  const made = await slow.ask("CreateImage", { ImageName: "slow", VmId: slow.vm });
  const state = async () => (await slow.ask("ReadImages", byId(made.body.Image?.ImageId))).body.Images?.[0]?.State;
  now += 999;
  expect(await state()).toBe("pending");
  now += 1;
  expect(await state()).toBe("available");

  await using held = await begin({ pace: "settle" });
  held.control.fail("image", { code: "Client.Fault", message: "no boot sector" });
  const bad = await held.ask("CreateImage", { ImageName: "bad", VmId: held.vm });
  const read = async () => (await held.ask("ReadImages", byId(bad.body.Image?.ImageId))).body.Images?.[0];
  for (let time = 0; time < 3; time += 1) expect((await read())?.State).toBe("pending");
  await held.control.settle();
  const StateComment = { StateCode: "Client.Fault", StateMessage: "no boot sector" };
  expect(await read()).toMatchObject({ State: "failed", StateComment });
  held.control.fail("snapshot");
  const snapshot = await held.ask("CreateSnapshot", { VolumeId: held.freeVolume });
  expect(snapshot.body.Snapshot).toMatchObject({ State: "pending/queued", Progress: 0, VolumeSize: 5 });
  await held.control.settle(snapshot.body.Snapshot?.SnapshotId);
  const failed = await held.ask("ReadSnapshots", { Filters: { States: ["error"] } });
  expect(failed.body.Snapshots?.map((one) => one.SnapshotId)).toEqual([snapshot.body.Snapshot?.SnapshotId ?? ""]);
});

test("a copy is available at once, with a new id, new snapshots, no tags and nobody's permissions", async () => {
  await using osc = await begin();
  const { ask, control, publicImages, hiddenImage, sharedImage } = osc;
  const copy = async (SourceImageId: string | undefined, ImageName: string) =>
    await ask("CreateImage", { ImageName, SourceImageId, SourceRegionName: "eu-west-2" });
  const source = control.image(publicImages[0] ?? "");
  const { Image } = (await copy(source?.ImageId, "a copy")).body;
  expect(Image).toMatchObject({
    State: "available",
    AccountId: "123456789012",
    Tags: [],
    BootModes: ["legacy", "uefi"],
  });
  expect(Image?.ImageId).not.toBe(source?.ImageId);
  expect(Image?.PermissionsToLaunch.GlobalPermission).toBe(false);
  const [from, to] = [source, Image].map((image) => image?.BlockDeviceMappings[0]?.Bsu?.SnapshotId ?? "");
  expect(to).not.toBe(from);
  expect(control.disk(to ?? "")).toEqual(control.disk(from ?? ""));
  expect((await copy(sharedImage, "of a friend")).status).toBe(200);
  expect((await copy(hiddenImage, "of a stranger")).body.Errors?.[0]?.Code).toBe("5023");
  control.fail("image");
  expect((await copy(sharedImage, "bad")).body.Image?.State).toBe("pending");
  await control.settle();
  expect(control.images().find((image) => image.ImageName === "bad")?.State).toBe("failed");
});

test("an image of snapshots: all its arguments, and what they are without", async () => {
  await using osc = await begin();
  const { ask, snapshot, sharedSnapshot } = osc;
  const BlockDeviceMappings = [
    { DeviceName: "/dev/sda1", Bsu: { SnapshotId: snapshot, VolumeSize: 12, VolumeType: "gp2" } },
    { DeviceName: "/dev/xvdb", Bsu: { SnapshotId: sharedSnapshot, DeleteOnVmDeletion: false } },
    { DeviceName: "/dev/sdc", Bsu: { VolumeSize: 3 } },
    { DeviceName: "/dev/sdd", VirtualDeviceName: "ephemeral0" },
  ];
  const given = { Architecture: "i386", BootModes: ["uefi"], Description: "d", TpmMandatory: true };
  const root = { RootDeviceName: "/dev/sda1", BlockDeviceMappings };
  const { Image } = (await ask("CreateImage", { ImageName: "registered", ...root, ...given })).body;
  expect(Image).toMatchObject({ State: "available", ...given, RootDeviceType: "bsu", ImageType: "machine" });
  expect(Image?.BlockDeviceMappings.map((mapping) => mapping.Bsu)).toEqual([
    { SnapshotId: snapshot, VolumeSize: 12, VolumeType: "gp2", DeleteOnVmDeletion: true },
    { SnapshotId: sharedSnapshot, VolumeSize: 5, VolumeType: "standard", DeleteOnVmDeletion: false },
    { VolumeSize: 3, VolumeType: "standard", DeleteOnVmDeletion: true },
    undefined,
  ]);
  const usual = (await ask("CreateImage", { ImageName: "plain", ...root })).body.Image;
  expect(usual).toMatchObject({ Architecture: "x86_64", BootModes: ["legacy"], Description: "", TpmMandatory: false });
  expect(usual).toMatchObject({ ProductCodes: ["0001"], SecureBoot: false });
  const young = (await ask("CreateSnapshot", { VolumeId: osc.freeVolume })).body.Snapshot?.SnapshotId;
  const early = {
    RootDeviceName: "/dev/sda1",
    BlockDeviceMappings: [{ DeviceName: "/dev/sda1", Bsu: { SnapshotId: young } }],
  };
  expect((await ask("CreateImage", { ImageName: "early", ...early })).status).toBe(409);
});

test("description, product codes and permissions change in place; others see what is shared", async () => {
  await using osc = await begin();
  const { ask, other, control } = osc;
  const ImageId = await control.addImage("mine");
  const update = async (body: object) => (await ask("UpdateImage", { ImageId, ...body })).body.Image;
  expect(await update({ Description: "new", ProductCodes: [] })).toMatchObject({
    Description: "new",
    ProductCodes: [],
  });
  const seen = async () => (await other("ReadImages", byId(ImageId))).body.Images?.map((image) => image.AccountAlias);
  expect(await seen()).toEqual([]);
  const permit = async (PermissionsToLaunch: object) => (await update({ PermissionsToLaunch }))?.PermissionsToLaunch;
  const AccountIds = ["987654321098", "111122223333"];
  expect(await permit({ Additions: { AccountIds, GlobalPermission: false } })).toEqual({
    AccountIds,
    GlobalPermission: false,
  });
  expect(await seen()).toEqual([undefined]);
  const Removals = { AccountIds: ["987654321098"], GlobalPermission: false };
  expect(await permit({ Removals })).toEqual({ AccountIds: ["111122223333"], GlobalPermission: false });
  expect(await seen()).toEqual([]);
  expect((await permit({ Additions: { GlobalPermission: true } }))?.GlobalPermission).toBe(true);
  expect(await seen()).toEqual([undefined]);
  expect((await permit({ Removals: { GlobalPermission: true } }))?.GlobalPermission).toBe(false);
  expect(await update({ Description: "" })).toMatchObject({ Description: "" });
  expect((await ask("DeleteImage", { ImageId })).body).toEqual({ ResponseContext: expect.anything() });
  expect((await ask("ReadImages", byId(ImageId))).body.Images).toEqual([]);
});

test("a dry run changes nothing and answers nothing", async () => {
  await using osc = await begin();
  const { ask, control, publicImages } = osc;
  const count = control.images().length;
  const given: Record<string, object> = {
    CreateImage: { ImageName: "dry", VmId: osc.vm },
    DeleteImage: { ImageId: publicImages[0] },
    ReadImages: {},
    CreateSnapshot: { VolumeId: osc.freeVolume },
  };
  for (const [action, body] of Object.entries(given)) {
    const dry = await ask(action, { ...body, DryRun: true });
    expect([dry.status, Object.keys(dry.body)]).toEqual([200, ["ResponseContext"]]);
  }
  expect(control.images().length).toBe(count);
});

test("a tampered world is seen, and an answer that is not as described fails the test that got it", async () => {
  const emulator = await startOutscale();
  const id = await emulator.control.addImage("drifting");
  emulator.control.changeImage(id, { Description: "changed by somebody" });
  const ask = asker(emulator.url, emulator.accounts[0]);
  expect((await ask("ReadImages", byId(id))).body.Images).toMatchObject([{ Description: "changed by somebody" }]);
  emulator.control.changeImage(id, { CreationDate: "yesterday" });
  await ask("ReadImages", byId(id));
  expect(emulator.violations).toHaveLength(1);
  await expect(emulator[Symbol.asyncDispose]()).rejects.toThrow("CreationDate");
});
