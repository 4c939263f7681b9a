/** The objects of the API, field by field as the description has them. */

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface Permissions {
  readonly AccountIds: readonly string[];
  readonly GlobalPermission: boolean;
}

export interface Bsu {
  readonly SnapshotId?: string;
  readonly VolumeSize?: number;
  readonly VolumeType?: string;
  readonly Iops?: number;
  readonly DeleteOnVmDeletion?: boolean;
}

export interface Mapping {
  readonly DeviceName?: string;
  readonly VirtualDeviceName?: string;
  readonly Bsu?: Bsu;
}

export interface Image {
  readonly AccountAlias?: string;
  readonly AccountId: string;
  readonly Architecture: string;
  readonly BlockDeviceMappings: readonly Mapping[];
  readonly BootModes: readonly string[];
  readonly CreationDate: string;
  readonly Description: string;
  readonly FileLocation: string;
  readonly ImageId: string;
  readonly ImageName: string;
  readonly ImageType: string;
  readonly PermissionsToLaunch: Permissions;
  readonly ProductCodes: readonly string[];
  readonly RootDeviceName: string;
  readonly RootDeviceType: string;
  readonly SecureBoot: boolean;
  readonly State: "pending" | "available" | "failed";
  readonly StateComment: { readonly StateCode?: string; readonly StateMessage?: string };
  readonly Tags: readonly Tag[];
  readonly TpmMandatory: boolean;
}

export interface Snapshot {
  readonly AccountAlias?: string;
  readonly AccountId: string;
  readonly ClientToken?: string;
  readonly CreationDate: string;
  readonly Description: string;
  readonly PermissionsToCreateVolume: Permissions;
  readonly Progress: number;
  readonly SnapshotId: string;
  readonly State: "pending/queued" | "in-queue" | "importing" | "pending" | "completed" | "error" | "deleting";
  readonly Tags: readonly Tag[];
  readonly VolumeId: string;
  readonly VolumeSize: number;
}

export interface Volume {
  readonly CreationDate: string;
  readonly Iops?: number;
  readonly LinkedVolumes: readonly LinkedVolume[];
  readonly Size: number;
  readonly SnapshotId?: string;
  readonly State: "creating" | "available" | "in-use" | "deleting" | "error";
  readonly SubregionName: string;
  readonly Tags: readonly Tag[];
  readonly VolumeId: string;
  readonly VolumeType: "standard" | "gp2" | "io1";
}

export interface LinkedVolume {
  readonly DeleteOnVmDeletion: boolean;
  readonly DeviceName: string;
  readonly State: string;
  readonly VmId: string;
  readonly VolumeId: string;
}

export interface VmMapping {
  readonly DeviceName: string;
  readonly Bsu: {
    readonly DeleteOnVmDeletion: boolean;
    readonly LinkDate: string;
    readonly State: string;
    readonly VolumeId: string;
  };
}

export type VmState = "pending" | "running" | "stopping" | "stopped" | "shutting-down" | "terminated" | "quarantine";

export interface Vm {
  readonly Architecture: string;
  readonly BlockDeviceMappings: readonly VmMapping[];
  readonly BootMode: string;
  readonly BsuOptimized: boolean;
  readonly ClientToken?: string;
  readonly CreationDate: string;
  readonly DeletionProtection: boolean;
  readonly Hypervisor: string;
  readonly ImageId: string;
  readonly IsSourceDestChecked: boolean;
  readonly KeypairName?: string;
  readonly LaunchNumber: number;
  readonly NestedVirtualization: boolean;
  readonly Performance: string;
  readonly Placement: { readonly SubregionName: string; readonly Tenancy: string };
  readonly PrivateIp: string;
  readonly ProductCodes: readonly string[];
  readonly ReservationId: string;
  readonly RootDeviceName: string;
  readonly RootDeviceType: string;
  readonly SecurityGroups: readonly { readonly SecurityGroupId: string; readonly SecurityGroupName: string }[];
  readonly State: VmState;
  readonly StateReason: string;
  readonly Tags: readonly Tag[];
  readonly TpmEnabled: boolean;
  readonly UserData: string;
  readonly VmId: string;
  readonly VmInitiatedShutdownBehavior: string;
  readonly VmType: string;
}

export type TaskState = "pending/queued" | "pending" | "active" | "completed" | "failed" | "cancelled";

export interface OsuExport {
  readonly DiskImageFormat: string;
  readonly OsuBucket: string;
  readonly OsuManifestUrl?: string;
  readonly OsuPrefix?: string;
}

/** What both kinds of export tasks have. */
export interface ExportTask {
  readonly Comment: string;
  readonly OsuExport: OsuExport;
  readonly Progress: number;
  readonly State: TaskState;
  readonly Tags: readonly Tag[];
  readonly TaskId: string;
}

export interface ImageExportTask extends ExportTask {
  readonly ImageId: string;
}

export interface SnapshotExportTask extends ExportTask {
  readonly SnapshotId: string;
}

/** Something that one account has. */
export interface Kept<T> {
  readonly owner: string;
  readonly view: T;
}
