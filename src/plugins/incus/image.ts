import {
  type Answered,
  digest,
  fieldsOfMark,
  type ImageId,
  imageId,
  MARK_FIELDS,
  type Mark,
  markOfFields,
  type Observed,
} from "images";
import { type Alias, aliasesOf, type Image } from "./schema.ts";
import type { ImageAnswer } from "./wire.ts";

// What an image of the server comes to. Our own notes on it are properties; where the server itself may put another image in its place,
// which loses them, they stand in the description of an alias as well, which it keeps.

const OWN = [...MARK_FIELDS.map((field) => `images.${field}`), "images.alias", "images.copied"];
/** Whether a property is one of our notes. */
export const isOwn = (key: string): boolean => OWN.some((own) => own === key);
/** Names of aliases that are notes. */
export const NOTE = "images:";

/** What we wrote on an image. */
export interface Notes {
  readonly mark: Mark | undefined;
  /** The alias of `alias`. */
  readonly alias: string | undefined;
  /** Aliases that were copied from a remote; undefined: none were asked for. */
  readonly copied: readonly string[] | undefined;
}

type Properties = Readonly<Record<string, string>>;

export function notesOf(image: ImageAnswer): Notes {
  const own = image.properties ?? {};
  const noted = own["images.owner"] === undefined ? noteIn(image) : undefined;
  return fromProperties(noted ?? own);
}

function fromProperties(from: Properties): Notes {
  const copied = from["images.copied"];
  return {
    mark: markOfFields((field) => from[`images.${field}`]),
    alias: from["images.alias"],
    copied: copied?.split(",").filter((name) => name !== ""),
  };
}

export const toProperties = ({ mark, alias, copied }: Notes): Properties => ({
  ...(mark === undefined
    ? {}
    : Object.fromEntries(fieldsOfMark(mark).map(([field, value]) => [`images.${field}`, value]))),
  ...(alias === undefined ? {} : { "images.alias": alias }),
  ...(copied === undefined ? {} : { "images.copied": copied.join(",") }),
});

/** The note that outlives a refresh by the server. */
export const noteFor = (notes: Notes): Alias | undefined =>
  notes.mark === undefined
    ? undefined
    : {
        name: `${NOTE}${notes.mark.file}:${notes.mark.owner}`,
        description: new URLSearchParams(toProperties(notes)).toString(),
      };

function noteIn({ aliases }: ImageAnswer): Properties | undefined {
  const note = aliases?.find(({ name }) => name.startsWith(NOTE));
  return note === undefined ? undefined : Object.fromEntries(new URLSearchParams(note.description ?? ""));
}

/** Aliases of an image that are no notes. */
export const plainAliases = ({ aliases }: ImageAnswer): readonly Alias[] =>
  aliasesOf((aliases ?? []).map(({ name, description = "" }) => ({ name, description }))).filter(
    ({ name }) => !name.startsWith(NOTE),
  );

/** The image was made for this very address, by this state. */
export const isSameOwner = (mark: Mark | undefined, wanted: Mark | undefined): boolean =>
  mark !== undefined &&
  mark.owner === wanted?.owner &&
  mark.file === wanted.file &&
  mark.self === wanted.self &&
  mark.lineage === wanted.lineage;

/** The server says "never" in two ways. */
const isNever = (date: string): boolean => /^(0001-01-01|1970-01-01)T00:00:00Z$/.test(date);
export const NEVER = "1970-01-01T00:00:00Z";

export const propertiesOf = ({ properties }: ImageAnswer): Properties =>
  Object.fromEntries(Object.entries(properties ?? {}).filter(([key]) => !isOwn(key)));

export interface Where {
  /** What ids of this place begin with. */
  readonly prefix: string;
  /** The name that names of this place begin with, for another place than the backend's own. */
  readonly scope: string;
  readonly remote: string | undefined;
  /** What a marker says of itself here: the server's certificate and the project. The same bytes there are the same image. */
  readonly self: string;
}

export function observed(image: ImageAnswer, where: Where): Observed<Image> {
  const { mark, alias, copied = [] } = notesOf(image);
  const all = plainAliases(image);
  const first = all.some(({ name }) => name === alias) ? alias : undefined;
  const rest = all.filter(({ name }) => name !== first && !copied.includes(name));
  const id = imageId(`${where.prefix}${image.fingerprint}`);
  const attributes: Answered<Image> = {
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
    filename: image.filename,
    size_bytes: image.size,
    created_at: Math.floor(Date.parse(image.created_at) / 1000),
    uploaded_at: image.uploaded_at,
  };
  return {
    id,
    name: first ?? all[0]?.name ?? image.fingerprint.slice(0, 12),
    ...(mark === undefined ? {} : { mark }),
    self: where.self,
    attributes,
    names: [...all.map(({ name }) => `${where.scope}${name}`), `${where.scope}${image.fingerprint}`],
    digests: { sha256: digest("sha256", image.fingerprint) },
    size: image.size,
  };
}

/** `[REMOTE:][PROJECT/]FINGERPRINT`, the parts of an id. */
export interface IdParts {
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
