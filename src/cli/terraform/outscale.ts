import type { Attributes, Value } from "../../core/model/value.ts";
import { unsigned } from "./source.ts";
import { block, isKnown, type KnownValue, list, type Mapped, picked, said, text } from "./values.ts";

/**
 * `outscale_image`. The provider reads volumes, architecture and root device back into the state also where the user said nothing of
 * them, so that they are only written where the image was registered from them.
 */
export function outscale(attributes: KnownValue): Mapped {
  const { attributes: origin, notes } = originOf(attributes);
  const values: Attributes = {
    ...picked(attributes, ["image_name", "description"]),
    ...origin,
    ...modesOf(attributes["boot_modes"]),
    ...(attributes["tpm_mandatory"] === true ? { tpm_mandatory: true } : {}),
    ...picked(attributes, ["product_codes"]),
    ...tagsOf(attributes["tags"]),
    ...picked(attributes, ["timeouts"]),
  };
  return {
    id: text(attributes["image_id"]) ?? text(attributes["id"]),
    attributes: values,
    always: ["image_name"],
    ...(notes === undefined ? {} : { notes }),
  };
}

/** The resource that shares an image with other accounts, or with all. */
export const LAUNCH = "outscale_image_launch_permission";

/** The image with the permissions that resources of their own give it. */
export function withPermissions(
  { id, plugin, attributes }: Mapped & { readonly plugin: string },
  launch: readonly KnownValue[],
): Attributes {
  const given = launch.flatMap(({ image_id, permission_additions: added }): KnownValue[] =>
    image_id === id ? (Array.isArray(added) ? added : [added]).filter(isKnown) : [],
  );
  if (plugin !== "outscale" || given.length === 0) return attributes;
  const account_ids = given.flatMap((one) => list(one["account_ids"]).flatMap((account) => text(account) ?? []));
  const isGlobal = given.some(({ global_permission }) => global_permission === true || global_permission === "true");
  if (account_ids.length === 0 && !isGlobal) return attributes;
  return {
    ...attributes,
    permissions: {
      ...(account_ids.length === 0 ? {} : { account_ids: [...new Set(account_ids)].sort() }),
      ...(isGlobal ? { global: true } : {}),
    },
  };
}

/** What it was made from: the one of four ways that the state tells. */
function originOf(attributes: KnownValue): { readonly attributes: Attributes; readonly notes?: readonly string[] } {
  if (text(attributes["vm_id"]) !== undefined)
    return { attributes: { ...picked(attributes, ["vm_id"]), ...yes(attributes, "no_reboot") } };
  if (text(attributes["source_image_id"]) !== undefined && text(attributes["source_region_name"]) !== undefined)
    return { attributes: picked(attributes, ["source_image_id", "source_region_name"]) };
  const location = text(attributes["file_location"]);
  if (location !== undefined && /^https?:\/\//i.test(location)) {
    const url = unsigned(location);
    const notes = ["the signature of its file_location is not stored: a new one is needed to create it again"];
    return { attributes: { file_location: url }, ...(url === location ? {} : { notes }) };
  }
  const mappings = list(attributes["block_device_mappings"]).flatMap((one) => mappingOf(one) ?? []);
  const root = text(attributes["root_device_name"]);
  if (mappings.length === 0 || root === undefined) return { attributes: {} };
  const { architecture } = attributes;
  return {
    attributes: {
      root_device_name: root,
      block_device_mappings: mappings,
      ...(typeof architecture === "string" && architecture !== "x86_64" ? { architecture } : {}),
    },
  };
}

const yes = (attributes: KnownValue, name: string): Attributes =>
  attributes[name] === true || attributes[name] === "true" ? { [name]: true } : {};

/** The API shows iops of every kind of volume, and takes them of io1 only; volumes go with their VM where nobody said otherwise. */
function mappingOf(mapping: unknown): Value | undefined {
  if (!isKnown(mapping)) return undefined;
  const { device_name, virtual_device_name } = mapping;
  const { snapshot_id, volume_size, volume_type, iops, delete_on_vm_deletion } = block(mapping["bsu"]) ?? {};
  const bsu = {
    snapshot_id,
    volume_size: volume_size === 0 ? null : volume_size,
    volume_type: volume_type === "standard" ? null : volume_type,
    iops: volume_type === "io1" && iops !== 0 ? iops : null,
    delete_on_vm_deletion: delete_on_vm_deletion === false ? false : null,
  };
  return said({ device_name, virtual_device_name, bsu });
}

function modesOf(modes: unknown): Attributes {
  const found = list(modes).flatMap((one) => text(one) ?? []);
  return found.length === 0 || (found.length === 1 && found[0] === "legacy") ? {} : { boot_modes: found };
}

function tagsOf(tags: unknown): Attributes {
  const pairs = list(tags).flatMap((one): [string, string][] => {
    const key = isKnown(one) ? text(one["key"]) : undefined;
    const value = isKnown(one) ? one["value"] : undefined;
    return key === undefined ? [] : [[key, typeof value === "string" ? value : ""]];
  });
  return pairs.length === 0 ? {} : { tags: Object.fromEntries(pairs.sort()) };
}
