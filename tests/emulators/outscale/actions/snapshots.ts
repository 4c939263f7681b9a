import { action, type Call } from "../action.ts";
import { type Filters, ids, select, since, tagFilters, until, values } from "../filters.ts";
import { maySeeSnapshot, ownSnapshot, patch, shown } from "../lookup.ts";
import type { Snapshot } from "../model.ts";
import { type PageRequest, page } from "../paging.ts";
import { changed, type PermissionsChange } from "../permissions.ts";
import { refusals } from "../refusal.ts";

export const snapshotFilters: Filters<Snapshot> = {
  ...tagFilters,
  AccountAliases: values((snapshot) => snapshot.AccountAlias),
  AccountIds: values((snapshot) => snapshot.AccountId),
  ClientTokens: values((snapshot) => snapshot.ClientToken),
  Descriptions: values((snapshot) => snapshot.Description),
  FromCreationDate: since((snapshot) => snapshot.CreationDate),
  PermissionsToCreateVolumeAccountIds: values((snapshot) => snapshot.PermissionsToCreateVolume.AccountIds),
  PermissionsToCreateVolumeGlobalPermission: values((one) => one.PermissionsToCreateVolume.GlobalPermission),
  Progresses: values((snapshot) => snapshot.Progress),
  SnapshotIds: ids("snapshot", (snapshot) => snapshot.SnapshotId),
  States: values((snapshot) => snapshot.State),
  ToCreationDate: until((snapshot) => snapshot.CreationDate),
  VolumeIds: ids("volume", (snapshot) => snapshot.VolumeId),
  VolumeSizes: values((snapshot) => snapshot.VolumeSize),
};

const readSnapshots = action<PageRequest & { readonly Filters?: object }>("ReadSnapshots", (call, body) => {
  for (const { SnapshotId } of visible(call, body.Filters)) call.world.progress.look(SnapshotId);
  const { items, token } = page(visible(call, body.Filters), body, call.world.settings.pageSize);
  return { Snapshots: items, ...token };
});

function visible({ world, account }: Call, wanted: object | undefined): readonly Snapshot[] {
  const all = [...world.snapshots.values()].filter((kept) => maySeeSnapshot(kept, account));
  return select(
    all.map((kept) => shown(world, kept, account)),
    wanted,
    snapshotFilters,
  );
}

interface UpdateSnapshot {
  readonly SnapshotId: string;
  readonly PermissionsToCreateVolume: PermissionsChange;
}

const updateSnapshot = action<UpdateSnapshot>("UpdateSnapshot", ({ world, account }, body) => {
  const id = body.SnapshotId;
  const snapshot = ownSnapshot(world, id, account);
  const permissions = changed(snapshot.PermissionsToCreateVolume, body.PermissionsToCreateVolume);
  patch(world.snapshots, id, { PermissionsToCreateVolume: permissions });
  return { Snapshot: ownSnapshot(world, id, account) };
});

const deleteSnapshot = action<{ readonly SnapshotId: string }>("DeleteSnapshot", ({ world, account }, body) => {
  const { SnapshotId } = ownSnapshot(world, body.SnapshotId, account);
  const isUsed = [...world.images.values()].some(({ view }) =>
    view.BlockDeviceMappings.some((mapping) => mapping.Bsu?.SnapshotId === SnapshotId),
  );
  if (isUsed) throw refusals.inUse();
  world.progress.forget(SnapshotId);
  world.snapshots.delete(SnapshotId);
  world.disks.delete(SnapshotId);
  return {};
});

export const snapshotActions = { ...readSnapshots, ...updateSnapshot, ...deleteSnapshot };
