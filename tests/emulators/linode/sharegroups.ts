import { isRecord } from "../kit/answers.ts";
import type { Call } from "./call.ts";
import { filtered } from "./filter.ts";
import { blankImage, own } from "./images.ts";
import { imagesPage, paged } from "./page.ts";
import { invalid, notFound } from "./refusal.ts";
import { fieldsOf } from "./rules.ts";
import type { Image, Sharegroup } from "./wire.ts";
import { kindOf, type World } from "./world.ts";

export function listGroups(world: World, call: Call): unknown {
  return paged(filtered([...world.groups.values()], call.filter, call.filterable), call.query);
}

export function getGroup(world: World, call: Call): unknown {
  return group(world, call);
}

export function createGroup(world: World, call: Call): unknown {
  const { label, description, images } = fieldsOf(call.body);
  if (typeof label !== "string" || label === "") throw invalid("label is required", "label");
  const made = addGroup(world, label, typeof description === "string" ? description : "");
  if (Array.isArray(images)) shareAll(world, made.id, images);
  return world.groups.get(made.id);
}

export function changeGroup(world: World, call: Call): unknown {
  const known = group(world, call);
  const { label, description } = fieldsOf(call.body);
  if (label === "" || (label !== undefined && typeof label !== "string")) throw invalid("label is required", "label");
  const now = {
    ...known,
    ...(label === undefined ? {} : { label }),
    ...(typeof description === "string" ? { description } : {}),
    updated: world.timestamp(),
  };
  world.groups.set(known.id, now);
  return now;
}

export function deleteGroup(world: World, call: Call): unknown {
  const { id } = group(world, call);
  for (const image of imagesOf(world, id)) unshare(world, image);
  world.groups.delete(id);
  world.members.delete(id);
  return {};
}

export function listGroupImages(world: World, call: Call): unknown {
  return paged(filtered(imagesOf(world, group(world, call).id), call.filter, call.filterable), call.query);
}

export function addGroupImages(world: World, call: Call): unknown {
  const { id } = group(world, call);
  const { images } = fieldsOf(call.body);
  if (!Array.isArray(images) || images.length === 0) throw invalid("images is required", "images");
  return imagesPage(shareAll(world, id, images), call.query);
}

/** What an image is called in a group. */
export function changeGroupImage(world: World, call: Call): unknown {
  const { id } = group(world, call);
  const known = imagesOf(world, id).find((one) => one.id === call.params[1]);
  if (known === undefined) throw notFound();
  const { label, description } = fieldsOf(call.body);
  world.changeIfThere(known.id, () => ({
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof description === "string" ? { description } : {}),
    updated: world.timestamp(),
  }));
  return world.images.get(known.id);
}

export function deleteGroupImage(world: World, call: Call): unknown {
  const { id } = group(world, call);
  const image = imagesOf(world, id).find((one) => one.id === call.params[1]);
  if (image === undefined) throw notFound();
  unshare(world, image);
  return {};
}

/** The groups that a private image is shared in. */
export function listImageGroups(world: World, call: Call): unknown {
  const image = own(world, call);
  const groups = [...world.groups.values()].filter(({ id }) =>
    imagesOf(world, id).some((shared) => sourceOf(shared) === image.id),
  );
  return paged(filtered(groups, call.filter, call.filterable), call.query);
}

export function addGroup(world: World, label: string, description = ""): Sharegroup {
  const made: Sharegroup = {
    id: world.number(),
    uuid: crypto.randomUUID(),
    label,
    description,
    is_suspended: false,
    created: world.timestamp(),
    updated: null,
    expiry: null,
    images_count: 0,
    members_count: 0,
  };
  world.groups.set(made.id, made);
  return made;
}

/** Shares an available private image in a group, under a `shared/` id of its own. */
export function share(
  world: World,
  id: number,
  image: Image,
  given: { label?: unknown; description?: unknown },
): Image {
  const into = world.groups.get(id);
  if (into === undefined || image.status !== "available") throw invalid("images is not valid", "images");
  const shared: Image = {
    ...blankImage(`shared/${world.number()}`, world.timestamp(), world.username),
    label: typeof given.label === "string" ? given.label : image.label,
    description: typeof given.description === "string" ? given.description : image.description,
    updated: null,
    created_by: null,
    type: "shared",
    is_shared: null,
    size: image.size,
    total_size: image.size,
    capabilities: image.capabilities,
    regions: image.regions,
    image_sharing: {
      shared_with: null,
      shared_by: {
        sharegroup_id: into.id,
        sharegroup_uuid: into.uuid,
        sharegroup_label: into.label,
        source_image_id: image.id,
      },
    },
  };
  world.images.set(shared.id, shared);
  recount(world, image.id, id);
  return shared;
}

function shareAll(world: World, id: number, wanted: readonly unknown[]): readonly Image[] {
  return wanted.map((one) => {
    const asked = isRecord(one) ? one : {};
    const image = world.images.get(String(asked["id"]));
    if (image === undefined || kindOf(image) !== "private") throw invalid("images is not valid", "images");
    return share(world, id, image, asked);
  });
}

function unshare(world: World, shared: Image): void {
  world.images.delete(shared.id);
  const source = sourceOf(shared);
  const id = shared.image_sharing?.shared_by?.sharegroup_id;
  if (source !== undefined && id !== undefined) recount(world, source, id);
}

/** `is_shared` stays true once it was, even when the count is back at zero (recorded). */
function recount(world: World, source: string, id: number): void {
  const known = world.groups.get(id);
  if (known !== undefined) world.groups.set(id, { ...known, images_count: imagesOf(world, id).length });
  const all = [...world.images.values()].filter((one) => sourceOf(one) === source);
  const groups = new Set(all.map((one) => one.image_sharing?.shared_by?.sharegroup_id));
  world.changeIfThere(source, () => ({
    is_shared: true,
    image_sharing: {
      shared_with: { sharegroup_count: groups.size, sharegroup_list_url: `/images/${source}/sharegroups` },
      shared_by: null,
    },
  }));
}

function imagesOf(world: World, id: number): readonly Image[] {
  return [...world.images.values()].filter((one) => one.image_sharing?.shared_by?.sharegroup_id === id);
}

function sourceOf(shared: Image): string | undefined {
  return shared.image_sharing?.shared_by?.source_image_id ?? undefined;
}

export function group(world: World, call: Call): Sharegroup {
  const found = world.groups.get(Number(call.params[0]));
  if (found === undefined) throw notFound();
  return found;
}
