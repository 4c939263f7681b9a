import {
  ALGORITHMS,
  type Desired,
  type Digests,
  digest,
  imageOf,
  isSameSet,
  type Marker,
  type Observed,
  type Part,
  type Reported,
} from "images";
import type { Operation } from "./glance.ts";
import { idAt } from "./ids.ts";
import { entriesOf, hidden, isOwned, MARKS, marked, markIn } from "./properties.ts";
import type { OsImage } from "./schema.ts";
import type { GlanceAnswer, Member } from "./wire.ts";

// What an answer of Glance comes to, and what it is asked for, as values.

/** Where an image was seen. */
interface Seen {
  /** As shown; undefined where the catalogue names none. */
  readonly region: string | undefined;
  /** False: the region is part of the image's id. */
  readonly isHome: boolean;
  /** Only what this project wrote on images of its own is reported as a marker; undefined: whatever an image bears. */
  readonly project?: string | undefined;
  /** The image belongs to another project. */
  readonly isOthers?: boolean;
  /** Undefined: they were not read. */
  readonly members?: readonly Member[] | undefined;
}

export function observed(answer: GlanceAnswer, seen: Seen): Observed<OsImage> {
  const properties = propertiesOf(answer);
  const isOurs = seen.project === undefined || answer.owner === seen.project;
  const marker = isOurs ? markIn(properties) : undefined;
  const shown: Reported<OsImage> = {
    ...present({
      name: answer.name,
      image_id: answer.id,
      disk_format: answer.disk_format,
      container_format: answer.container_format,
    }),
    min_disk_gb: answer.min_disk ?? 0,
    min_ram_mb: answer.min_ram ?? 0,
    protected: answer.protected ?? false,
    hidden: answer.os_hidden ?? false,
    ...present({ visibility: answer.visibility }),
    tags: [...(answer.tags ?? [])].sort(),
    properties: pick(properties, (key) => !isOwned(key)),
    ...present({ members: membersOf(seen.members) }),
    status: answer.status,
    ...present({ region: seen.region }),
    ...storesOf(answer),
    id: answer.id,
    ...present({ checksum: answer.checksum, os_hash_algo: answer.os_hash_algo, os_hash_value: answer.os_hash_value }),
    ...present({ size_bytes: answer.size, virtual_size_bytes: answer.virtual_size }),
    ...present({ file: answer.file, schema: answer.schema, owner: answer.owner }),
    metadata: pick(properties, (key) => !hidden.has(key)),
    ...present({ created_at: answer.created_at, updated_at: answer.updated_at }),
  };
  const digests = digestsOf(answer);
  return {
    id: idAt(answer.id, seen),
    ...present({ name: answer.name, size: answer.size }),
    ...(marker === undefined ? {} : { marker }),
    // The id is chosen here and unique in all regions; the region before it depends on who looks.
    self: answer.id,
    ...(seen.isOthers === true ? { isOthers: true } : {}),
    ...(answer.protected === true ? { protected: true } : {}),
    attributes: shown,
    ...(Object.keys(digests).length === 0 ? {} : { digests }),
    status: statusOf(answer, properties),
  };
}

type Present<T> = { readonly [K in keyof T]?: NonNullable<T[K]> };
function present<T extends Readonly<Record<string, unknown>>>(values: T): Present<T>;
function present(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
}

type Words = Readonly<Record<string, string>>;

const FIELDS = new Set([
  ...["id", "name", "status", "visibility", "protected", "os_hidden", "checksum", "os_hash_algo", "os_hash_value"],
  ...["owner", "size", "virtual_size", "container_format", "disk_format", "min_disk", "min_ram", "tags", "self"],
  ...["created_at", "updated_at", "file", "schema", "stores", "locations"],
]);

/** What of an image is none of the fields that every image has. */
export const propertiesOf = (answer: GlanceAnswer): Words =>
  Object.fromEntries(
    Object.entries(answer).filter(
      (entry): entry is [string, string] => !FIELDS.has(entry[0]) && typeof entry[1] === "string",
    ),
  );

const pick = (words: Words, wanted: (key: string) => boolean): Words =>
  Object.fromEntries(Object.entries(words).filter(([key]) => wanted(key)));

const membersOf = (members: readonly Member[] | undefined) =>
  members
    ?.map(({ member_id, status }) => ({ project: member_id, status }))
    .sort((a, b) => (a.project < b.project ? -1 : 1));

/** Whether an image bears a marker of this file that is its own, and not one that it was copied with. */
export function isGenuine(answer: GlanceAnswer, file: string): boolean {
  const marker = markIn(propertiesOf(answer));
  return marker !== undefined && marker.file === file && marker.self === answer.id;
}

/** The address that the marker of an image names. */
export const ownerOf = (answer: GlanceAnswer) => markIn(propertiesOf(answer))?.owner;

export function digestsOf(answer: GlanceAnswer): Digests {
  const { checksum, os_hash_algo, os_hash_value } = answer;
  const algorithm = ALGORITHMS.find((name) => name === os_hash_algo);
  return {
    ...(checksum == null || checksum === "" ? {} : { md5: digest("md5", checksum) }),
    ...(algorithm === undefined || !os_hash_value ? {} : { [algorithm]: digest(algorithm, os_hash_value) }),
  };
}

/** What its bytes are compared with. */
export function strongestOf(answer: GlanceAnswer): Partial<Pick<Part, "digest">> {
  const digests = digestsOf(answer);
  const digest = ALGORITHMS.flatMap((name) => digests[name] ?? []).at(-1);
  return digest === undefined ? {} : { digest };
}

function statusOf({ status }: GlanceAnswer, properties: Words): "ready" | "pending" | "failed" {
  if (status === "active" || status === "deactivated") return "ready";
  if (status === "killed" || status === "deleted" || status === "pending_delete") return "failed";
  return (properties["os_glance_failed_import"] ?? "") === "" ? "pending" : "failed";
}

type Context = { readonly address: Parameters<typeof imageOf>[0]; marker(self: string): Marker | undefined };

export const nameOf = (want: Desired<OsImage>, address: Context["address"]): string => want.name ?? imageOf(address);

/** The name of an image while the one that it replaces still has its name. */
export const provisional = (name: string): string => `${name.slice(0, 248)} (new)`;

/**
 * What a new image is begun with. `protected` comes last of all, because the remains of a failure could not be deleted;
 * `name` is another one while the image that it takes the place of still has it.
 */
export const fieldsOf = (
  want: Desired<OsImage>,
  id: string,
  name: string,
  format: string,
  visibility: string,
  { marker }: Context,
) => ({
  name,
  disk_format: format,
  container_format: want.container_format ?? "bare",
  visibility: want.visibility ?? visibility,
  ...(want.min_disk_gb === undefined ? {} : { min_disk: want.min_disk_gb }),
  ...(want.min_ram_mb === undefined ? {} : { min_ram: want.min_ram_mb }),
  ...(want.hidden === true ? { os_hidden: true } : {}),
  ...(want.tags === undefined || want.tags.length === 0 ? {} : { tags: [...new Set(want.tags)] }),
  ...want.properties,
  ...marked(marker(id)),
  ...declaring(declared(want)),
});

/** What of an image is declared and costs a look of its own, as it was written on it. */
export const declares = (answer: GlanceAnswer): ReadonlySet<string> =>
  new Set(entriesOf(answer.images_declares).map(nameIn));

const nameIn = (entry: string): string => entry.split(":")[0] ?? "";

/** Glance does not tell where a deactivated image is: what was written on it means it then. */
function storesOf(answer: GlanceAnswer): { readonly stores?: readonly string[] } {
  const entry = entriesOf(answer.images_declares).find((one) => nameIn(one) === "stores");
  if (entry === undefined) return {};
  return { stores: answer.stores ? answer.stores.split(",").sort() : entry.slice("stores:".length).split("+") };
}

const declared = ({ members = [], stores = [] }: Desired<OsImage>): readonly string[] => [
  ...(members.length > 0 ? ["members"] : []),
  ...(stores.length > 0 ? [`stores:${[...stores].sort().join("+")}`] : []),
];

const declaring = (names: readonly string[]): Words =>
  names.length === 0 ? {} : { [MARKS.declares]: [...names].sort().join(",") };

/** Property names in a JSON pointer. */
export const pointer = (key: string): string => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** The changes that bring an image to what is wanted; none: it is so already. */
export function operations(
  have: Pick<Observed<OsImage>, "attributes" | "marker">,
  want: Desired<OsImage>,
  cleared: readonly string[],
  visibility: string,
  context: Context,
): readonly Operation[] {
  const now = have.attributes;
  const found: Operation[] = [];
  const field = <T>(path: string, key: string, is: T | undefined, to: T | undefined, unset: T) => {
    const next = to ?? (cleared.includes(key) ? unset : is);
    if (next !== undefined && next !== is) found.push({ op: "replace", path, value: next });
  };
  const own = imageOf(context.address);
  // An interrupted replace may have left the name that its image had until it was good.
  field("/name", "name", now.name, want.name ?? (now.name === provisional(own) ? own : undefined), own);
  field("/min_disk", "min_disk_gb", now.min_disk_gb, want.min_disk_gb, 0);
  field("/min_ram", "min_ram_mb", now.min_ram_mb, want.min_ram_mb, 0);
  field("/protected", "protected", now.protected, want.protected, false);
  field("/os_hidden", "hidden", now.hidden, want.hidden, false);
  field("/visibility", "visibility", now.visibility, want.visibility, visibility);
  const tags = want.tags ?? (cleared.includes("tags") ? [] : undefined);
  if (tags !== undefined && !isSameSet(tags, now.tags ?? []))
    found.push({ op: "replace", path: "/tags", value: [...new Set(tags)] });
  const properties = now.properties ?? {};
  const wanted = { ...want.properties };
  for (const [key, value] of Object.entries(wanted))
    if (properties[key] !== value) found.push({ op: "add", path: pointer(key), value });
  for (const key of Object.keys(properties))
    if (cleared.includes(`properties.${key}`) && !Object.hasOwn(wanted, key))
      found.push({ op: "remove", path: pointer(key) });
  const marker = context.marker(now.id ?? "");
  const [before, after] = [marked(have.marker), marked(marker)];
  for (const [key, value] of Object.entries(after))
    if (before[key] !== value) found.push({ op: "add", path: pointer(key), value });
  for (const key of marker === undefined ? [] : Object.keys(before))
    if (after[key] === undefined) found.push({ op: "remove", path: pointer(key) });
  const known = now.metadata?.[MARKS.declares] ?? "";
  const said = declared(want);
  const isSaid = (entry: string) => said.some((one) => nameIn(one) === nameIn(entry));
  const kept = entriesOf(known).filter((one) => !cleared.includes(nameIn(one)) && !isSaid(one));
  const declaration = [...kept, ...said].sort();
  for (const [key, value] of Object.entries(declaring(declaration)))
    if (value !== known) found.push({ op: "add", path: pointer(key), value });
  if (known !== "" && declaration.length === 0) found.push({ op: "remove", path: pointer(MARKS.declares) });
  return found;
}
