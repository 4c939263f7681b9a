import { Failure } from "images";
import * as t from "typanion";

// The objects of Keystone and Glance, as far as we read them. What else is in them is left alone.

const isMore = { extra: t.isUnknown() };
const isText = t.isOptional(t.isNullable(t.isString()));
const isNumber = t.isOptional(t.isNullable(t.isNumber()));
const isFlag = t.isOptional(t.isNullable(t.isBoolean()));

const isCatalog = t.isArray(
  t.isObject(
    {
      type: t.isString(),
      endpoints: t.isArray(
        t.isObject({ interface: t.isString(), url: t.isString(), region: isText, region_id: isText }, isMore),
      ),
    },
    isMore,
  ),
);
export type Catalog = t.InferType<typeof isCatalog>;

export const isToken = t.isObject(
  {
    token: t.isObject(
      {
        expires_at: t.isOptional(t.isString()),
        project: t.isOptional(t.isObject({ id: t.isString() }, isMore)),
        catalog: t.isOptional(isCatalog),
      },
      isMore,
    ),
  },
  isMore,
);

export const isProjects = t.isObject({ projects: t.isArray(t.isObject({ name: t.isString() }, isMore)) }, isMore);

/** The fields that every image has; everything else of it is a property. */
export const isImage = t.isObject(
  {
    id: t.isString(),
    name: isText,
    status: t.isString(),
    visibility: isText,
    protected: isFlag,
    os_hidden: isFlag,
    checksum: isText,
    os_hash_algo: isText,
    os_hash_value: isText,
    owner: isText,
    size: isNumber,
    virtual_size: isNumber,
    container_format: isText,
    disk_format: isText,
    min_disk: isNumber,
    min_ram: isNumber,
    created_at: isText,
    updated_at: isText,
    tags: t.isOptional(t.isNullable(t.isArray(t.isString()))),
    file: isText,
    schema: isText,
    stores: isText,
    /** Stores into which an import failed; a property of Glance's own. */
    os_glance_failed_import: isText,
    /** Ours: what of it is declared and costs a look of its own. */
    images_declares: isText,
    images_self: isText,
    /** A publisher's word for the version of the image. */
    internal_version: isText,
  },
  isMore,
);
export type GlanceAnswer = t.InferType<typeof isImage>;

export const isPage = t.isObject({ images: t.isArray(isImage), next: isText }, isMore);

const isMember = t.isObject({ member_id: t.isString(), status: t.isString() }, isMore);
export const isMembers = t.isObject({ members: t.isArray(isMember) }, isMore);
export type Member = t.InferType<typeof isMember>;

const isTask = t.isObject({ status: t.isString(), message: isText }, isMore);
export const isTasks = t.isObject({ tasks: t.isArray(isTask) }, isMore);
export type Task = t.InferType<typeof isTask>;

export const isStores = t.isObject(
  { stores: t.isArray(t.isObject({ id: t.isString(), default: t.isOptional(t.isUnknown()) }, isMore)) },
  isMore,
);

export const isMethods = t.isObject(
  { "import-methods": t.isObject({ value: t.isArray(t.isString()) }, isMore) },
  isMore,
);

const isLink = t.isObject({ rel: t.isString(), href: t.isString() }, isMore);
const isVolume = t.isObject(
  { id: t.isString(), volume_image_metadata: t.isOptional(t.isNullable(t.isRecord(t.isUnknown()))) },
  isMore,
);
export const isVolumes = t.isObject(
  { volumes: t.isArray(isVolume), volumes_links: t.isOptional(t.isArray(isLink)) },
  isMore,
);

export const isServers = t.isObject({ servers: t.isArray(t.isObject({ id: t.isString() }, isMore)) }, isMore);

/** An answer as the type that a predicate knows. @throws Failure backend.answer */
export function parsed<T>(answer: unknown, is: t.StrictValidator<unknown, T>, what: string, setting = "endpoint"): T {
  const errors: string[] = [];
  if (is(answer, { errors })) return answer;
  throw new Failure(
    "backend.answer",
    `${what} is not as the API describes it: ${errors[0]?.replace(/\(got .*$/s, "") ?? "it is something else"}`,
    { hint: `check \`${setting}\` (or the catalog)` },
  );
}
