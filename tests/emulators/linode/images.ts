import type { Call } from "./call.ts";
import { filtered } from "./filter.ts";
import { imagesPage } from "./page.ts";
import { invalid, notFound, Refusal } from "./refusal.ts";
import { keepsImages } from "./regions.ts";
import { fieldsOf, metadataFaults, refuseFaults, sortedTags } from "./rules.ts";
import type { Image, Instance } from "./wire.ts";
import { imageEntity, type KeptDisk, kindOf, linodeEntity, type World } from "./world.ts";

const day = 24 * 60 * 60 * 1000;

/** A listing counts as a look at every image of the account, whatever its filter leaves. */
export function listImages(world: World, call: Call): unknown {
  if (call.isKnown) world.show(world.listing());
  const seen = world.listing().filter((image) => call.isKnown || image.is_public);
  return imagesPage(filtered(seen, call.filter, call.filterable, ["status"]), call.query);
}

export function getImage(world: World, call: Call): unknown {
  world.show([visible(world, call)]);
  return visible(world, call);
}

/** POST /images: from a disk. The image has the size of the disk until it is made (recorded). */
export function createImage(world: World, call: Call): unknown {
  const fields = fieldsOf(call.body);
  const missing = fields["disk_id"] === undefined ? [{ reason: "disk_id is required", field: "disk_id" }] : [];
  refuseFaults([...missing, ...metadataFaults(fields)]);
  const found = [...world.places.values()].find((place) => place.disks.has(Number(fields["disk_id"])));
  const kept = found?.disks.get(Number(fields["disk_id"]));
  if (found === undefined || kept === undefined) throw invalid("disk_id is not valid", "disk_id");
  const isAtWork = [...found.disks.values()].some(({ making }) => making !== undefined);
  if (found.isBusy || isAtWork || kept.disk.status !== "ready") throw invalid("Linode busy.");
  const { size, label } = kept.disk;
  const image = add(world, fields, { label, size, total_size: size, status: "creating", capabilities: [] });
  imagize(world, image, found.instance, kept, fields["cloud_init"] === true);
  return image;
}

/** POST /images/upload: a container, and a URL that takes its bytes for a day. */
export function uploadImage(world: World, call: Call): unknown {
  const fields = fieldsOf(call.body);
  const missing = ["label", "region"].filter((field) => fields[field] === undefined);
  refuseFaults([...missing.map((field) => ({ reason: `${field} is required`, field })), ...metadataFaults(fields)]);
  const region = world.regions.find(({ id }) => id === fields["region"]);
  if (region === undefined) throw invalid("region is not valid", "region");
  if (!keepsImages(region)) throw invalid("The selected region does not support image uploads.", "region");
  const capabilities = fields["cloud_init"] === true ? ["cloud-init"] : [];
  const image = add(world, fields, { size: 0, total_size: 0, status: "pending_upload", capabilities });
  const number = Number(image.id.split("/")[1]);
  const event = world.addEvent("image_upload", "scheduled", imageEntity(image)).id;
  const expires = world.now() + day;
  const { id } = image;
  world.uploads.set(number, { number, image: id, region: region.id, event, expires, isOpen: true, isKept: false });
  return { upload_to: call.uploadUrl(number), image };
}

export function updateImage(world: World, call: Call): unknown {
  const image = own(world, call);
  const fields = fieldsOf(call.body);
  refuseFaults(metadataFaults(fields));
  const { label, description, tags } = fields;
  const changed = world.change(image, {
    ...(typeof label === "string" && { label }),
    ...((typeof description === "string" || description === null) && { description }),
    ...(Array.isArray(tags) && { tags: sortedTags(tags) }),
    updated: world.timestamp(),
  });
  world.addEvent("image_update", "notification", imageEntity(changed));
  return changed;
}

/** Deletes an image and all its replicas; of one that waits for its bytes, the upload is canceled. */
export function deleteImage(world: World, call: Call): unknown {
  const image = own(world, call);
  for (const upload of world.uploads.values()) {
    if (upload.image === image.id && image.status === "pending_upload") {
      world.changeEvent(upload.event, "failed", "Upload canceled");
    }
  }
  world.removeImage(image.id);
  world.addEvent("image_delete", "finished", imageEntity(image));
  return {};
}

/** Private images are changed by their owner; all others are not there to be changed. */
export function own(world: World, call: Call): Image {
  const image = visible(world, call);
  if (kindOf(image) !== "private") throw new Refusal(403, { reason: "Unauthorized" });
  return image;
}

function visible(world: World, call: Call): Image {
  const image = world.images.get(call.params[0] ?? "");
  if (image === undefined || (!call.isKnown && !image.is_public)) throw notFound();
  return image;
}

function add(world: World, fields: Readonly<Record<string, unknown>>, given: Partial<Image>): Image {
  const id = `private/${world.number()}`;
  const { label, description } = fields;
  const image: Image = {
    ...blankImage(id, world.timestamp(), world.username),
    ...given,
    label: typeof label === "string" ? label : (given.label ?? ""),
    description: typeof description === "string" ? description : "",
    tags: sortedTags(fields["tags"]),
  };
  world.images.set(id, image);
  return image;
}

/** An available private image of nothing. */
export function blankImage(id: string, at: string, username: string): Image {
  return {
    id,
    label: "",
    description: "",
    created: at,
    updated: at,
    size: 0,
    created_by: username,
    type: "manual",
    tags: [],
    is_public: false,
    is_shared: false,
    deprecated: false,
    vendor: null,
    expiry: null,
    eol: null,
    status: "available",
    capabilities: [],
    regions: [],
    total_size: 0,
    image_sharing: {
      shared_with: { sharegroup_count: 0, sharegroup_list_url: `/images/${id}/sharegroups` },
      shared_by: null,
    },
  };
}

/** While a disk is made an image of, the disk is not ready and its Linode takes no other work. */
function imagize(world: World, image: Image, instance: Instance, kept: KeptDisk, cloudInit: boolean): void {
  const event = world.addEvent("disk_imagize", "started", linodeEntity(instance), imageEntity(image)).id;
  kept.making = image.id;
  kept.disk = { ...kept.disk, status: "not ready" };
  world.progress.begin(image.id, world.pace, () => {
    world.release(image.id);
    if (kept.used > world.limits.raw) {
      world.removeImage(image.id);
      world.changeEvent(event, "failed", `Disk is too large: ${kept.used} > ${world.limits.raw}`);
      return;
    }
    makeAvailable(world, image.id, kept.used, instance.region, cloudInit);
    world.changeEvent(event, "finished");
  });
}

/** Ends the making of an image: it has its size, one region, and can be deployed everywhere. */
export function makeAvailable(world: World, id: string, size: number, region: string, cloudInit: boolean): void {
  world.changeIfThere(id, () => ({
    status: "available",
    size,
    total_size: size,
    regions: [{ region, status: "available" }],
    capabilities: [...(cloudInit ? ["cloud-init"] : []), "distributed-sites"],
    updated: world.timestamp(),
  }));
}
