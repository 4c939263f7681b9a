import { expect, setDefaultTimeout, test } from "bun:test";
import { begin } from "./outscale/ask.ts";

// A busy machine may stall for seconds; nothing here waits for time to pass.
setDefaultTimeout(300_000);

test("tags are set, replaced, removed and listed", async () => {
  await using osc = await begin();
  const { ask, control, vm, snapshot } = osc;
  const id = await control.addImage("tagged");
  const Tags = [
    { Key: "a", Value: "1" },
    { Key: "b", Value: "" },
  ];
  await ask("CreateTags", { ResourceIds: [id, vm, snapshot], Tags });
  await ask("CreateTags", { ResourceIds: [id], Tags: [{ Key: "a", Value: "2" }] });
  expect(control.image(id)?.Tags).toEqual([
    { Key: "a", Value: "2" },
    { Key: "b", Value: "" },
  ]);
  const listed = await ask("ReadTags", { Filters: { ResourceTypes: ["image", "instance"], Keys: ["a"] } });
  expect(listed.body.Tags).toEqual([
    { Key: "a", Value: "2", ResourceId: id, ResourceType: "image" },
    { Key: "a", Value: "1", ResourceId: vm, ResourceType: "instance" },
  ]);
  await ask("DeleteTags", { ResourceIds: [id, vm], Tags: [{ Key: "a", Value: "1" }] });
  expect(control.image(id)?.Tags).toEqual([
    { Key: "a", Value: "2" },
    { Key: "b", Value: "" },
  ]);
  await ask("DeleteTags", { ResourceIds: [id], Tags: [{ Key: "a", Value: "" }] });
  expect(control.image(id)?.Tags).toEqual([{ Key: "b", Value: "" }]);
  const found = async (Filters: object) =>
    (await ask("ReadImages", { Filters })).body.Images?.map((one) => one.ImageId);
  expect(await found({ Tags: ["b="] })).toEqual([id]);
  expect(await found({ TagKeys: ["b"], TagValues: ["1"] })).toEqual([]);
});

test("filters: or within, and between, with wildcards", async () => {
  await using osc = await begin();
  const { ask, snapshot } = osc;
  const names = async (Filters: object) =>
    (await ask("ReadImages", { Filters })).body.Images?.map((one) => one.ImageName);
  expect(await names({ ImageNames: ["Debian*", "*9-2026*"] })).toEqual([
    "Debian-12-2026.10.12-0",
    "RockyLinux-9-2026.10.12-0",
  ]);
  expect(
    await names({ ImageNames: ["Debian*"], AccountAliases: ["Outscale"], Architectures: ["x86_64"] }),
  ).toHaveLength(1);
  expect(await names({ ImageNames: ["Debian*"], States: ["pending", "failed"] })).toEqual([]);
  expect(await names({ PermissionsToLaunchGlobalPermission: false })).toEqual(["shared-with-you"]);
  expect(await names({ AccountIds: ["987654321098"], TpmMandatory: false })).toEqual(["shared-with-you"]);
  expect(await names({ BlockDeviceMappingVolumeSizes: [11], ImageNames: [] })).toEqual([]);
  expect(await names({ ProductCodeNames: ["Linux"], BlockDeviceMappingDeleteOnVmDeletion: true })).toHaveLength(4);
  const snapshots = async (Filters: object) => (await ask("ReadSnapshots", { Filters })).body.Snapshots?.length;
  expect(await snapshots({ SnapshotIds: [snapshot], Progresses: [100], VolumeSizes: [10] })).toBe(1);
  expect(await snapshots({ ToCreationDate: "2020-01-01T00:00:00.000Z" })).toBe(0);
  expect(await snapshots({ FromCreationDate: "2020-01-01T00:00:00.000Z" })).toBe(2);
});

test("long lists come in pages", async () => {
  await using osc = await begin({ pageSize: 2 });
  const { ask } = osc;
  const all: string[] = [];
  let token: string | undefined;
  const sizes = [];
  do {
    const { body } = await ask("ReadImages", token === undefined ? {} : { NextPageToken: token });
    all.push(...(body.Images ?? []).map((image) => image.ImageName));
    sizes.push(body.Images?.length);
    token = body.NextPageToken;
  } while (token !== undefined);
  expect(sizes).toEqual([2, 2]);
  expect(new Set(all).size).toBe(4);
  const one = await ask("ReadImages", { ResultsPerPage: 3 });
  const rest = await ask("ReadImages", { NextPageToken: one.body.NextPageToken });
  expect([one.body.Images?.length, rest.body.Images?.length, rest.body.NextPageToken]).toEqual([3, 1, undefined]);
});

test("VMs, volumes, snapshots, accounts and places are read", async () => {
  await using osc = await begin();
  const { ask, vm, stoppedVm, dataVolume, snapshot, publicImages } = osc;
  const vms = (await ask("ReadVms", { Filters: { VmStateCodes: [16] } })).body.Vms;
  expect(vms?.map((one) => [one.VmId, one.BlockDeviceMappings.length])).toEqual([[vm, 2]]);
  expect((await ask("ReadVmsState")).body.VmStates?.map((one) => one.VmId)).toEqual([vm]);
  expect((await ask("ReadVmsState", { AllVms: true })).body.VmStates?.map((one) => one.VmId)).toEqual([vm, stoppedVm]);
  const volumes = await ask("ReadVolumes", { Filters: { LinkVolumeVmIds: [vm], VolumeTypes: ["io1"] } });
  expect(volumes.body.Volumes?.map((one) => one.VolumeId)).toEqual([dataVolume]);
  const copied = await ask("CreateSnapshot", {
    SourceSnapshotId: snapshot,
    SourceRegionName: "eu-west-2",
    ClientToken: "t",
  });
  expect(copied.body.Snapshot).toMatchObject({ State: "completed", Progress: 100, ClientToken: "t", VolumeSize: 10 });
  const again = await ask("CreateSnapshot", {
    SourceSnapshotId: snapshot,
    SourceRegionName: "eu-west-2",
    ClientToken: "t",
  });
  expect(again.body.Snapshot?.SnapshotId).toBe(copied.body.Snapshot?.SnapshotId ?? "");
  const PermissionsToCreateVolume = { Additions: { AccountIds: ["987654321098"] } };
  const shared = await ask("UpdateSnapshot", { SnapshotId: snapshot, PermissionsToCreateVolume });
  expect(shared.body.Snapshot?.PermissionsToCreateVolume.AccountIds).toEqual(["987654321098"]);
  expect((await osc.other("ReadSnapshots", { Filters: { SnapshotIds: [snapshot] } })).body.Snapshots).toHaveLength(1);
  const launched = (await ask("CreateVms", { ImageId: publicImages[0] })).body.Vms?.[0];
  expect(launched).toMatchObject({ State: "pending", ImageId: publicImages[0] ?? "" });
  expect((await ask("ReadAccounts")).body.Accounts?.map((one) => one.AccountId)).toEqual(["123456789012"]);
  expect((await ask("ReadRegions")).body.Regions).toHaveLength(5);
  expect((await ask("ReadSubregions")).body.Subregions?.map((one) => one.SubregionName)).toEqual([
    "eu-west-2a",
    "eu-west-2b",
  ]);
});
