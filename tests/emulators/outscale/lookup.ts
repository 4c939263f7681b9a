import type { Account } from "./access.ts";
import type { Image, Kept, Permissions, Snapshot, Tag } from "./model.ts";
import { isId, type Kind, refusals } from "./refusal.ts";
import type { World } from "./world.ts";

const nameOf = { image: "ImageId", snapshot: "SnapshotId", vm: "VmId", volume: "VolumeId" } as const;

/**
 * What an account may change.
 *
 * @throws Refused when the id is malformed or unknown (also: hidden from this account), or visible but another's
 */
export function own<T>(
  kind: keyof typeof nameOf,
  records: ReadonlyMap<string, Kept<T>>,
  id: string,
  account: Account,
  isVisible: (kept: Kept<T>) => boolean = () => false,
): T {
  if (!isId(kind, id)) throw refusals.malformedId(nameOf[kind], id);
  const kept = records.get(id);
  if (kept?.owner === account.id) return kept.view;
  throw kept !== undefined && isVisible(kept) ? refusals.notYours(id) : refusals.unknown(kind, id);
}

export const ownImage = (world: World, id: string, account: Account): Image =>
  own("image", world.images, id, account, (kept) => maySeeImage(kept, account));

export const ownSnapshot = (world: World, id: string, account: Account): Snapshot =>
  own("snapshot", world.snapshots, id, account, (kept) => maySeeSnapshot(kept, account));

/** @throws Refused 5023 when the account may not launch it */
export function usableImage(world: World, id: string, account: Account): Image {
  if (!isId("image", id)) throw refusals.malformedId(nameOf.image, id);
  const kept = world.images.get(id);
  if (kept === undefined || !maySeeImage(kept, account)) throw refusals.unknown("image", id);
  return kept.view;
}

/** @throws Refused 5054 when the account may not make volumes of it */
export function usableSnapshot(world: World, id: string, account: Account): Snapshot {
  if (!isId("snapshot", id)) throw refusals.malformedId(nameOf.snapshot, id);
  const kept = world.snapshots.get(id);
  if (kept === undefined || !maySeeSnapshot(kept, account)) throw refusals.unknown("snapshot", id);
  return kept.view;
}

export function maySeeImage(kept: Kept<Image>, account: Account): boolean {
  return kept.owner === account.id || isGranted(kept.view.PermissionsToLaunch, account);
}

export function maySeeSnapshot(kept: Kept<Snapshot>, account: Account): boolean {
  return kept.owner === account.id || isGranted(kept.view.PermissionsToCreateVolume, account);
}

export function accountOf(world: World, id: string): Account | undefined {
  return world.settings.accounts.find((account) => account.id === id);
}

/** An image or snapshot as this account sees it: the alias of the owner is shown to the others only. */
export function shown<T extends object>(world: World, kept: Kept<T>, account: Account): T & { AccountAlias?: string } {
  const alias = kept.owner === account.id ? undefined : accountOf(world, kept.owner)?.alias;
  return alias === undefined ? kept.view : { AccountAlias: alias, ...kept.view };
}

/** Changes some fields of a record, if it is there. */
export function patch<T>(records: Map<string, Kept<T>>, id: string, fields: Partial<NoInfer<T>>): void {
  const kept = records.get(id);
  if (kept !== undefined) records.set(id, { owner: kept.owner, view: { ...kept.view, ...fields } });
}

export interface Tagged {
  readonly Tags: readonly Tag[];
}

/** The records of each kind that can have tags. */
export function taggable(world: World): Record<Kind, Map<string, Kept<Tagged>>> {
  return {
    image: world.images,
    snapshot: world.snapshots,
    vm: world.vms,
    volume: world.volumes,
    imageExport: world.imageExports,
    snapshotExport: world.snapshotExports,
  };
}

function isGranted(permissions: Permissions, account: Account): boolean {
  return permissions.GlobalPermission || permissions.AccountIds.includes(account.id);
}
