import type { Marker } from "./image.ts";
import { parseAddress } from "./name.ts";

/** The fields of a marker, by which a backend keeps it: each is a short plain text. */
export const MARKER_FIELDS = ["file", "owner", "content", "lineage", "self", "retained"] as const;
export type MarkerField = (typeof MARKER_FIELDS)[number];

/** A marker as fields, for properties and tags; a field that it does not have is not among them. */
export const markerFields = (marker: Marker): readonly (readonly [MarkerField, string])[] =>
  MARKER_FIELDS.flatMap((field) => {
    const value = marker[field];
    return value === undefined ? [] : [[field, value] as const];
  });

/** The marker of which a backend has kept these fields; undefined where they are none. */
export function markerFromFields(field: (name: MarkerField) => string | undefined): Marker | undefined {
  const file = field("file");
  const owner = parseAddress(field("owner") ?? "");
  if (file === undefined || owner === undefined) return undefined;
  const [lineage, self, retained] = [field("lineage"), field("self"), field("retained")];
  return {
    file,
    owner,
    content: field("content") ?? "none",
    ...(lineage === undefined ? {} : { lineage }),
    ...(self === undefined ? {} : { self }),
    ...(retained === undefined ? {} : { retained }),
  };
}
