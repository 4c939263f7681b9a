import { action, type Call } from "../action.ts";
import { type Filters, select, values } from "../filters.ts";
import { maySeeImage, maySeeSnapshot, type Tagged, taggable } from "../lookup.ts";
import type { Kept, Tag } from "../model.ts";
import { type PageRequest, page } from "../paging.ts";
import { kindOf, refusals, resourceTypeOf } from "../refusal.ts";

interface ChangeTags {
  readonly ResourceIds: readonly string[];
  readonly Tags: readonly Tag[];
}

const LONGEST = 255;

/** All resources are looked for before the first one is changed. */
const createTags = action<ChangeTags>("CreateTags", (call, body) => {
  for (const { Key, Value } of body.Tags) {
    if (Key.length < 1 || Key.length > LONGEST) throw refusals.badValue("A tag key must have 1 to 255 characters.");
    if (Value.length > LONGEST) throw refusals.badValue("A tag value must have at most 255 characters.");
  }
  change(call, body.ResourceIds, (tags) => {
    const merged = new Map(tags.map((tag) => [tag.Key, tag.Value]));
    for (const { Key, Value } of body.Tags) merged.set(Key, Value);
    return [...merged].map(([Key, Value]) => ({ Key, Value }));
  });
  return {};
});

/** A tag given with a value is removed only where it has this value. */
const deleteTags = action<ChangeTags>("DeleteTags", (call, body) => {
  const goes = (tag: Tag) =>
    body.Tags.some((one) => one.Key === tag.Key && (one.Value === "" || one.Value === tag.Value));
  change(call, body.ResourceIds, (tags) => tags.filter((tag) => !goes(tag)));
  return {};
});

interface Row extends Tag {
  readonly ResourceId: string;
  readonly ResourceType: string;
}

export const readTagsFilters: Filters<Row> = {
  Keys: values((row) => row.Key),
  ResourceIds: values((row) => row.ResourceId),
  ResourceTypes: values((row) => row.ResourceType),
  Values: values((row) => row.Value),
};

const readTags = action<PageRequest & { readonly Filters?: object }>("ReadTags", ({ world, account }, body) => {
  const records = Object.values(taggable(world)).flatMap((kind) => [...kind]);
  const rows = records
    .filter(([, kept]) => kept.owner === account.id)
    .flatMap(([ResourceId, { view }]) => view.Tags.map((tag) => row(ResourceId, tag)));
  const { items, token } = page(select(rows, body.Filters, readTagsFilters), body, world.settings.pageSize);
  return { Tags: items, ...token };
});

function row(ResourceId: string, tag: Tag): Row {
  const kind = kindOf(ResourceId);
  return { ...tag, ResourceId, ResourceType: kind === undefined ? "" : resourceTypeOf(kind) };
}

function change(call: Call, ids: readonly string[], next: (tags: readonly Tag[]) => readonly Tag[]): void {
  for (const { records, id, kept } of ids.map((one) => find(call, one))) {
    records.set(id, { owner: kept.owner, view: { ...kept.view, Tags: next(kept.view.Tags) } });
  }
}

/** @throws Refused with the code of the kind that the id is of */
function find({ world, account }: Call, id: string) {
  const kind = kindOf(id);
  if (kind === undefined) throw refusals.malformedId("ResourceIds", id);
  const records: Map<string, Kept<Tagged>> = taggable(world)[kind];
  const kept = records.get(id);
  if (kept === undefined) throw refusals.unknown(kind, id);
  if (kept.owner === account.id) return { records, id, kept };
  const image = world.images.get(id);
  const snapshot = world.snapshots.get(id);
  const isVisible =
    (image !== undefined && maySeeImage(image, account)) ||
    (snapshot !== undefined && maySeeSnapshot(snapshot, account));
  throw isVisible ? refusals.notYours(id) : refusals.unknown(kind, id);
}

export const tagActions = { ...createTags, ...deleteTags, ...readTags };
