import { action, type Call } from "../action.ts";
import { type Disk, packed } from "../disk.ts";
import { ids, select } from "../filters.ts";
import { own, ownSnapshot, patch, usableImage } from "../lookup.ts";
import type { ExportTask, Image, ImageExportTask, Kept, SnapshotExportTask } from "../model.ts";
import { type PageRequest, page } from "../paging.ts";
import { refusals } from "../refusal.ts";
import { Bucket } from "../store.ts";
import type { Failing, World } from "../world.ts";
import { completedOnly } from "./create-snapshot.ts";
import type { Manifest, ManifestSnapshot } from "./manifest.ts";

interface OsuExport {
  readonly DiskImageFormat: string;
  readonly OsuApiKey?: { readonly ApiKeyId?: string; readonly SecretKey?: string };
  readonly OsuBucket: string;
  readonly OsuManifestUrl?: string;
  readonly OsuPrefix?: string;
}

interface ExportImage {
  readonly ImageId: string;
  readonly OsuExport: OsuExport;
}

interface ExportSnapshot {
  readonly SnapshotId: string;
  readonly OsuExport: OsuExport;
}

const createImageExport = action<ExportImage>("CreateImageExportTask", (call, body) => {
  const { world, account } = call;
  const { ImageId, State } = usableImage(world, body.ImageId, account);
  const image = own("image", world.images, ImageId, account, () => true);
  if (State !== "available") throw refusals.notSettled("InvalidImageState", ImageId, State);
  checkFormat(body.OsuExport);
  const directory = `${joined(body.OsuExport.OsuPrefix, ImageId)}/`;
  const { DiskImageFormat, OsuBucket } = body.OsuExport;
  const task: ImageExportTask = {
    Comment: `Export of image ${ImageId}`,
    ImageId,
    OsuExport: { DiskImageFormat, OsuBucket, OsuPrefix: directory },
    Progress: 0,
    State: "pending/queued",
    Tags: [],
    TaskId: world.id("imageExport"),
  };
  world.imageExports.set(task.TaskId, { owner: account.id, view: task });
  runTask(world, world.imageExports, task.TaskId, world.failing("imageExport"), async () => {
    const url = await exportImage(call, image, body.OsuExport, directory);
    patch(world.imageExports, task.TaskId, { OsuExport: { ...task.OsuExport, OsuManifestUrl: url } });
  });
  return { ImageExportTask: task };
});

const createSnapshotExport = action<ExportSnapshot>("CreateSnapshotExportTask", (call, body) => {
  const { world, account } = call;
  const snapshot = ownSnapshot(world, body.SnapshotId, account);
  completedOnly(snapshot);
  checkFormat(body.OsuExport);
  const { SnapshotId } = snapshot;
  const { DiskImageFormat, OsuBucket, OsuPrefix } = body.OsuExport;
  const task: SnapshotExportTask = {
    Comment: `Export of snapshot ${SnapshotId}`,
    OsuExport: { DiskImageFormat, OsuBucket, ...(OsuPrefix === undefined ? {} : { OsuPrefix }) },
    Progress: 0,
    SnapshotId,
    State: "pending",
    Tags: [],
    TaskId: world.id("snapshotExport"),
  };
  world.snapshotExports.set(task.TaskId, { owner: account.id, view: task });
  runTask(world, world.snapshotExports, task.TaskId, world.failing("snapshotExport"), async () => {
    const key = joined(OsuPrefix, fileName(world, SnapshotId, DiskImageFormat));
    await putDisk(world, bucketFor(call, body.OsuExport), key, diskOf(world, SnapshotId), DiskImageFormat);
  });
  return { SnapshotExportTask: task };
});

/** Writes the disks and then the manifest; gives the manifest's URL, without a signature. */
async function exportImage(call: Call, image: Image, wanted: OsuExport, directory: string): Promise<string> {
  const { world } = call;
  const bucket = bucketFor(call, wanted);
  const snapshots: ManifestSnapshot[] = [];
  for (const { Bsu, DeviceName } of image.BlockDeviceMappings) {
    if (Bsu?.SnapshotId === undefined) continue;
    const disk = diskOf(world, Bsu.SnapshotId);
    const Filename = fileName(world, Bsu.SnapshotId, wanted.DiskImageFormat);
    await putDisk(world, bucket, directory + Filename, disk, wanted.DiskImageFormat);
    snapshots.push({
      DeleteOnTermination: Bsu.DeleteOnVmDeletion ?? true,
      Device: DeviceName ?? "/dev/sda1",
      Filename,
      Iops: Bsu.Iops ?? null,
      PreSignedUrl: bucket.presigned(directory + Filename),
      Size: Math.max(disk.size, (Bsu.VolumeSize ?? 1) * 2 ** 30),
      VolumeType: Bsu.VolumeType ?? "standard",
    });
  }
  const { ImageName: Name, Description, Architecture, ProductCodes: ProductTypes } = image;
  const manifest: Manifest = {
    Version: 1,
    Image: { Name, Description, Architecture, Type: "machine", ProductTypes, Public: false, Snapshots: snapshots },
  };
  const key = `${directory}${image.ImageId}-manifest.json`;
  await bucket.putJson(key, manifest);
  return bucket.url(key);
}

/** Writes to the object store in the background, and ends the task after its time or with what went wrong. */
function runTask(
  world: World,
  tasks: Map<string, Kept<ExportTask>>,
  id: string,
  failing: Failing | undefined,
  work: () => Promise<void>,
): void {
  const fail = (Comment: string) => patch(tasks, id, { State: "failed", Comment });
  const run = async () => {
    try {
      if (failing === undefined) await work();
      patch(tasks, id, { State: "pending", Progress: 50 });
      world.progress.begin(id, world.settings.pace, () => {
        if (failing !== undefined) return fail(failing.message);
        patch(tasks, id, { State: "completed", Progress: 100 });
      });
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  };
  world.transfer(run());
}

async function putDisk(world: World, bucket: Bucket, key: string, disk: Disk, format: string): Promise<void> {
  await bucket.putFile(key, await packed(world, disk, format));
}

/** With the key of the request, or else with the account's own. */
function bucketFor({ world, account }: Call, { OsuApiKey, OsuBucket }: OsuExport): Bucket {
  const { store } = world.settings;
  if (store === undefined) throw new Error("there is no object store");
  const accessKey = OsuApiKey?.ApiKeyId ?? account.accessKey;
  return new Bucket(store, { accessKey, secretKey: OsuApiKey?.SecretKey ?? account.secretKey }, OsuBucket);
}

function diskOf(world: World, id: string): Disk {
  const disk = world.disks.get(id);
  if (disk === undefined) throw new Error(`${id} has no content`);
  return disk;
}

function checkFormat({ DiskImageFormat }: OsuExport): void {
  if (DiskImageFormat !== "qcow2" && DiskImageFormat !== "raw")
    throw refusals.badValue("DiskImageFormat: qcow2 or raw.");
}

const joined = (prefix: string | undefined, name: string): string =>
  prefix === undefined || prefix === "" ? name : `${prefix.replace(/\/+$/, "")}/${name}`;

/** As in the provider's example of a manifest. */
const fileName = (world: World, id: string, format: string): string => `${id}-${world.hex()}.${format}.gz`;

export const imageExportFilters = {
  ImageIds: ids("image", (task: ImageExportTask) => task.ImageId),
  TaskIds: ids("imageExport", (task: ImageExportTask) => task.TaskId),
};

export const snapshotExportFilters = {
  SnapshotIds: ids("snapshot", (task: SnapshotExportTask) => task.SnapshotId),
  TaskIds: ids("snapshotExport", (task: SnapshotExportTask) => task.TaskId),
};

type ReadTasks = PageRequest & { readonly Filters?: object };

const readImageExports = action<ReadTasks>("ReadImageExportTasks", ({ world, account }, body) => {
  const mine = () => [...world.imageExports.values()].filter((kept) => kept.owner === account.id);
  const wanted = () =>
    select(
      mine().map((kept) => kept.view),
      body.Filters,
      imageExportFilters,
    );
  for (const { TaskId } of wanted()) world.progress.look(TaskId);
  const { items, token } = page(wanted(), body, world.settings.pageSize);
  return { ImageExportTasks: items, ...token };
});

const readSnapshotExports = action<ReadTasks>("ReadSnapshotExportTasks", ({ world, account }, body) => {
  const mine = () => [...world.snapshotExports.values()].filter((kept) => kept.owner === account.id);
  const wanted = () =>
    select(
      mine().map((kept) => kept.view),
      body.Filters,
      snapshotExportFilters,
    );
  for (const { TaskId } of wanted()) world.progress.look(TaskId);
  const { items, token } = page(wanted(), body, world.settings.pageSize);
  return { SnapshotExportTasks: items, ...token };
});

export const exportActions = {
  ...createImageExport,
  ...createSnapshotExport,
  ...readImageExports,
  ...readSnapshotExports,
};
