import type { Call } from "../action.ts";
import { usableSnapshot } from "../lookup.ts";
import type { Bsu, Mapping } from "../model.ts";
import { refusals } from "../refusal.ts";
import { completedOnly } from "./create-snapshot.ts";
import { atOnce, type CreateImage, type Origin } from "./origin.ts";

const MOST_IOPS = 13_000;
const IOPS_PER_GIB = 300;

/** Registers an image of snapshots. */
export function fromMappings(call: Call, body: CreateImage): Origin {
  const root = body.RootDeviceName;
  if (root === undefined) throw refusals.missing("RootDeviceName");
  const mappings = (body.BlockDeviceMappings ?? []).map((mapping) => checked(call, mapping));
  const main = mappings.find((mapping) => mapping.DeviceName === root);
  if (main === undefined) throw refusals.badValue(`RootDeviceName ${root} is not among the BlockDeviceMappings.`);
  if (main.Bsu?.SnapshotId === undefined) throw refusals.missing("BlockDeviceMappings.Bsu.SnapshotId");
  return { mappings, defaults: {}, ...atOnce(call.world) };
}

function checked(call: Call, mapping: Mapping): Mapping {
  const { DeviceName, VirtualDeviceName } = mapping;
  if (DeviceName === undefined) throw refusals.missing("BlockDeviceMappings.DeviceName");
  if (!/^\/dev\/(sda1|(sd|xvd)[b-z][a-z]?)$/.test(DeviceName)) {
    throw refusals.badValue(`'${DeviceName}' is not a device name.`);
  }
  if (VirtualDeviceName !== undefined && !/^ephemeral\d+$/.test(VirtualDeviceName)) {
    throw refusals.badValue(`'${VirtualDeviceName}' is not a virtual device name.`);
  }
  if (mapping.Bsu === undefined) {
    if (VirtualDeviceName === undefined) throw refusals.missing("BlockDeviceMappings.Bsu");
    return mapping;
  }
  return { ...mapping, Bsu: checkedBsu(call, mapping.Bsu) };
}

function checkedBsu(call: Call, bsu: Bsu): Bsu {
  const VolumeSize = sizeOf(call, bsu);
  const VolumeType = bsu.VolumeType ?? "standard";
  if (!["standard", "gp2", "io1"].includes(VolumeType))
    throw refusals.badValue(`'${VolumeType}' is not a volume type.`);
  const { Iops } = bsu;
  if (VolumeType === "io1" && Iops === undefined) throw refusals.missing("BlockDeviceMappings.Bsu.Iops");
  if (VolumeType !== "io1" && Iops !== undefined) throw refusals.badValue("Iops is for io1 volumes only.");
  if (Iops !== undefined && (Iops < 1 || Iops > Math.min(MOST_IOPS, IOPS_PER_GIB * VolumeSize))) {
    throw refusals.badValue(`Iops must be at most ${MOST_IOPS}, and ${IOPS_PER_GIB} for each GiB.`);
  }
  return { ...bsu, DeleteOnVmDeletion: bsu.DeleteOnVmDeletion ?? true, VolumeSize, VolumeType };
}

function sizeOf(call: Call, bsu: Bsu): number {
  if (bsu.SnapshotId === undefined) {
    if (bsu.VolumeSize === undefined) throw refusals.missing("BlockDeviceMappings.Bsu.VolumeSize");
    if (bsu.VolumeSize < 1) throw refusals.badValue("VolumeSize must be at least 1 GiB.");
    return bsu.VolumeSize;
  }
  const snapshot = usableSnapshot(call.world, bsu.SnapshotId, call.account);
  completedOnly(snapshot);
  if (bsu.VolumeSize !== undefined && bsu.VolumeSize < snapshot.VolumeSize) {
    throw refusals.badValue(`VolumeSize must be at least ${snapshot.VolumeSize}, the size of the snapshot.`);
  }
  return bsu.VolumeSize ?? snapshot.VolumeSize;
}
