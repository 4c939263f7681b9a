/** The objects of the API, key by key in the order in which the server prints them. */

export type ImageStatus = "creating" | "pending_upload" | "available";
export type RegionStatus =
  | "available"
  | "creating"
  | "pending"
  | "pending deletion"
  | "pending replication"
  | "replicating"
  | "timedout";

export interface ImageRegion {
  readonly region: string;
  readonly status: RegionStatus;
}

export interface SharedWith {
  readonly sharegroup_count: number;
  readonly sharegroup_list_url: string;
}

export interface SharedBy {
  readonly sharegroup_id: number;
  readonly sharegroup_uuid: string;
  readonly sharegroup_label: string;
  readonly source_image_id: string | null;
}

export interface Image {
  readonly id: string;
  readonly label: string;
  readonly description: string | null;
  readonly created: string;
  readonly updated: string | null;
  /** In MB. */
  readonly size: number;
  readonly created_by: string | null;
  readonly type: "manual" | "automatic" | "shared";
  readonly tags: readonly string[];
  readonly is_public: boolean;
  readonly is_shared: boolean | null;
  readonly deprecated: boolean;
  readonly vendor: string | null;
  readonly expiry: string | null;
  readonly eol: string | null;
  readonly status: ImageStatus;
  readonly capabilities: readonly string[];
  /** null for public images. */
  readonly regions: readonly ImageRegion[] | null;
  /** In MB, over all regions; public images have none. */
  readonly total_size?: number;
  readonly image_sharing: { readonly shared_with: SharedWith | null; readonly shared_by: SharedBy | null } | null;
}

export interface Region {
  readonly id: string;
  readonly label: string;
  readonly country: string;
  readonly capabilities: readonly string[];
  readonly status: "ok" | "outage";
  readonly resolvers: { readonly ipv4: string; readonly ipv6: string };
  readonly placement_group_limits: {
    readonly maximum_pgs_per_customer: number | null;
    readonly maximum_linodes_per_pg: number;
    readonly maximum_linodes_per_flexible_pg: number;
  };
  readonly site_type: "core" | "distributed";
}

export type DiskStatus = "ready" | "not ready" | "deleting";

export interface Disk {
  readonly id: number;
  readonly status: DiskStatus;
  readonly label: string;
  readonly created: string;
  readonly updated: string;
  readonly filesystem: "raw" | "swap" | "ext2" | "ext3" | "ext4" | "initrd";
  /** In MB. */
  readonly size: number;
  readonly disk_encryption: "enabled" | "disabled";
}

export interface Instance {
  readonly id: number;
  readonly label: string;
  readonly group: string;
  readonly status: "running" | "offline" | "provisioning";
  readonly created: string;
  readonly updated: string;
  readonly type: string;
  readonly ipv4: readonly string[];
  readonly ipv6: string;
  readonly image: string | null;
  readonly region: string;
  readonly site_type: "core" | "distributed";
  readonly specs: Readonly<Record<"disk" | "memory" | "vcpus" | "gpus" | "transfer" | "accelerated_devices", number>>;
  readonly hypervisor: "kvm";
  readonly watchdog_enabled: boolean;
  readonly tags: readonly string[];
  readonly disk_encryption: "enabled" | "disabled";
}

export interface Entity {
  readonly label: string;
  readonly id: number;
  readonly type: "image" | "linode";
  readonly url: string;
}

export type EventStatus = "scheduled" | "started" | "failed" | "finished" | "notification";

export interface Event {
  readonly id: number;
  readonly created: string;
  readonly seen: boolean;
  readonly read: boolean;
  readonly percent_complete: number | null;
  readonly time_remaining: string | null;
  readonly rate: string | null;
  readonly duration: number | null;
  readonly action: "image_upload" | "image_update" | "image_delete" | "disk_imagize";
  readonly username: string;
  readonly entity: Entity;
  readonly status: EventStatus;
  readonly secondary_entity: Entity | null;
  readonly message: string;
  readonly details: Readonly<Record<string, never>>;
}

export interface Sharegroup {
  readonly id: number;
  readonly uuid: string;
  readonly label: string;
  readonly description: string;
  readonly is_suspended: boolean;
  readonly created: string;
  readonly updated: string | null;
  readonly expiry: string | null;
  readonly images_count: number;
  readonly members_count: number;
}

/** An account that sees the images of a share group. */
export interface Member {
  readonly token_uuid: string;
  readonly status: string;
  readonly label: string;
  readonly created: string;
  readonly updated: string | null;
  readonly expiry: string | null;
}

/** A time as the API writes it: UTC, whole seconds, no zone. */
export function timestamp(at: number): string {
  return new Date(at).toISOString().slice(0, 19);
}
