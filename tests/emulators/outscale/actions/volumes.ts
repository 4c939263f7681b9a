import { action } from "../action.ts";
import { dates, type Filters, ids, select, tagFilters, values } from "../filters.ts";
import type { Volume } from "../model.ts";
import { type PageRequest, page } from "../paging.ts";

export const volumeFilters: Filters<Volume> = {
  ...tagFilters,
  ClientTokens: values(() => undefined),
  CreationDates: dates((volume) => [volume.CreationDate]),
  LinkVolumeDeleteOnVmDeletion: values((volume) => volume.LinkedVolumes.map((link) => link.DeleteOnVmDeletion)),
  LinkVolumeDeviceNames: values((volume) => volume.LinkedVolumes.map((link) => link.DeviceName)),
  LinkVolumeLinkDates: dates((volume) => volume.LinkedVolumes.map(() => volume.CreationDate)),
  LinkVolumeLinkStates: values((volume) => volume.LinkedVolumes.map((link) => link.State)),
  LinkVolumeVmIds: ids("vm", (volume) => volume.LinkedVolumes.map((link) => link.VmId)),
  SnapshotIds: ids("snapshot", (volume) => volume.SnapshotId),
  SubregionNames: values((volume) => volume.SubregionName),
  VolumeIds: ids("volume", (volume) => volume.VolumeId),
  VolumeSizes: values((volume) => volume.Size),
  VolumeStates: values((volume) => volume.State),
  VolumeTypes: values((volume) => volume.VolumeType),
};

const readVolumes = action<PageRequest & { readonly Filters?: object }>("ReadVolumes", ({ world, account }, body) => {
  const mine = [...world.volumes.values()].filter((kept) => kept.owner === account.id).map((kept) => kept.view);
  const { items, token } = page(select(mine, body.Filters, volumeFilters), body, world.settings.pageSize);
  return { Volumes: items, ...token };
});

export const volumeActions = { ...readVolumes };
