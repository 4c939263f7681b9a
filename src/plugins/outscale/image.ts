import { type Address, type Desired, type Host, imageId, imageOf, type Observed, type Reported } from "images";
import type { OutscaleFields, OutscaleTag } from "./client.ts";
import { isMarkTag, type Marked, readMark } from "./marker.ts";
import type { Omi } from "./schema.ts";
import { permissionsOf } from "./values.ts";
import type { MappingAnswer, OmiAnswer } from "./wire.ts";

// What an answer of the API comes to, and what it is asked for, as values.

/** The name of an image that has none of its own: that of its address, as the API takes it. */
export function nameOf(want: Desired<Omi>, address: Address): string {
  if (want.image_name !== undefined) return want.image_name;
  const name = imageOf(address)
    .replaceAll(/[^A-Za-z0-9_ ()/.-]/g, "-")
    .slice(0, 128);
  return name.length < 3 ? `image-${name}` : name;
}

export const isOwn = ({ AccountId }: OmiAnswer, account: string): boolean => AccountId === account;

export const markOf = (answer: OmiAnswer): Marked => readMark(answer.Description ?? "", answer.Tags ?? []);

/** @param declared what the file wants of images; the API leaves out the owner from who may launch one, and who writes it means no more */
export function observed(answer: OmiAnswer, account: string, declared: Host["declared"] = {}): Observed<Omi> {
  const own = isOwn(answer, account);
  const { mark: marker, description } = markOf(answer);
  const name = answer.ImageName ?? undefined;
  const launch = answer.PermissionsToLaunch;
  // The account that has it may always launch it; some answers name it.
  const others = (launch?.AccountIds ?? []).filter((id) => id !== answer.AccountId);
  const isNamed = Object.entries(declared).some(
    ([address, want]) =>
      (marker === undefined || marker.owner === address) &&
      permissionsOf(want["permissions"]).account_ids.includes(account),
  );
  const accounts = (own && isNamed ? [...others, account] : others).sort();
  const shown: Reported<Omi> = {
    ...(name === undefined ? {} : { image_name: name }),
    description: own ? description : (answer.Description ?? ""),
    product_codes: [...(answer.ProductCodes ?? [])].sort(),
    tags: Object.fromEntries(
      tagsIn(answer)
        .map(({ Key, Value }): [string, string] => [Key, Value])
        .sort(),
    ),
    permissions: { account_ids: accounts, global: launch?.GlobalPermission === true },
    permissions_to_launch: { account_ids: accounts, global_permission: launch?.GlobalPermission === true },
    ...present({
      file_location: answer.FileLocation?.replace(/[?#].*$/s, ""),
      root_device_name: answer.RootDeviceName,
      account_id: answer.AccountId,
      account_alias: answer.AccountAlias,
      creation_date: answer.CreationDate,
      image_type: answer.ImageType,
      root_device_type: answer.RootDeviceType,
      secure_boot: answer.SecureBoot,
      state: answer.State,
    }),
    block_device_mappings: (answer.BlockDeviceMappings ?? []).map(mappingOf),
    ...(answer.Architecture === "i386" || answer.Architecture === "x86_64"
      ? { architecture: answer.Architecture }
      : {}),
    boot_modes: (["legacy", "uefi"] as const).filter((mode) => answer.BootModes?.includes(mode) === true),
    tpm_mandatory: answer.TpmMandatory === true,
    state_comment: present({
      state_code: answer.StateComment?.StateCode,
      state_message: answer.StateComment?.StateMessage,
    }),
    image_id: answer.ImageId,
  };
  return {
    id: imageId(answer.ImageId),
    ...(name === undefined ? {} : { name }),
    ...(own && marker !== undefined ? { marker, owns: ownedBy(answer) } : {}),
    attributes: shown,
    usual: USUAL,
    ...(own && name !== undefined ? { names: [name] } : {}),
    status: answer.State === "pending" ? "pending" : answer.State === "failed" ? "failed" : "ready",
  };
}

/** What the creation gives an image of which nothing else is said. */
const USUAL = { architecture: "x86_64", boot_modes: ["legacy"], root_device_name: "/dev/sda1" };

/** Tags without our marker. */
export const tagsIn = (answer: OmiAnswer): readonly OutscaleTag[] =>
  (answer.Tags ?? []).filter((tag) => !isMarkTag(tag));

type Shown = NonNullable<Reported<Omi>["block_device_mappings"]>[number];

function mappingOf({ DeviceName, VirtualDeviceName, Bsu }: MappingAnswer): Shown {
  const volumes = ["standard", "gp2", "io1"] as const;
  const bsu =
    Bsu == null
      ? undefined
      : present({
          snapshot_id: Bsu.SnapshotId,
          volume_size: Bsu.VolumeSize,
          volume_type: volumes.find((one) => one === Bsu.VolumeType),
          iops: Bsu.Iops,
          delete_on_vm_deletion: Bsu.DeleteOnVmDeletion,
        });
  return present({ device_name: DeviceName, virtual_device_name: VirtualDeviceName, bsu });
}

/** What goes with an image: snapshots that came with it, not those that it was registered with. */
export const ownedBy = (answer: OmiAnswer): readonly string[] => {
  const { mark: marker, snapshots } = markOf(answer);
  return marker !== undefined && snapshots === "own" ? snapshotsOf(answer) : [];
};

/** The snapshots that an image is made of. */
export const snapshotsOf = ({ BlockDeviceMappings }: OmiAnswer): readonly string[] =>
  (BlockDeviceMappings ?? []).flatMap(({ Bsu }) => (Bsu?.SnapshotId == null ? [] : [Bsu.SnapshotId]));

type Present<T> = { readonly [K in keyof T]?: NonNullable<T[K]> };

function present<T extends Readonly<Record<string, unknown>>>(values: T): Present<T>;
function present(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
}

/** What CreateImage receives of the image besides its origin. */
export const fieldsOf = (want: Desired<Omi>, name: string, description: string): OutscaleFields => ({
  ImageName: name,
  ...(description === "" ? {} : { Description: description }),
  ...present({
    Architecture: want.architecture,
    BootModes: want.boot_modes,
    TpmMandatory: want.tpm_mandatory,
    ProductCodes: want.product_codes,
  }),
});

/** The root device of an image that is made of bytes. */
export const rootOf = ({ root_device_name }: Pick<Desired<Omi>, "root_device_name">): string =>
  root_device_name ?? "/dev/sda1";

type Mapping = NonNullable<Desired<Omi>["block_device_mappings"]>[number];

const mappingIn = ({ device_name, virtual_device_name, bsu }: Mapping, snapshot?: string): OutscaleFields =>
  present({
    DeviceName: device_name,
    VirtualDeviceName: virtual_device_name,
    Bsu:
      bsu === undefined
        ? undefined
        : present({
            SnapshotId: snapshot ?? bsu.snapshot_id,
            VolumeSize: bsu.volume_size,
            VolumeType: bsu.volume_type,
            Iops: bsu.iops,
            DeleteOnVmDeletion: bsu.delete_on_vm_deletion,
          }),
  });

/** Declared volumes as the API takes them. */
export const mappingsOf = (want: Desired<Omi>): readonly OutscaleFields[] =>
  (want.block_device_mappings ?? []).map((one) => mappingIn(one));

/** Those of an image of bytes, which are on a snapshot: its root volume, as it is declared, and others. */
export function mappingsWith(want: Desired<Omi>, snapshot: string): readonly OutscaleFields[] {
  const device = rootOf(want);
  const declared = want.block_device_mappings ?? [];
  const root = declared.find(({ device_name }) => device_name === device) ?? { device_name: device };
  const bsu = { delete_on_vm_deletion: true, ...root.bsu };
  const others = declared.filter((one) => one !== root);
  return [mappingIn({ ...root, bsu }, snapshot), ...others.map((one) => mappingIn(one))];
}
