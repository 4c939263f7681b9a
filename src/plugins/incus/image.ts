import {
  digest,
  type ImageId,
  imageId,
  MARKER_FIELDS,
  type Marker,
  markerFields,
  markerFromFields,
  type Observed,
  type Reported,
} from "images";
import { type Alias, aliasesOf, type IncusImage } from "./schema.ts";
import type { IncusImageAnswer } from "./wire.ts";

// What an image of the server comes to. Our own notes on it are properties; where the server itself may put another image in its place,
// which loses them, they are in the description of an alias as well, which it keeps.

const OWN = [...MARKER_FIELDS.map((field) => `images.${field}`), "images.alias", "images.copied"];
/** Whether a property is one of our notes. */
export const isOwn = (key: string): boolean => OWN.some((own) => own === key);
/** Names of aliases that are notes. */
export const NOTE = "images:";

/** What we wrote on an image. */
export interface Notes {
  readonly mark: Marker | undefined;
  /** The alias of `alias`. */
  readonly alias: string | undefined;
  /** Aliases that were copied from a remote; undefined: none were asked for. */
  readonly copied: readonly string[] | undefined;
}

type Properties = Readonly<Record<string, string>>;

export function notesOf(image: IncusImageAnswer): Notes {
  const own = image.properties ?? {};
  const noted = own["images.owner"] === undefined ? noteIn(image) : undefined;
  return fromProperties(noted ?? own);
}

function fromProperties(from: Properties): Notes {
  const copied = from["images.copied"];
  return {
    mark: markerFromFields((field) => from[`images.${field}`]),
    alias: from["images.alias"],
    copied: copied?.split(",").filter((name) => name !== ""),
  };
}

export const toProperties = ({ mark: marker, alias, copied }: Notes): Properties => ({
  ...(marker === undefined
    ? {}
    : Object.fromEntries(markerFields(marker).map(([field, value]) => [`images.${field}`, value]))),
  ...(alias === undefined ? {} : { "images.alias": alias }),
  ...(copied === undefined ? {} : { "images.copied": copied.join(",") }),
});

/** The note that outlives a refresh by the server. `made`: the fingerprint that the image has now, by which the state knows it then. */
export const noteFor = (notes: Notes, made: string): Alias | undefined =>
  notes.mark === undefined
    ? undefined
    : {
        name: noteName(notes.mark.file, notes.mark.owner),
        description: new URLSearchParams({ ...toProperties(notes), [MADE]: made }).toString(),
      };
export const noteName = (file: string, owner: string): string => `${NOTE}${file}:${owner}`;
const MADE = "images.made";
/** What the id of an image begins with that the server keeps up to date: it outlives the fingerprint. */
export const LASTING = "auto@";

/** What the id of something begins with that is not an image yet. */
export const PENDING = "new@";
/** By the name of the operation that makes it, where there is one: `/1.0/operations/NAME?project=p`. */
export const pending = (operation: string): string =>
  `${PENDING}${/([0-9a-f-]{36})(\?.*)?$/.exec(operation)?.[1] ?? operation}`;

/** The part of the id of an image that is not its place. */
export function lastingName(image: IncusImageAnswer): string {
  const made = noteIn(image)?.[MADE];
  return made === undefined ? image.fingerprint : `${LASTING}${made}`;
}

function noteIn({ aliases }: IncusImageAnswer): Properties | undefined {
  const note = aliases?.find(({ name }) => name.startsWith(NOTE));
  return note === undefined ? undefined : Object.fromEntries(new URLSearchParams(note.description ?? ""));
}

/** Aliases of an image that are no notes. */
export const plainAliases = ({ aliases }: IncusImageAnswer): readonly Alias[] =>
  aliasesOf((aliases ?? []).map(({ name, description = "" }) => ({ name, description }))).filter(
    ({ name }) => !name.startsWith(NOTE),
  );

/** What a marker says of the image that bears it: the server, the project, and the fingerprint with which it was last written. */
export const selfOf = ({ self }: Pick<ImageScope, "self">, fingerprint: string): string => `${self}/${fingerprint}`;
const selfIn = (where: Pick<ImageScope, "self">, image: IncusImageAnswer): string =>
  selfOf(where, noteIn(image)?.[MADE] ?? image.fingerprint);

/** The marker of an image where it is no copy: its own one, or that of a creation which did not come to its end. */
export function ownMark(image: IncusImageAnswer, where: Pick<ImageScope, "self">): Marker | undefined {
  const { mark: marker } = notesOf(image);
  const isOwn = marker?.self === selfIn(where, image) || marker?.self?.startsWith("~") === true;
  return isOwn ? marker : undefined;
}

/** The marker is that of this very address and state. */
export const isSameOwner = (marker: Marker | undefined, wanted: Marker | undefined): boolean =>
  isSameFile(marker, wanted) && marker?.owner === wanted?.owner;

/** The marker is that of this state, for this address or for another one of the file. */
export const isSameFile = (marker: Marker | undefined, wanted: Marker | undefined): boolean =>
  marker !== undefined && marker.file === wanted?.file && marker.lineage === wanted.lineage;

/** The server says "never" in two ways. */
const isNever = (date: string): boolean => /^(0001-01-01|1970-01-01)T00:00:00Z$/.test(date);
export const NEVER = "1970-01-01T00:00:00Z";

export const propertiesOf = ({ properties }: IncusImageAnswer): Properties =>
  Object.fromEntries(Object.entries(properties ?? {}).filter(([key]) => !isOwn(key)));

export interface ImageScope {
  /** What ids of this place begin with. */
  readonly prefix: string;
  /** What names of this place begin with, in each way in which the file writes the place. */
  readonly scopes: ReadonlySet<string>;
  /** The remote that the place is on; undefined: a server that no remote names. */
  readonly remote: string | undefined;
  /** What `project` and `remote` come to where an image does not say them. */
  readonly usual: Readonly<Record<string, string>>;
  /** What a marker says of itself here: the server's certificate and the project. The same bytes there are the same image. */
  readonly self: string;
}

/** What only a look at others tells of an image. */
export interface ImageExtras {
  /** How the file writes the place, where the image is in the place that it says. */
  readonly written?: Readonly<Record<string, string>>;
  /** Copied aliases that it has lost, and that no other image has. */
  readonly missing?: readonly string[];
}

export function observed(
  image: IncusImageAnswer,
  where: ImageScope,
  { written = {}, missing = [] }: ImageExtras = {},
): Observed<IncusImage> {
  const { mark: marker, alias, copied = [] } = notesOf(image);
  const all = plainAliases(image);
  const first = all.some(({ name }) => name === alias) ? alias : undefined;
  const rest = all.filter(({ name }) => name !== first && !copied.includes(name));
  const id = imageId(`${where.prefix}${lastingName(image)}`);
  const attributes: Reported<IncusImage> = {
    fingerprint: image.fingerprint,
    ...(first === undefined ? {} : { alias: first }),
    aliases: rest.map(({ name, description }) => (description === "" ? name : { name, description })),
    copied_aliases: copied.filter((name) => all.some((one) => one.name === name)),
    properties: propertiesOf(image),
    public: image.public,
    auto_update: image.auto_update,
    profiles: image.profiles ?? [],
    ...(isNever(image.expires_at) ? {} : { expires_at: image.expires_at }),
    vm: image.type === "virtual-machine",
    type: image.type,
    architecture: image.architecture,
    project: image.project ?? "default",
    ...(where.remote === undefined ? {} : { remote: where.remote }),
    ...written,
    filename: image.filename,
    size_bytes: image.size,
    created_at: Math.floor(Date.parse(image.created_at) / 1000),
    uploaded_at: image.uploaded_at,
  };
  // What the server keeps for itself to make instances faster is nobody's, as long as it has no name: it is taken over by a copy.
  const names = isSpare(image) ? [] : [...all.map(({ name }) => name), image.fingerprint];
  // The content of one that the server keeps up to date is the server's.
  const isTheirs = image.auto_update && lastingName(image) !== image.fingerprint;
  return {
    id,
    name: first ?? all[0]?.name ?? image.fingerprint.slice(0, 12),
    ...(marker === undefined ? {} : { marker }),
    self: selfIn(where, image),
    attributes,
    usual: where.usual,
    ...(missing.length === 0 ? {} : { missing: { copied_aliases: missing } }),
    names: [...where.scopes].flatMap((scope) => names.map((name) => `${scope}${name}`)),
    ...(isTheirs ? {} : { digests: { sha256: digest("sha256", image.fingerprint) } }),
    size: image.size,
  };
}

/** An image that the server got for an instance, and that nobody has named since. */
export const isSpare = (image: IncusImageAnswer): boolean =>
  image.cached === true && (image.aliases ?? []).length === 0 && notesOf(image).mark === undefined;

/** `[REMOTE:][PROJECT/]FINGERPRINT`, the parts of an id. */
interface IdParts {
  readonly remote: string | undefined;
  readonly project: string | undefined;
  readonly name: string;
}
export function partsOf(id: ImageId): IdParts {
  const [, remote, project, name = ""] = /^(?:([^:/]+):)?(?:([^:/]+)\/)?(.*)$/.exec(id) ?? [];
  return { remote, project, name };
}

export const isFingerprint = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);
export const isPrefix = (text: string): boolean => /^[0-9a-f]{6,64}$/i.test(text);
