import { type Desired, digest, type Observed, type Part, type Reported, type Source } from "images";
import { metadataTar } from "./metadata.ts";
import type { StoreEntry } from "./record.ts";
import type { LocalImage } from "./schema.ts";
import { fileName, isPublic } from "./streams.ts";

// What a record comes to, and comes from, as values.

export const namesOf = ({ name, attributes }: StoreEntry): readonly string[] => [name, ...(attributes.aliases ?? [])];

export const without = (attributes: StoreEntry["attributes"], cleared: readonly string[]): StoreEntry["attributes"] => {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !cleared.includes(name)));
};

/** Of the properties only the declared keys are touched. */
export function properties(
  entry: StoreEntry,
  want: Desired<LocalImage>,
  cleared: readonly string[],
): Partial<Pick<StoreEntry["attributes"], "properties">> {
  const kept = Object.entries(entry.attributes.properties ?? {}).filter(
    ([key]) => !cleared.includes(`properties.${key}`),
  );
  const all = { ...Object.fromEntries(kept), ...want.properties };
  return Object.keys(all).length === 0 && entry.attributes.properties === undefined ? {} : { properties: all };
}

export const partsOf = ({ disk, metadata }: StoreEntry): readonly StoreEntry["disk"][] =>
  metadata === undefined ? [disk] : [disk, metadata];

/** What only this record of this store can say of itself. */
export const selfOf = (id: StoreEntry["id"], store: string | undefined): string =>
  store === undefined ? id : `${store}/${id}`;

export function observed(entry: StoreEntry, store: string | undefined): Observed<LocalImage> {
  const { id, name, mark: marker, attributes, disk, format, created } = entry;
  const shown: Reported<LocalImage> = {
    ...attributes,
    name,
    checksum: disk.sha256,
    size_bytes: disk.size,
    disk_format: format,
    path: isPublic(entry) ? `files/${fileName(entry)}` : `blobs/${disk.sha256}`,
    created_at: created,
  };
  const digests = { sha256: digest("sha256", disk.sha256) };
  return {
    id,
    name,
    ...(marker === undefined ? {} : { marker }),
    self: selfOf(id, store),
    attributes: shown,
    names: namesOf(entry),
    digests,
    size: disk.size,
  };
}

/** Metadata of our own for a disk that came without, so that an Incus server can use it. */
export function made(
  want: Desired<LocalImage>,
  name: string,
  { format }: Source,
  created: Date,
): Pick<Source, "open"> | undefined {
  if (format !== "qcow2" && format !== "squashfs") return undefined;
  const { os = name, release = "current", architecture = "amd64", variant = "default" } = want;
  const bytes = metadataTar({ name, os, release, architecture, variant, created });
  return {
    async *open() {
      yield bytes;
    },
  };
}

export const formatOf = (text: string): Part["format"] =>
  (["raw", "qcow2", "vmdk", "vhdx", "vhd", "vdi", "iso", "tar", "squashfs"] as const).find((one) => one === text) ??
  "other";
