import type { StoreEntry } from "./record.ts";

/** What the store says of itself to web clients, as texts: a pure function of its records. */
interface Indexes {
  readonly sums: string;
  readonly index: string;
  readonly products: string;
}

/** Names of files as web clients see them: the image's name and an ending that says what it is. */
export function fileName({ name, format, compression }: Pick<StoreEntry, "name" | "format" | "compression">): string {
  const kind = { other: "img", raw: "img", squashfs: "squashfs" }[format] ?? format;
  return compression === "none" ? `${name}.${kind}` : `${name}.${kind}.${compression}`;
}

/** A name of the store as the public see it: the image that has it, and earlier versions, the newest first. */
export interface ProductVersions {
  readonly current: StoreEntry;
  readonly older: readonly StoreEntry[];
}

export const isPublic = ({ attributes }: StoreEntry): boolean => attributes.visibility !== "private";

/** The public images by their names; of two with one name the newer counts. */
export function productVersions(entries: readonly StoreEntry[]): readonly ProductVersions[] {
  const shelves = new Map<string, ProductVersions>();
  for (const entry of [...entries].sort((a, b) => (a.created < b.created ? -1 : 1))) {
    if (!isPublic(entry)) continue;
    const before = shelves.get(entry.name);
    shelves.set(entry.name, { current: entry, older: before === undefined ? [] : [before.current, ...before.older] });
  }
  return [...shelves.values()].sort((a, b) => (a.current.name < b.current.name ? -1 : 1));
}

/** `SHA256SUMS` and the two files of simplestreams, of which `at` is where the index finds the products. */
export function indexes(shelves: readonly ProductVersions[], now: Date, at = "streams/v1/images.json"): Indexes {
  const list = shelves.map(({ current }) => current);
  const products = Object.fromEntries(list.flatMap(product));
  const updated = now.toUTCString().replace("GMT", "+0000");
  return {
    sums: list.map((entry) => `${entry.disk.sha256}  files/${fileName(entry)}\n`).join(""),
    index: json({
      format: "index:1.0",
      index: {
        images: {
          datatype: "image-downloads",
          path: at,
          format: "products:1.0",
          updated,
          products: Object.keys(products).sort(),
        },
      },
    }),
    products: json({ content_id: "images", datatype: "image-downloads", format: "products:1.0", updated, products }),
  };
}

/** An image that an Incus server can use: one file with everything in it, or metadata with a disk or root file system. */
function product(entry: StoreEntry): [string, unknown][] {
  const items = itemsOf(entry);
  if (items === undefined) return [];
  const { name, attributes, created } = entry;
  const os = attributes.os || name;
  const release = attributes.release || "current";
  const arch = attributes.architecture || "amd64";
  const variant = attributes.variant || "default";
  const version = created.replace(/[-:]/g, "").replace("T", "_").slice(0, 13);
  const aliases = [...new Set([name, ...(attributes.aliases ?? [])])].join(",");
  const title = { os, release, release_title: release, arch, variant, aliases, requirements: {} };
  return [[`${name}:${release}:${arch}:${variant}`.toLowerCase(), { ...title, versions: { [version]: { items } } }]];
}

/** Whether an Incus server can use it. */
export const isProduct = (entry: StoreEntry): boolean => itemsOf(entry) !== undefined;

function itemsOf({ disk, metadata, fingerprint, format }: StoreEntry): Record<string, unknown> | undefined {
  const item = (ftype: string, blob: { sha256: string; size: number }, more = {}) => ({
    ftype,
    path: `blobs/${blob.sha256}`,
    sha256: blob.sha256,
    size: blob.size,
    ...more,
  });
  if (metadata === undefined)
    return format === "tar" ? { "incus_combined.tar.gz": item("incus_combined.tar.gz", disk) } : undefined;
  if (format === "qcow2") {
    return {
      "incus.tar.xz": item("incus.tar.xz", metadata, { "combined_disk-kvm-img_sha256": fingerprint }),
      "disk.qcow2": item("disk-kvm.img", disk),
    };
  }
  if (format === "squashfs") {
    return {
      "incus.tar.xz": item("incus.tar.xz", metadata, { combined_squashfs_sha256: fingerprint }),
      "root.squashfs": item("squashfs", disk),
    };
  }
  return undefined;
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 1)}\n`;
