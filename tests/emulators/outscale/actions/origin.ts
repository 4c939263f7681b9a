import { patch } from "../lookup.ts";
import type { Image, Mapping } from "../model.ts";
import type { World } from "../world.ts";

export interface CreateImage {
  readonly Architecture?: string;
  readonly BlockDeviceMappings?: readonly Mapping[];
  readonly BootModes?: readonly string[];
  readonly Description?: string;
  readonly FileLocation?: string;
  readonly ImageName?: string;
  readonly NoReboot?: boolean;
  readonly ProductCodes?: readonly string[];
  readonly RootDeviceName?: string;
  readonly SourceImageId?: string;
  readonly SourceRegionName?: string;
  readonly TpmMandatory?: boolean;
  readonly VmId?: string;
}

/** What an origin gives to the new image; the request's own words go over it. */
export interface Origin {
  readonly mappings: readonly Mapping[];
  readonly defaults: Partial<Image>;
  readonly state: Image["State"];
  /** Begins what makes the image available; not called when the request is refused after all. */
  begin(image: Image): void;
}

/** Copied and registered images are available in the answer already, unless they were told to fail. */
export function atOnce(world: World): Pick<Origin, "state" | "begin"> {
  const failing = world.failing("image");
  if (failing === undefined) return { state: "available", begin: () => {} };
  return { state: "pending", begin: (image) => progressImage(world, image.ImageId, failing) };
}

/** Makes an image available after its time, or fails it. Its snapshots are completed by then. */
export function progressImage(world: World, id: string, failing = world.failing("image")): void {
  world.progress.begin(id, world.settings.pace, () => {
    const mappings = world.images.get(id)?.view.BlockDeviceMappings ?? [];
    for (const { Bsu } of mappings) if (Bsu?.SnapshotId !== undefined) world.progress.settle(Bsu.SnapshotId);
    if (failing !== undefined) return failImage(world, id, failing.code, failing.message);
    patch(world.images, id, { State: "available" });
  });
}

export function failImage(world: World, id: string, code: string, message: string): void {
  const StateComment = { StateCode: code, StateMessage: message };
  patch(world.images, id, { State: "failed", StateComment });
}
