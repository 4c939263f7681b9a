import { MARKER_FIELDS, type Marker, markerFields, markerFromFields } from "images";

// Which properties of an image are whose.

/** Properties in which the marker is kept; `declares` names what is only looked at where it is declared: members, stores. */
export const MARKS = {
  file: "images_file",
  owner: "images_owner",
  content: "images_content",
  lineage: "images_lineage",
  self: "images_self",
  retained: "images_retained",
  declares: "images_declares",
} as const;

/** The marker itself is shown nowhere. */
export const hidden: ReadonlySet<string> = new Set(MARKER_FIELDS.map((field) => MARKS[field]));

export const marked = (marker: Marker | undefined): Readonly<Record<string, string>> =>
  marker === undefined ? {} : Object.fromEntries(markerFields(marker).map(([field, value]) => [MARKS[field], value]));

export const markIn = (properties: Readonly<Record<string, string>>): Marker | undefined =>
  markerFromFields((field) => properties[MARKS[field]]);

/** The entries of the property `declares`. */
export const entriesOf = (declares: string | null | undefined): readonly string[] =>
  (declares ?? "").split(",").filter((entry) => entry !== "");

/** Fields of an image that Glance alone writes, or that would make a property which only looks like one of them. */
const READ_ONLY = new Set([
  ...["id", "self", "file", "schema", "status", "checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size"],
  ...["created_at", "updated_at", "deleted", "deleted_at", "direct_url", "location", "locations", "stores", "owner"],
]);

/** Fields that have an attribute of their own here. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  name: "name",
  disk_format: "disk_format",
  container_format: "container_format",
  min_disk: "min_disk_gb",
  min_ram: "min_ram_mb",
  protected: "protected",
  os_hidden: "hidden",
  visibility: "visibility",
  tags: "tags",
  is_public: "visibility",
  members: "members",
};

/** Whether a property is the server's or our marker, and so no word of the user's. */
export const isOwned = (key: string): boolean =>
  key.startsWith("os_glance_") ||
  key === "direct_url" ||
  key === "location" ||
  Object.values<string>(MARKS).includes(key);

/** Why a property cannot be declared; undefined where it can. */
export function refusal(key: string): { readonly message: string; readonly hint?: string } | undefined {
  const attribute = ATTRIBUTES[key];
  if (attribute !== undefined)
    return {
      message: `${key} is a field of the image, not a property`,
      hint: `set ${attribute} = … next to properties`,
    };
  if (Object.values<string>(MARKS).includes(key)) return { message: `${key} is reserved for the ownership marker` };
  if (key === "stores")
    return {
      message: "stores is computed by Glance and ignored as a property",
      hint: 'write stores = ["…"] beside properties',
    };
  if (READ_ONLY.has(key)) return { message: `${key} is computed by Glance and cannot be set` };
  if (key.startsWith("os_glance_")) return { message: `${key} is refused by Glance: os_glance_ is a reserved prefix` };
  if (key === "" || key.length > 255) return { message: "the name of a property has 1 to 255 characters" };
  return undefined;
}
