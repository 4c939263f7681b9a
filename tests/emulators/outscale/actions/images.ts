import { action, type Call } from "../action.ts";
import { type Filters, ids, select, tagFilters, values } from "../filters.ts";
import { maySeeImage, ownImage, patch, shown } from "../lookup.ts";
import type { Bsu, Image } from "../model.ts";
import { type PageRequest, page } from "../paging.ts";
import { changed, type PermissionsChange } from "../permissions.ts";
import { refusals } from "../refusal.ts";

const bsu = <V>(image: Image, read: (one: Bsu) => V): readonly V[] =>
  image.BlockDeviceMappings.flatMap((mapping) => (mapping.Bsu === undefined ? [] : [read(mapping.Bsu)]));

export const imageFilters: Filters<Image> = {
  ...tagFilters,
  AccountAliases: values((image) => image.AccountAlias),
  AccountIds: values((image) => image.AccountId),
  Architectures: values((image) => image.Architecture),
  BlockDeviceMappingDeleteOnVmDeletion: values((image) => bsu(image, (one) => one.DeleteOnVmDeletion)),
  BlockDeviceMappingDeviceNames: values((image) => image.BlockDeviceMappings.map((mapping) => mapping.DeviceName)),
  BlockDeviceMappingSnapshotIds: ids("snapshot", (image) => bsu(image, (one) => one.SnapshotId)),
  BlockDeviceMappingVolumeSizes: values((image) => bsu(image, (one) => one.VolumeSize)),
  BlockDeviceMappingVolumeTypes: values((image) => bsu(image, (one) => one.VolumeType)),
  BootModes: values((image) => image.BootModes),
  Descriptions: values((image) => image.Description),
  FileLocations: values((image) => image.FileLocation),
  Hypervisors: values(() => "xen"),
  ImageIds: ids("image", (image) => image.ImageId),
  ImageNames: values((image) => image.ImageName),
  PermissionsToLaunchAccountIds: values((image) => image.PermissionsToLaunch.AccountIds),
  PermissionsToLaunchGlobalPermission: values((image) => image.PermissionsToLaunch.GlobalPermission),
  ProductCodeNames: values((image) => image.ProductCodes.map((code) => productNames[code])),
  ProductCodes: values((image) => image.ProductCodes),
  RootDeviceNames: values((image) => image.RootDeviceName),
  RootDeviceTypes: values((image) => [image.RootDeviceType, "ebs"]),
  SecureBoot: values((image) => image.SecureBoot),
  States: values((image) => image.State),
  TpmMandatory: values((image) => image.TpmMandatory),
  VirtualizationTypes: values(() => "hvm"),
};

const productNames: Readonly<Record<string, string>> = { "0001": "Linux", "0002": "Windows" };

const readImages = action<PageRequest & { readonly Filters?: object }>("ReadImages", (call, body) => {
  for (const { ImageId } of visible(call, body.Filters)) call.world.progress.look(ImageId);
  const { items, token } = page(visible(call, body.Filters), body, call.world.settings.pageSize);
  return { Images: items, ...token };
});

/** By default: all that may be launched, that is own, shared and public images. */
function visible({ world, account }: Call, wanted: object | undefined): readonly Image[] {
  const all = [...world.images.values()].filter((kept) => maySeeImage(kept, account));
  return select(
    all.map((kept) => shown(world, kept, account)),
    wanted,
    imageFilters,
  );
}

interface UpdateImage {
  readonly ImageId: string;
  readonly Description?: string;
  readonly PermissionsToLaunch?: PermissionsChange;
  readonly ProductCodes?: readonly string[];
}

const updateImage = action<UpdateImage>("UpdateImage", ({ world, account }, body) => {
  const image = ownImage(world, body.ImageId, account);
  if (body.Description === undefined && body.PermissionsToLaunch === undefined && body.ProductCodes === undefined) {
    throw refusals.missing("Description, PermissionsToLaunch or ProductCodes");
  }
  const PermissionsToLaunch =
    body.PermissionsToLaunch === undefined
      ? image.PermissionsToLaunch
      : changed(image.PermissionsToLaunch, body.PermissionsToLaunch);
  const Description = body.Description ?? image.Description;
  const ProductCodes = body.ProductCodes ?? image.ProductCodes;
  patch(world.images, body.ImageId, { Description, PermissionsToLaunch, ProductCodes });
  return { Image: ownImage(world, body.ImageId, account) };
});

/** The image's snapshots stay. */
const deleteImage = action<{ readonly ImageId: string }>("DeleteImage", ({ world, account }, body) => {
  const { ImageId } = ownImage(world, body.ImageId, account);
  world.progress.forget(ImageId);
  world.images.delete(ImageId);
  return {};
});

export const imageActions = { ...readImages, ...updateImage, ...deleteImage };
