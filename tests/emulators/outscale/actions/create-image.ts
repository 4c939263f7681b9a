import { action, type Call } from "../action.ts";
import { own, usableImage } from "../lookup.ts";
import type { Image } from "../model.ts";
import { nobody } from "../permissions.ts";
import { refusals } from "../refusal.ts";
import { keepSnapshot, progressSnapshot, sameRegion, shareDisk } from "./create-snapshot.ts";
import { fromManifest } from "./manifest.ts";
import { fromMappings } from "./mappings.ts";
import { atOnce, type CreateImage, type Origin, progressImage } from "./origin.ts";

/** The VM is looked at before anything else, then the mode, then the name. */
export const createImage = action<CreateImage>("CreateImage", async (call, body) => {
  const { world, account } = call;
  if (body.VmId !== undefined) own("vm", world.vms, body.VmId, account);
  const make = modeOf(body);
  const name = body.ImageName;
  if (name === undefined) throw refusals.missing("ImageName");
  checkName(call, name);
  if (body.Architecture !== undefined && !["i386", "x86_64"].includes(body.Architecture)) {
    throw refusals.badValue("Architecture must be i386 or x86_64.");
  }
  world.allowOneMore("images", account);
  const origin = await make(call, body);
  const image = newImage(call, body, name, origin);
  world.images.set(image.ImageId, { owner: account.id, view: image });
  origin.begin(image);
  return { Image: image };
});

type Make = (call: Call, body: CreateImage) => Origin | Promise<Origin>;

function modeOf(body: CreateImage): Make {
  const modes: Make[] = [];
  if (body.VmId !== undefined) modes.push(fromVm);
  if (body.SourceImageId !== undefined || body.SourceRegionName !== undefined) modes.push(fromImage);
  if (body.FileLocation !== undefined) modes.push(fromManifest);
  if (body.BlockDeviceMappings !== undefined) modes.push(fromMappings);
  const [mode, other] = modes;
  if (mode === undefined) throw refusals.missing("VmId, SourceImageId, FileLocation or BlockDeviceMappings");
  if (other !== undefined) {
    throw refusals.combination("Specify one of VmId, SourceImageId, FileLocation and BlockDeviceMappings.");
  }
  return mode;
}

/** Snapshots every linked volume. */
function fromVm(call: Call, body: CreateImage): Origin {
  const { world, account } = call;
  const vm = own("vm", world.vms, body.VmId ?? "", account);
  if (vm.State === "pending") throw refusals.vmPending(vm.VmId);
  if (vm.State === "terminated" || vm.State === "shutting-down") throw refusals.unknown("vm", vm.VmId);
  const volumes = vm.BlockDeviceMappings.map((mapping) => ({
    mapping,
    volume: own("volume", world.volumes, mapping.Bsu.VolumeId, account),
  }));
  const made = volumes.map(({ mapping, volume }) => {
    const VolumeId = volume.VolumeId;
    const snapshot = keepSnapshot(call, { VolumeId, VolumeSize: volume.Size, State: "pending" });
    progressSnapshot(world, snapshot.SnapshotId, world.disks.get(VolumeId));
    const Bsu = {
      DeleteOnVmDeletion: mapping.Bsu.DeleteOnVmDeletion,
      ...(volume.VolumeType === "standard" || volume.Iops === undefined ? {} : { Iops: volume.Iops }),
      SnapshotId: snapshot.SnapshotId,
      VolumeSize: volume.Size,
      VolumeType: volume.VolumeType,
    };
    return { DeviceName: mapping.DeviceName, Bsu };
  });
  return {
    mappings: made,
    defaults: {
      Architecture: vm.Architecture,
      BootModes: [vm.BootMode],
      ProductCodes: vm.ProductCodes,
      RootDeviceName: vm.RootDeviceName,
    },
    state: "pending",
    begin: (image) => {
      if (body.NoReboot !== true && vm.State === "running") world.rebooted.push(vm.VmId);
      progressImage(world, image.ImageId);
    },
  };
}

/** A copy gets a new id and new snapshots, and neither tags nor permissions. */
function fromImage(call: Call, body: CreateImage): Origin {
  const { world, account } = call;
  if (body.SourceImageId === undefined) throw refusals.missing("SourceImageId");
  if (body.SourceRegionName === undefined) throw refusals.missing("SourceRegionName");
  sameRegion(world, body.SourceRegionName);
  const source = usableImage(world, body.SourceImageId, account);
  if (source.State !== "available") throw refusals.notSettled("InvalidImageState", source.ImageId, source.State);
  const mappings = source.BlockDeviceMappings.map((mapping) => {
    const { Bsu } = mapping;
    if (Bsu?.SnapshotId === undefined) return mapping;
    const copy = keepSnapshot(call, { VolumeSize: Bsu.VolumeSize ?? 1, State: "completed" });
    shareDisk(world, Bsu.SnapshotId, copy.SnapshotId);
    return { ...mapping, Bsu: { ...Bsu, SnapshotId: copy.SnapshotId } };
  });
  const { Architecture, BootModes, Description, ProductCodes, RootDeviceName, SecureBoot, TpmMandatory } = source;
  return {
    mappings,
    defaults: { Architecture, BootModes, Description, ProductCodes, RootDeviceName, SecureBoot, TpmMandatory },
    ...atOnce(world),
  };
}

function newImage({ world, account }: Call, body: CreateImage, name: string, origin: Origin): Image {
  return {
    AccountId: account.id,
    Architecture: body.Architecture ?? origin.defaults.Architecture ?? "x86_64",
    BlockDeviceMappings: origin.mappings,
    BootModes: body.BootModes ?? origin.defaults.BootModes ?? ["legacy"],
    CreationDate: world.date(),
    Description: body.Description ?? origin.defaults.Description ?? "",
    FileLocation: body.FileLocation ?? `${account.id}/${name}`,
    ImageId: world.id("image"),
    ImageName: name,
    ImageType: "machine",
    PermissionsToLaunch: { ...nobody, AccountIds: [account.id] },
    ProductCodes: body.ProductCodes ?? origin.defaults.ProductCodes ?? ["0001"],
    RootDeviceName: body.RootDeviceName ?? origin.defaults.RootDeviceName ?? "/dev/sda1",
    RootDeviceType: "bsu",
    SecureBoot: origin.defaults.SecureBoot ?? false,
    State: origin.state,
    StateComment: {},
    Tags: [],
    TpmMandatory: body.TpmMandatory ?? origin.defaults.TpmMandatory ?? false,
  };
}

function checkName({ world, account }: Call, name: string): void {
  if (!/^[A-Za-z0-9_ ()/.-]{3,128}$/.test(name)) {
    throw refusals.badValue("ImageName must have 3 to 128 letters, digits, spaces and characters of _()/.-");
  }
  const isTaken = [...world.images.values()].some((kept) => kept.owner === account.id && kept.view.ImageName === name);
  if (isTaken) throw refusals.nameTaken();
}
