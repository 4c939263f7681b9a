import type { Account } from "./access.ts";
import { blankVm } from "./actions/vms.ts";
import { diskIn } from "./disk.ts";
import type { Image, Snapshot, Vm, Volume } from "./model.ts";
import { nobody } from "./permissions.ts";
import type { World } from "./world.ts";

/** The ids of what is in a new emulator. */
export interface Seeded {
  /** A running VM with a root volume of 10 GiB (gp2) and a data volume of 20 GiB (io1). */
  readonly vm: string;
  readonly rootVolume: string;
  readonly dataVolume: string;
  /** Stopped, with one volume. */
  readonly stoppedVm: string;
  /** Linked to no VM; 5 GiB. */
  readonly freeVolume: string;
  /** Completed; 10 GiB. */
  readonly snapshot: string;
  /** Another account's, shared with the first one; 5 GiB. */
  readonly sharedSnapshot: string;
  readonly publicImages: readonly string[];
  /** Another account's, shared with the first one. */
  readonly sharedImage: string;
  /** Another account's own. */
  readonly hiddenImage: string;
}

const publicNames = ["Ubuntu-24.04-2026.10.12-0", "Debian-12-2026.10.12-0", "RockyLinux-9-2026.10.12-0"];

/** Puts something of everything into a new world: what the first account has, and what others show to it. */
export async function seed(world: World): Promise<Seeded> {
  const [own, other, maker] = world.settings.accounts;
  if (own === undefined || other === undefined || maker === undefined) throw new Error("three accounts are needed");
  const everybody = { AccountIds: [], GlobalPermission: true };
  const friends = { AccountIds: [own.id], GlobalPermission: false };
  const publicImages: string[] = [];
  for (const name of publicNames) publicImages.push(await addImage(world, maker, name, everybody));
  const machine = await addVm(world, own, publicImages[0] ?? "", [
    { Size: 10, VolumeType: "gp2", Iops: 100 },
    { Size: 20, VolumeType: "io1", Iops: 1000 },
  ]);
  const stopped = await addVm(world, own, publicImages[1] ?? "", [{ Size: 10, VolumeType: "standard" }]);
  world.vms.set(stopped.VmId, { owner: own.id, view: { ...stopped, State: "stopped" } });
  return {
    vm: machine.VmId,
    rootVolume: machine.BlockDeviceMappings[0]?.Bsu.VolumeId ?? "",
    dataVolume: machine.BlockDeviceMappings[1]?.Bsu.VolumeId ?? "",
    stoppedVm: stopped.VmId,
    freeVolume: await addVolume(world, own, { Size: 5, VolumeType: "standard" }),
    snapshot: await addSnapshot(world, own, 10),
    sharedSnapshot: await addSnapshot(world, other, 5, friends),
    publicImages,
    sharedImage: await addImage(world, other, "shared-with-you", friends),
    hiddenImage: await addImage(world, other, "not-for-you", nobody),
  };
}

export async function addSnapshot(
  world: World,
  owner: Account,
  VolumeSize: number,
  PermissionsToCreateVolume = nobody,
): Promise<string> {
  const SnapshotId = world.id("snapshot");
  const view: Snapshot = {
    AccountId: owner.id,
    CreationDate: world.date(),
    Description: "",
    PermissionsToCreateVolume,
    Progress: 100,
    SnapshotId,
    State: "completed",
    Tags: [],
    VolumeId: world.id("volume"),
    VolumeSize,
  };
  world.snapshots.set(SnapshotId, { owner: owner.id, view });
  await fill(world, SnapshotId);
  return SnapshotId;
}

export async function addImage(
  world: World,
  owner: Account,
  ImageName: string,
  PermissionsToLaunch = nobody,
): Promise<string> {
  const SnapshotId = await addSnapshot(world, owner, 10);
  const ImageId = world.id("image");
  const Bsu = { DeleteOnVmDeletion: true, SnapshotId, VolumeSize: 10, VolumeType: "standard" };
  const view: Image = {
    AccountId: owner.id,
    Architecture: "x86_64",
    BlockDeviceMappings: [{ DeviceName: "/dev/sda1", Bsu }],
    BootModes: ["legacy", "uefi"],
    CreationDate: world.date(),
    Description: "",
    FileLocation: `${owner.id}/${ImageName}`,
    ImageId,
    ImageName,
    ImageType: "machine",
    PermissionsToLaunch,
    ProductCodes: ["0001"],
    RootDeviceName: "/dev/sda1",
    RootDeviceType: "bsu",
    SecureBoot: false,
    State: "available",
    StateComment: {},
    Tags: [],
    TpmMandatory: false,
  };
  world.images.set(ImageId, { owner: owner.id, view });
  return ImageId;
}

type NewVolume = Pick<Volume, "Size" | "VolumeType" | "Iops">;

async function addVolume(world: World, owner: Account, made: NewVolume, link?: { id: string; device: string }) {
  const VolumeId = world.id("volume");
  const links =
    link === undefined
      ? []
      : [{ DeleteOnVmDeletion: true, DeviceName: link.device, State: "attached", VmId: link.id, VolumeId }];
  const view: Volume = {
    ...made,
    CreationDate: world.date(),
    LinkedVolumes: links,
    State: link === undefined ? "available" : "in-use",
    SubregionName: `${world.settings.region}a`,
    Tags: [],
    VolumeId,
  };
  world.volumes.set(VolumeId, { owner: owner.id, view });
  await fill(world, VolumeId);
  return VolumeId;
}

async function addVm(world: World, owner: Account, ImageId: string, volumes: readonly NewVolume[]): Promise<Vm> {
  const id = world.id("vm");
  const mappings: Vm["BlockDeviceMappings"][number][] = [];
  for (const [index, volume] of volumes.entries()) {
    const DeviceName = index === 0 ? "/dev/sda1" : `/dev/sd${String.fromCharCode("a".charCodeAt(0) + index)}`;
    const VolumeId = await addVolume(world, owner, volume, { id, device: DeviceName });
    const Bsu = { DeleteOnVmDeletion: true, LinkDate: world.date(), State: "attached", VolumeId };
    mappings.push({ DeviceName, Bsu });
  }
  const view: Vm = { ...blankVm(world, id, ImageId), BlockDeviceMappings: mappings, State: "running" };
  world.vms.set(id, { owner: owner.id, view });
  return view;
}

/** Gives a snapshot or volume a raw disk of 64 KiB that says its id all over. */
async function fill(world: World, id: string): Promise<void> {
  const path = world.file(id);
  await Bun.write(path, Buffer.alloc(65_536, `${id}\n`));
  world.disks.set(id, await diskIn(path));
}
