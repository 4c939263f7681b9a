import { type Mark, parseAddress } from "images";

// Which properties of an image are whose.

/** Properties in which our marker is kept; `declares` names what is only read where it is declared: members, stores. */
export const MARKS = {
  file: "images_file",
  owner: "images_owner",
  content: "images_content",
  lineage: "images_lineage",
  self: "images_self",
  retained: "images_retained",
  declares: "images_declares",
} as const;

const { declares: _, ...OWN } = MARKS;

/** The marker itself is shown nowhere. */
export const hidden: ReadonlySet<string> = new Set(Object.values(OWN));

/** The properties that a marker is written as. */
export const marked = (mark: Mark | undefined): Readonly<Record<string, string>> =>
  mark === undefined
    ? {}
    : {
        [MARKS.file]: mark.file,
        [MARKS.owner]: mark.owner,
        [MARKS.content]: mark.content,
        ...(mark.lineage === undefined ? {} : { [MARKS.lineage]: mark.lineage }),
        ...(mark.self === undefined ? {} : { [MARKS.self]: mark.self }),
        ...(mark.retained === undefined ? {} : { [MARKS.retained]: mark.retained }),
      };

/** The marker that properties hold, copied or not. */
export function markIn(properties: Readonly<Record<string, string>>): Mark | undefined {
  const owner = parseAddress(properties[MARKS.owner] ?? "");
  const file = properties[MARKS.file];
  if (owner === undefined || file === undefined) return undefined;
  const [lineage, self, retained] = [MARKS.lineage, MARKS.self, MARKS.retained].map((key) => properties[key]);
  return {
    file,
    owner,
    content: properties[MARKS.content] ?? "",
    ...(lineage === undefined ? {} : { lineage }),
    ...(self === undefined ? {} : { self }),
    ...(retained === undefined ? {} : { retained }),
  };
}

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

/** Whether a property is the server's or our mark, and so no word of the user's. */
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
      hint: `write ${attribute} = … beside properties`,
    };
  if (Object.values<string>(MARKS).includes(key))
    return { message: `${key} is where the mark of this program is kept` };
  if (key === "stores")
    return {
      message: "stores is told by Glance, and as a property it is dropped",
      hint: 'write stores = ["…"] beside properties',
    };
  if (READ_ONLY.has(key)) return { message: `${key} is told by Glance and cannot be set` };
  if (key.startsWith("os_glance_"))
    return { message: `${key} is refused by Glance: what begins with os_glance_ is its own bookkeeping` };
  if (key === "" || key.length > 255) return { message: "the name of a property has 1 to 255 characters" };
  return undefined;
}
