import { Failure } from "images";
import * as t from "typanion";

// The objects of the API, as far as we read them. What else is in them is left alone.

const isMore = { extra: t.isUnknown() };
const isText = t.isNullable(t.isString());

export const isImage = t.isObject(
  {
    id: t.isString(),
    label: t.isString(),
    description: t.isOptional(isText),
    created: t.isString(),
    created_by: t.isOptional(isText),
    updated: t.isOptional(isText),
    deprecated: t.isBoolean(),
    is_public: t.isBoolean(),
    is_shared: t.isOptional(t.isNullable(t.isBoolean())),
    /** In MB, as is total_size: recorded, whatever the description says of bytes. */
    size: t.isOptional(t.isNullable(t.isNumber())),
    total_size: t.isOptional(t.isNullable(t.isNumber())),
    type: t.isString(),
    tags: t.isOptional(t.isNullable(t.isArray(t.isString()))),
    vendor: t.isOptional(isText),
    expiry: t.isOptional(isText),
    eol: t.isOptional(isText),
    status: t.isString(),
    capabilities: t.isOptional(t.isNullable(t.isArray(t.isString()))),
    regions: t.isOptional(t.isNullable(t.isArray(t.isObject({ region: t.isString(), status: t.isString() }, isMore)))),
  },
  isMore,
);
export type LinodeImageAnswer = t.InferType<typeof isImage>;

export const isUpload = t.isObject({ upload_to: t.isString(), image: isImage }, isMore);

export const isDisk = t.isObject({ id: t.isNumber(), label: t.isString(), status: t.isString() }, isMore);
export type LinodeDisk = t.InferType<typeof isDisk>;

const isEntity = t.isNullable(t.isObject({ id: t.isUnknown() }, isMore));
export const isEvent = t.isObject(
  {
    action: t.isString(),
    status: t.isString(),
    message: t.isOptional(isText),
    /** The image of an upload by its number; of `disk_imagize` it is the Linode, and the image is the secondary one. */
    entity: t.isOptional(isEntity),
    secondary_entity: t.isOptional(isEntity),
  },
  isMore,
);
export type LinodeEvent = t.InferType<typeof isEvent>;

export const isRegion = t.isObject({ id: t.isString() }, isMore);

export const isShareGroup = t.isObject({ id: t.isNumber(), label: t.isString() }, isMore);
export type ShareGroup = t.InferType<typeof isShareGroup>;

/** One page of a collection; an empty one may say that it has no page at all. */
export const isPage = <T>(isItem: t.StrictValidator<unknown, T>) =>
  t.isObject({ data: t.isArray(isItem), pages: t.isNumber() }, isMore);

/** An answer of the API as the type that a predicate knows. @throws Failure backend.answer */
export function parsed<T>(answer: unknown, is: t.StrictValidator<unknown, T>, what: string): T {
  const errors: string[] = [];
  if (is(answer, { errors })) return answer;
  throw new Failure(
    "backend.answer",
    `${what} is not as the API describes it: ${errors[0]?.replace(/\(got .*$/s, "")}`,
    {
      hint: "check that `url` is the Linode API",
    },
  );
}
