import { isAbsolute, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImageId } from "../../core/model/name.ts";
import type { Attributes, Value } from "../../core/model/value.ts";
import { type DefinedVersion, type Definition, wordOf } from "./definition.ts";

// What a definition of openstack-image-manager comes to in images.toml, beside the images that it has made of it.

/** An image that the backend has. */
export interface LiveVersion {
  readonly id: ImageId;
  readonly name: string;
  readonly created: string;
  readonly attributes: Attributes;
}

export interface DraftedImage {
  /** What its block is called, where nothing else is. */
  readonly name: string;
  readonly from: string;
  readonly values: Attributes;
  /** The image that already exists. */
  readonly live: LiveVersion | undefined;
  /** Its older versions that already exist. */
  readonly older: readonly LiveVersion[];
  readonly notes: readonly string[];
}

interface Place {
  /** The directory of images.toml. */
  readonly directory: string;
  /** The tag that openstack-image-manager gives to what it manages. */
  readonly tag: string;
  readonly live: readonly LiveVersion[];
}

/** The images of a definition: one with its versions where it is `multi`, else one for each version. Pure. */
export function draftImages(image: Definition, place: Place): readonly DraftedImage[] {
  const { separator = " ", name } = image;
  const versions = [...image.versions].sort((a, b) => natural(wordOf(a.version), wordOf(b.version)));
  const slug = image.shortname ?? name.toLowerCase();
  const newest = versions.at(-1);
  if (newest === undefined) return [];
  if (image.multi !== true)
    return versions.map((version) => {
      const word = wordOf(version.version);
      const called = `${name}${separator}${word}`;
      const [live, ...more] = place.live.filter((one) => one.name === called);
      const notes =
        more.length === 0 ? [] : [`${more.length + 1} images have the name ${called}: none of them is adopted`];
      return one(`${slug}-${word}`, image, version, {
        ...place,
        called,
        live: more.length === 0 ? live : undefined,
        older: [],
        notes,
      });
    });
  const found = place.live.filter((one) => one.name === name);
  const chosen = found.length === 1 ? found[0] : undefined;
  const has = chosen === undefined ? undefined : property(chosen, "internal_version");
  const isLatest = wordOf(newest.version) === "latest";
  const made = isLatest ? newest : versions.find(({ version }) => wordOf(version) === (has ?? wordOf(newest.version)));
  const older = place.live.filter((one) => isOlder(one.name, name, separator));
  const notes = [
    ...(found.length > 1 ? [`${found.length} images have the name ${name}: none of them is adopted`] : []),
    ...(made === undefined ? [`its image has version ${has}, which is not defined: not adopted`] : []),
    ...(made !== undefined && made !== newest
      ? [`its image has version ${has}; ${wordOf(newest.version)} is newer and skipped`]
      : []),
  ];
  const live = made === undefined ? undefined : chosen;
  return [
    one(slug, image, made ?? newest, { ...place, called: name, live, older: live === undefined ? [] : older, notes }),
  ];
}

const isOlder = (text: string, name: string, separator: string): boolean =>
  text.startsWith(`${name}${separator}(`) && text.endsWith(")");

interface Chosen extends Place {
  readonly called: string;
  readonly older: readonly LiveVersion[];
  readonly notes: readonly string[];
}

function one(
  name: string,
  image: Definition,
  version: DefinedVersion,
  { called, older, notes, directory, tag, live }: Omit<Chosen, "live"> & { readonly live: LiveVersion | undefined },
): DraftedImage {
  const { format, status, min_disk: disk, min_ram: ram, multi = false, separator = " " } = image;
  const isLatest = wordOf(version.version) === "latest";
  const distro = image.meta["os_distro"];
  const hidden = live === undefined ? version.hidden === true : live.attributes["hidden"] === true;
  const last = Math.max(older.length, keeps(image.meta["uuid_validity"]));
  // A disk that is larger than what the definition says has raised it.
  const grown = live?.attributes["min_disk_gb"];
  const values: Attributes = {
    name: called,
    source: sourceOf(version, directory),
    disk_format: format,
    ...(disk === undefined ? {} : { min_disk_gb: Math.max(Number(disk), typeof grown === "number" ? grown : 0) }),
    ...(ram === undefined ? {} : { min_ram_mb: Number(ram) }),
    visibility: version.visibility ?? image.visibility,
    ...(status === "deactivated" ? { status } : {}),
    ...(hidden ? { hidden } : {}),
    tags: [...(image.tags ?? []), tag, ...(distro == null ? [] : [`os:${wordOf(distro)}`])],
    properties: propertiesOf(image, version),
    ...(isLatest ? { upstream_date: true } : {}),
    ...(multi && last > 0 ? { retain: { last, name: `{name}${separator}({version})` } } : {}),
  };
  return { name, from: called, values, live, older, notes };
}

/** How many older versions stay, by the promise about ids that the definition makes. */
function keeps(validity: Definition["meta"][string] | undefined): number {
  const word = validity === undefined || validity === null ? "none" : wordOf(validity);
  const last = /^last-(\d+)$/.exec(word)?.[1];
  if (last !== undefined) return Math.max(Number(last) - 1, 0);
  return word === "none" ? 0 : FOREVER;
}

/** Versions that are kept where all of them are. */
const FOREVER = 1000;

function propertiesOf(
  { name, login, meta, multi = false }: Definition,
  version: DefinedVersion,
): Readonly<Record<string, string>> {
  const word = wordOf(version.version);
  const { os_version: own, build_date: built } = version;
  const system = multi ? own : word;
  const all = {
    image_description: name,
    image_name: name,
    ...words(meta),
    ...(word === "latest" ? {} : { internal_version: word }),
    image_original_user: login,
    ...(system === undefined ? {} : { os_version: wordOf(system) }),
    ...words(version.meta ?? {}),
    image_source: version.url.startsWith("file:") ? `file:${version.url.replace(/^.*\//, "")}` : version.url,
    ...(built === undefined ? {} : { image_build_date: wordOf(built) }),
  };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const words = (meta: Definition["meta"]): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(meta).map(([key, value]) => [key, wordOf(value)]));

function sourceOf(version: DefinedVersion, directory: string): Readonly<Record<string, Value>> {
  const { url, mirror_url: mirror, checksum, checksums_url: sums, checksum_url: sum } = version;
  const file = (text: string): string => {
    const way = relative(directory, fileURLToPath(text.replace(/^file:(?!\/\/)/, "file://")));
    return isAbsolute(way) || way.startsWith("..") ? way : `./${way}`;
  };
  const list = sums ?? sum;
  const algorithm = /sha-?512/i.test(list ?? "") ? "sha512" : /md5/i.test(list ?? "") ? "md5" : "sha256";
  const proof = wordOf(version.version) === "latest" && list !== undefined ? `${algorithm}:${list}` : checksum;
  const place = url.startsWith("file:")
    ? { file: file(url) }
    : mirror === undefined
      ? { url }
      : { urls: [mirror, url] };
  return { ...place, ...(proof === undefined ? {} : { checksum: proof }) };
}

const property = ({ attributes }: LiveVersion, key: string): string | undefined => {
  const all = attributes["properties"];
  const value =
    typeof all === "object" && !Array.isArray(all) && all !== null && key in all
      ? Object.entries(all).find(([name]) => name === key)?.[1]
      : undefined;
  return typeof value === "string" ? value : undefined;
};

/** Versions in the order in which people count: 0.6.10 after 0.6.9. */
const natural = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });
