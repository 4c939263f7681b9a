import { Ajv } from "ajv";
import type { Call } from "../action.ts";
import { openLocation } from "../disk.ts";
import type { Mapping } from "../model.ts";
import { refusals } from "../refusal.ts";
import { failSnapshot, importDisk, keepSnapshot } from "./create-snapshot.ts";
import { type CreateImage, failImage, type Origin, progressImage } from "./origin.ts";

/** The file that an image export writes beside the disks; as the provider's "Manifest File Reference" has it. */
export interface Manifest {
  readonly Version: 1;
  readonly Image: {
    readonly Name?: string;
    readonly Description?: string;
    readonly Architecture?: string;
    readonly Type?: string;
    readonly ProductTypes: readonly string[];
    readonly Public?: boolean;
    readonly Snapshots: readonly ManifestSnapshot[];
  };
}

export interface ManifestSnapshot {
  readonly DeleteOnTermination?: boolean;
  readonly Device: string;
  readonly Filename?: string;
  readonly Iops?: number | null;
  readonly PreSignedUrl: string;
  /** Bytes of the disk. */
  readonly Size: number;
  readonly VolumeType?: string;
}

const isManifest = new Ajv({ strict: false }).compile<Manifest>({
  type: "object",
  required: ["Version", "Image"],
  properties: {
    Version: { const: 1 },
    Image: {
      type: "object",
      required: ["ProductTypes", "Snapshots"],
      properties: {
        Name: { type: "string" },
        Description: { type: "string" },
        Architecture: { enum: ["i386", "x86_64"] },
        ProductTypes: { type: "array", items: { type: "string" } },
        Snapshots: {
          type: "array",
          minItems: 1,
          items: {
            type: "object",
            required: ["Device", "PreSignedUrl", "Size"],
            properties: {
              Device: { type: "string" },
              Iops: { type: ["integer", "null"] },
              PreSignedUrl: { type: "string" },
              Size: { type: "integer", minimum: 1 },
              VolumeType: { enum: ["standard", "gp2", "io1"] },
            },
          },
        },
      },
    },
  },
});

const GIB = 2 ** 30;

/** Registers an image of a manifest and of the disks that it names by pre-signed URLs. */
export async function fromManifest(call: Call, body: CreateImage): Promise<Origin> {
  const { world } = call;
  const manifest = await readManifest(call, body.FileLocation ?? "");
  const made = manifest.Image.Snapshots.map((disk) => {
    const VolumeSize = Math.ceil(disk.Size / GIB);
    const { SnapshotId } = keepSnapshot(call, { VolumeSize, State: "importing" });
    return { disk, id: SnapshotId, mapping: mappingOf(disk, SnapshotId, VolumeSize) };
  });
  const bring = async (disk: ManifestSnapshot, id: string): Promise<void> => {
    try {
      await importDisk(world, id, await openLocation(disk.PreSignedUrl, world.signal), disk.Size);
    } catch (error) {
      failSnapshot(world, id);
      throw error;
    }
  };
  const { Description, Architecture, ProductTypes } = manifest.Image;
  return {
    mappings: made.map(({ mapping }) => mapping),
    defaults: {
      ...(Description === undefined ? {} : { Description }),
      ...(Architecture === undefined ? {} : { Architecture }),
      ProductCodes: ProductTypes,
      RootDeviceName: made[0]?.disk.Device ?? "/dev/sda1",
    },
    state: "pending",
    begin: ({ ImageId }) => {
      const all = Promise.all(made.map(({ disk, id }) => bring(disk, id)));
      world.transfer(
        all.then(
          () => progressImage(world, ImageId),
          (error: unknown) => failImage(world, ImageId, "ImportFailed", String(error)),
        ),
      );
    },
  };
}

async function readManifest({ world }: Call, location: string): Promise<Manifest> {
  const response = await openLocation(location, world.signal);
  const value: unknown = await response.json().catch(() => undefined);
  if (isManifest(value)) return value;
  throw refusals.badValue("FileLocation is not a manifest of an image.");
}

function mappingOf(disk: ManifestSnapshot, SnapshotId: string, VolumeSize: number): Mapping {
  return {
    DeviceName: disk.Device,
    Bsu: {
      DeleteOnVmDeletion: disk.DeleteOnTermination ?? true,
      ...(disk.Iops == null ? {} : { Iops: disk.Iops }),
      SnapshotId,
      VolumeSize,
      VolumeType: disk.VolumeType ?? "standard",
    },
  };
}
