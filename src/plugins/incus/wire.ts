import { Failure } from "images";
import * as t from "typanion";

// The objects of the API, as far as we read them. What else is in them is left alone.

const more = { extra: t.isUnknown() };
const isTexts = t.isRecord(t.isString());

/** Every answer: what it is, and what it says. Of a failed operation /wait answers 200 with `type` error. */
export const isEnvelope = t.isObject(
  {
    type: t.isOneOf([t.isLiteral("sync"), t.isLiteral("async"), t.isLiteral("error")]),
    operation: t.isOptional(t.isNullable(t.isString())),
    error_code: t.isOptional(t.isNullable(t.isNumber())),
    error: t.isOptional(t.isNullable(t.isString())),
    metadata: t.isOptional(t.isUnknown()),
  },
  more,
);
export type Envelope = t.InferType<typeof isEnvelope>;

const isAlias = t.isObject({ name: t.isString(), description: t.isOptional(t.isString()) }, more);
export const isAliasEntry = t.isObject(
  {
    name: t.isString(),
    description: t.isOptional(t.isString()),
    target: t.isString(),
    type: t.isOptional(t.isString()),
  },
  more,
);
export type AliasEntry = t.InferType<typeof isAliasEntry>;

export const isImage = t.isObject(
  {
    fingerprint: t.isString(),
    properties: t.isNullable(isTexts),
    public: t.isBoolean(),
    auto_update: t.isBoolean(),
    cached: t.isOptional(t.isBoolean()),
    profiles: t.isOptional(t.isNullable(t.isArray(t.isString()))),
    aliases: t.isNullable(t.isArray(isAlias)),
    architecture: t.isString(),
    expires_at: t.isString(),
    created_at: t.isString(),
    uploaded_at: t.isString(),
    filename: t.isString(),
    size: t.isNumber(),
    type: t.isString(),
    project: t.isOptional(t.isString()),
    update_source: t.isOptional(t.isNullable(t.isObject({ alias: t.isString(), server: t.isString() }, more))),
  },
  more,
);
export type IncusImageAnswer = t.InferType<typeof isImage>;

export const isOperation = t.isObject(
  {
    id: t.isString(),
    status_code: t.isNumber(),
    status: t.isOptional(t.isString()),
    description: t.isOptional(t.isString()),
    may_cancel: t.isOptional(t.isBoolean()),
    err: t.isOptional(t.isNullable(t.isString())),
    metadata: t.isOptional(t.isUnknown()),
  },
  more,
);
export type IncusOperation = t.InferType<typeof isOperation>;

/** What an operation tells of itself: which of these there are depends on what it does. */
export const isResult = t.isObject(
  {
    fingerprint: t.isOptional(t.isString()),
    secret: t.isOptional(t.isString()),
    download_progress: t.isOptional(t.isString()),
    create_image_from_container_pack_progress: t.isOptional(t.isString()),
  },
  more,
);

export const isNested = t.isObject({ metadata: t.isOptional(t.isUnknown()) }, more);

export const isServer = t.isObject(
  {
    auth: t.isString(),
    auth_methods: t.isOptional(t.isNullable(t.isArray(t.isString()))),
    api_extensions: t.isOptional(t.isNullable(t.isArray(t.isString()))),
    environment: t.isOptional(
      t.isObject(
        {
          server_version: t.isOptional(t.isString()),
          addresses: t.isOptional(t.isNullable(t.isArray(t.isString()))),
          architectures: t.isOptional(t.isNullable(t.isArray(t.isString()))),
          certificate: t.isOptional(t.isString()),
          certificate_fingerprint: t.isOptional(t.isString()),
        },
        more,
      ),
    ),
  },
  more,
);
export type ServerAnswer = t.InferType<typeof isServer>;

export const isProject = t.isObject({ config: t.isOptional(t.isRecord(t.isString())) }, more);

/** An instance, or a snapshot of one, which has no status. */
export const isInstance = t.isObject(
  {
    created_at: t.isString(),
    status: t.isOptional(t.isString()),
    ephemeral: t.isOptional(t.isBoolean()),
    config: t.isOptional(t.isNullable(isTexts)),
    location: t.isOptional(t.isString()),
  },
  more,
);
export type InstanceAnswer = t.InferType<typeof isInstance>;

export const isToken = t.isObject(
  { fingerprint: t.isString(), addresses: t.isArray(t.isString()), secret: t.isString() },
  more,
);

/** What an answer must be. @throws Failure backend.answer */
export function parsed<T>(value: unknown, is: t.StrictValidator<unknown, T>, what: string): T {
  const errors: string[] = [];
  if (is(value, { errors })) return value;
  throw new Failure("backend.answer", `the response is not ${what}: ${errors.slice(0, 3).join("; ")}`, {
    hint: "check that the address is that of an Incus server",
  });
}
