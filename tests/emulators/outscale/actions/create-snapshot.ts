import { action, type Call } from "../action.ts";
import { type Disk, openLocation, receive } from "../disk.ts";
import { own, patch, usableSnapshot } from "../lookup.ts";
import type { Snapshot } from "../model.ts";
import { nobody } from "../permissions.ts";
import { refusals } from "../refusal.ts";
import type { World } from "../world.ts";

interface CreateSnapshot {
  readonly ClientToken?: string;
  readonly Description?: string;
  readonly FileLocation?: string;
  readonly SnapshotSize?: number;
  readonly SourceRegionName?: string;
  readonly SourceSnapshotId?: string;
  readonly VolumeId?: string;
}

const GIB = 2 ** 30;

export const createSnapshot = action<CreateSnapshot>("CreateSnapshot", async (call, body) => {
  const known = withToken(call, body.ClientToken);
  if (known !== undefined) return { Snapshot: known };
  const given = [body.VolumeId, body.SourceSnapshotId, body.FileLocation].filter((one) => one !== undefined);
  if (given.length === 0) throw refusals.missing("VolumeId, SourceSnapshotId or FileLocation");
  if (given.length > 1) throw refusals.combination("Specify one of VolumeId, SourceSnapshotId and FileLocation.");
  if (body.VolumeId !== undefined) return { Snapshot: fromVolume(call, body, body.VolumeId) };
  if (body.SourceSnapshotId !== undefined) return { Snapshot: copied(call, body, body.SourceSnapshotId) };
  return { Snapshot: await imported(call, body, body.FileLocation ?? "") };
});

function fromVolume(call: Call, body: CreateSnapshot, id: string): Snapshot {
  const { world, account } = call;
  const volume = own("volume", world.volumes, id, account);
  if (volume.State !== "available" && volume.State !== "in-use") throw refusals.volumeNotSettled(id, volume.State);
  const made = keepSnapshot(call, { ...body, VolumeId: id, VolumeSize: volume.Size, State: "pending/queued" });
  progressSnapshot(world, made.SnapshotId, world.disks.get(id));
  return made;
}

function copied(call: Call, body: CreateSnapshot, id: string): Snapshot {
  const { world, account } = call;
  if (body.SourceRegionName === undefined) throw refusals.missing("SourceRegionName");
  sameRegion(world, body.SourceRegionName);
  const source = usableSnapshot(world, id, account);
  completedOnly(source);
  const made = keepSnapshot(call, { ...body, VolumeSize: source.VolumeSize, State: "completed" });
  shareDisk(world, id, made.SnapshotId);
  return made;
}

async function imported(call: Call, body: CreateSnapshot, location: string): Promise<Snapshot> {
  const { world } = call;
  const size = body.SnapshotSize;
  if (size === undefined) throw refusals.missing("SnapshotSize");
  if (size < 1) throw refusals.badValue("SnapshotSize must be a number of bytes.");
  world.allowOneMore("snapshots", call.account);
  const response = await openLocation(location, world.signal);
  const made = keepSnapshot(call, { ...body, VolumeSize: Math.ceil(size / GIB), State: "importing" });
  world.transfer(importDisk(world, made.SnapshotId, response, size).catch(() => failSnapshot(world, made.SnapshotId)));
  return made;
}

/** Reads an object into a snapshot that is `importing`; from then on the snapshot takes its time. */
export async function importDisk(world: World, id: string, response: Response, size: number): Promise<void> {
  const disk = await receive(world, response);
  if (disk.size > size) throw new Error(`the disk has ${disk.size} bytes, more than ${size}`);
  if (!world.snapshots.has(id)) return;
  patch(world.snapshots, id, { State: "pending", Progress: 50 });
  progressSnapshot(world, id, disk);
}

export function failSnapshot(world: World, id: string): void {
  patch(world.snapshots, id, { State: "error" });
}

/** Completes a snapshot after its time, or fails it when it was told to fail. */
export function progressSnapshot(world: World, id: string, disk: Disk | undefined): void {
  const failing = world.failing("snapshot");
  world.progress.begin(id, world.settings.pace, () => {
    if (failing !== undefined) return failSnapshot(world, id);
    if (disk !== undefined && world.snapshots.has(id)) world.disks.set(id, disk);
    patch(world.snapshots, id, { State: "completed", Progress: 100 });
  });
}

interface New extends CreateSnapshot {
  readonly State: Snapshot["State"];
  readonly VolumeSize: number;
}

/** @throws Refused when the quota is reached */
export function keepSnapshot({ world, account }: Call, made: New): Snapshot {
  world.allowOneMore("snapshots", account);
  const snapshot: Snapshot = {
    AccountId: account.id,
    ...(made.ClientToken === undefined ? {} : { ClientToken: made.ClientToken }),
    CreationDate: world.date(),
    Description: made.Description ?? "",
    PermissionsToCreateVolume: nobody,
    Progress: made.State === "completed" ? 100 : 0,
    SnapshotId: world.id("snapshot"),
    State: made.State,
    Tags: [],
    VolumeId: made.VolumeId ?? world.id("volume"),
    VolumeSize: made.VolumeSize,
  };
  world.snapshots.set(snapshot.SnapshotId, { owner: account.id, view: snapshot });
  return snapshot;
}

export function shareDisk(world: World, from: string, to: string): void {
  const disk = world.disks.get(from);
  if (disk !== undefined) world.disks.set(to, disk);
}

export function completedOnly(snapshot: Snapshot): void {
  if (snapshot.State === "completed") return;
  throw refusals.notSettled("InvalidSnapshotState", snapshot.SnapshotId, snapshot.State);
}

export function sameRegion(world: World, name: string): void {
  if (name === world.settings.region) return;
  throw refusals.badValue(`SourceRegionName must be ${world.settings.region}, the Region of the account.`);
}

function withToken({ world, account }: Call, token: string | undefined): Snapshot | undefined {
  if (token === undefined) return undefined;
  const kept = [...world.snapshots.values()].find((one) => one.owner === account.id && one.view.ClientToken === token);
  return kept?.view;
}
