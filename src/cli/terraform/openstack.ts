import type { Attributes } from "../../core/model/value.ts";
import { sourceOf } from "./source.ts";
import { isKnown, type KnownValue, type Mapped, picked, text } from "./values.ts";

/**
 * `openstack_images_image_v2` and `vkcs_images_image`. Their `properties` hold what the server wrote as well, and `region` that of the
 * provider; a cache in the home directory is the default.
 */
export function glance(attributes: KnownValue): Mapped {
  const region = text(attributes["region"]);
  const { attributes: source, ...secrets } = sourceOf(attributes);
  const properties = propertiesOf(attributes["properties"]);
  const cache = text(attributes["image_cache_path"]);
  const isOwnCache = cache !== undefined && !/(?:^|\/)\.terraform\/image_cache\/?$/.test(cache);
  const values: Attributes = {
    ...picked(attributes, ["name", "disk_format", "container_format"]),
    ...source,
    ...picked(attributes, ["local_file_path"]),
    ...(isOwnCache ? { image_cache_path: cache } : {}),
    ...picked(attributes, ["compression_format", "archiving_format"]),
    ...onlyTrue(attributes, ["decompress", "web_download"]),
    ...(attributes["verify_checksum"] === false ? { verify_checksum: false } : {}),
    ...picked(attributes, ["min_disk_gb", "min_ram_mb", "protected", "hidden", "visibility", "tags"]),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...picked(attributes, ["timeouts"]),
  };
  return {
    id: text(attributes["id"]),
    ...(region === undefined ? {} : { place: { region } }),
    attributes: values,
    always: ["name", "disk_format", "container_format"],
    ...secrets,
  };
}

/** The type of the resources that each share an image with one project. */
export const ACCESS = "openstack_images_image_access_v2";

/** The attributes of an image with the members that other resources of the state give it, where its visibility allows any. */
export function withMembers({ id, attributes }: Mapped, access: readonly KnownValue[]): Attributes {
  const members = access.flatMap(({ image_id, member_id }) => (image_id === id ? (text(member_id) ?? []) : []));
  if (members.length === 0 || attributes["visibility"] !== "shared") return attributes;
  return { ...attributes, members: [...new Set(members)].sort() };
}

const onlyTrue = (attributes: KnownValue, names: readonly string[]): Attributes =>
  Object.fromEntries(names.filter((name) => attributes[name] === true).map((name) => [name, true]));

/** What Glance, its stores and VK Cloud write by themselves, and no user can set. */
const SERVERS = new Set([
  ...[
    "id",
    "self",
    "file",
    "schema",
    "status",
    "checksum",
    "size",
    "virtual_size",
    "owner",
    "created_at",
    "updated_at",
  ],
  ...["deleted", "deleted_at", "direct_url", "location", "locations", "store", "stores"],
  ...["os_hash_algo", "os_hash_value", "os_hidden", "sid"],
]);
const isServers = (key: string): boolean => SERVERS.has(key) || /^(?:os_glance|mcs_|images_)/.test(key);

const propertiesOf = (properties: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isKnown(properties) ? properties : {}).flatMap(([key, value]): [string, string][] =>
      typeof value !== "string" || isServers(key) ? [] : [[key, value]],
    ),
  );
