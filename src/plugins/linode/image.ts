import {
  type Additions,
  type Desired,
  imageId,
  imageOf,
  isSameSet,
  type Marker,
  type Observed,
  type Reported,
} from "images";
import { readMark, withMark } from "./marker.ts";
import type { LinodeImage } from "./schema.ts";
import type { LinodeImageAnswer } from "./wire.ts";

// What an answer of the API comes to, and what it is asked for, as values.

const MB = 1024 * 1024;

export const isOwn = (id: string): boolean => id.startsWith("private/");

export function observed(answer: LinodeImageAnswer): Observed<LinodeImage> {
  const { id, label, description, size, total_size, tags, regions, capabilities } = answer;
  // Only images of one's own can be ours: a shared one carries the words of another account.
  const words = isOwn(id) ? readMark(description ?? "") : { description: description ?? "" };
  const shown: Reported<LinodeImage> = {
    id,
    label,
    description: words.description,
    tags: [...(tags ?? [])].sort(),
    cloud_init: capabilities?.includes("cloud-init") ?? false,
    replica_regions: held(answer),
    ...present({ created_by: answer.created_by, updated: answer.updated, is_shared: answer.is_shared }),
    ...present({ expiry: answer.expiry, eol: answer.eol, vendor: answer.vendor, size, total_size }),
    created: answer.created,
    deprecated: answer.deprecated,
    is_public: answer.is_public,
    type: answer.type,
    status: answer.status,
    capabilities: capabilities ?? [],
    regions: (regions ?? []).map(({ region, status }) => ({ region, status })),
  };
  return {
    id: imageId(id),
    name: isOwn(id) ? label : id,
    ...("mark" in words && words.mark !== undefined ? { marker: words.mark } : {}),
    attributes: shown,
    ...(size == null || size === 0 ? {} : { size: size * MB }),
    status: answer.status === "available" ? "ready" : "pending",
  };
}

/** Regions that hold the image or are getting it, sorted. */
export const held = ({ regions }: Pick<LinodeImageAnswer, "regions">): readonly string[] =>
  (regions ?? [])
    .filter(({ status }) => status !== "pending deletion" && status !== "timedout")
    .map(({ region }) => region)
    .sort();

type Present<T> = { readonly [K in keyof T]?: NonNullable<T[K]> };

function present<T extends Readonly<Record<string, unknown>>>(values: T): Present<T>;
function present(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
}

type Fields = Readonly<Record<string, unknown>>;

/** What every way of making an image receives. */
export function fieldsOf(want: Desired<LinodeImage>, label: string, marker: Marker | undefined): Fields {
  const description = withMark(want.description ?? "", marker);
  return {
    label,
    ...(description === "" ? {} : { description }),
    ...(want.tags === undefined || want.tags.length === 0 ? {} : { tags: want.tags }),
    ...(want.cloud_init === true ? { cloud_init: true } : {}),
  };
}

/** The label of an image that has none of its own. */
export const labelOf = (want: Desired<LinodeImage>, address: Parameters<typeof imageOf>[0]): string =>
  want.label ?? imageOf(address).slice(0, 50);

/** The fields of a PUT that brings an image to what is wanted; none: it is so already. */
export function changesOf(
  { id, attributes: have, marker }: Observed<LinodeImage>,
  want: Desired<LinodeImage>,
  cleared: readonly string[],
  context: { readonly address: Parameters<typeof imageOf>[0]; marker(self: string): Marker | undefined },
): Fields {
  const label = want.label ?? (cleared.includes("label") ? labelOf(want, context.address) : have.label);
  const words = want.description ?? (cleared.includes("description") ? "" : (have.description ?? ""));
  const description = withMark(words, context.marker(id) ?? marker);
  const tags = want.tags ?? (cleared.includes("tags") ? [] : have.tags);
  return {
    ...(label === have.label ? {} : { label }),
    ...(description === withMark(have.description ?? "", marker) ? {} : { description }),
    ...(tags === undefined || isSameSet(tags, have.tags ?? []) ? {} : { tags }),
  };
}

/** What people gave to an image, and a new one can be given. */
export function additionsTo(have: Reported<LinodeImage>): Additions {
  const { label, description = "", tags = [], cloud_init, replica_regions = [] } = have;
  return {
    attributes: {
      ...present({ label }),
      description,
      tags,
      ...(cloud_init === true ? { cloud_init } : {}),
      ...(replica_regions.length > 1 ? { replica_regions } : {}),
    },
  };
}
