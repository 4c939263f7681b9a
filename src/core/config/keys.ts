import { basename } from "node:path";
import { NOTIFY_EVENTS, NOTIFY_FIELDS, ON_REMOVE, REPLACE_ORDERS } from "../model/declaration.ts";
import { ALGORITHMS } from "../model/digest.ts";
import type { Schema, Type } from "../model/schema.ts";
import {
  boolean,
  duration,
  either,
  integer,
  listOf,
  mapOf,
  matching,
  oneOf,
  optional,
  required,
  string,
  table,
  withDefault,
} from "../model/types.ts";
import type { Value } from "../model/value.ts";

// What images.toml may hold besides the settings and attributes of plugins. The check, the JSON Schema and the docs come from here.

const positive: Type<number> = {
  label: "number",
  json: { type: "number", exclusiveMinimum: 0 },
  check: (value) =>
    typeof value === "number" && value > 0 && value < Number.POSITIVE_INFINITY
      ? { ok: true, value }
      : { ok: false, faults: [{ path: [], message: "expected a number greater than 0" }] },
};

export const SETTINGS = {
  name: optional(
    matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "1 to 63 letters, digits, dots, dashes and underscores"),
    "Written into the ownership markers of all images, so that two files on one backend never touch each other's images. Required unless every backend has mark = false.",
  ),
  state: optional(
    string(),
    "Location of the state: a path, `s3://BUCKET/KEY`, `postgres://HOST/DATABASE?name=NAME`, or the URL of a server with terraform's HTTP backend protocol (GitLab). Default: next to the file and named after it: images.state.json for images.toml.",
  ),
  state_username: optional(string(), "User of a state at a URL, or a reference to it."),
  state_password: optional(string(), "Password of a state at a URL.", { sensitive: true }),
  state_lock: optional(
    boolean(),
    "False: the HTTP server of the state has no locks; concurrent runs must be prevented.",
  ),
  state_lock_address: optional(string(), "URL to lock an HTTP state, if it is not that of the state."),
  state_lock_method: optional(string(), "Method to lock an HTTP state. Default: LOCK."),
  state_unlock_address: optional(string(), "URL to unlock an HTTP state."),
  state_unlock_method: optional(string(), "Method to unlock an HTTP state. Default: UNLOCK."),
  state_update_method: optional(string(), "Method to write an HTTP state. Default: POST."),
  parallelism: withDefault(integer({ min: 1, max: 256 }), 8, "Number of images processed at the same time."),
  max_size_gb: withDefault(
    integer({ min: 1, max: 8_388_608 }),
    1024,
    "Maximum size of an image in GiB, as published and unpacked. Stops small files that unpack without end.",
  ),
};

/** The state of a file that does not say where it is: two files in one directory never share one. */
export const stateFor = (file: string): string => `${basename(file).replace(/\.toml$/i, "")}.state.json`;

export const POLICY = {
  require: optional(listOf(oneOf("checksum", "https", "signature")), "Requirements for the source of every image."),
  algorithms: optional(
    listOf(oneOf(...ALGORITHMS)),
    "Algorithms accepted as a checksum. Default, if one is required: all but md5 and sha1.",
  ),
};

export const BACKEND = {
  plugin: required(
    matching(/\S/, "the name or path of a plugin"),
    "The name of a built-in plugin, or the path of a plugin file.",
  ),
  timeout: optional(duration(), "Timeout of one request."),
  parallelism: optional(integer({ min: 1, max: 256 }), "Number of images processed at the same time on this backend."),
  rate_limit: optional(positive, "Requests per second."),
  mark: withDefault(boolean(), true, "False: no ownership marker is written."),
};

const METADATA = {
  url: required(string(), "Download URL of the metadata."),
  checksum: optional(string(), "Its digest, or the URL or path of a sums file."),
};

/** A sums file, and which of its entries. */
const SUMS = {
  sums: required(
    either(string(), listOf(string())),
    "URL or path of a sums file, with the prefix `sha256:` (sha512, …); without a prefix, the strongest algorithm in it. `{url}` and `{directory}` are those of each mirror. Several: the first that has the entry.",
  ),
  name: optional(string(), "Name of the entry, if it differs from the name of the source."),
} satisfies Schema;

export const SOURCE = {
  file: optional(string(), "Path of the image."),
  metadata: optional(
    either(string(), table(METADATA)),
    "The metadata file of a split Incus image: its path with a file, its URL (or a table) with a url.",
  ),
  url: optional(string(), "Download URL of the image."),
  urls: optional(listOf(string()), "Mirrors of the same bytes, in the order in which they are tried."),
  image: optional(string(), "The bytes of another image: BACKEND/IMAGE."),
  checksum: optional(
    either(string(), table(SUMS)),
    "`sha256:` (sha512, md5, …) and the digest, or the URL or path of a sums file; or a table that also selects the entry.",
  ),
  state: optional(string(), "With image: the state of another file, whose bytes are promoted."),
  min_age: optional(duration(), "With state: minimum age of the bytes in that state."),
  signature: optional(
    either(string(), listOf(string())),
    "URL or path of a detached signature, of the sums file if there is one. `{url}` and `{directory}` are those of each mirror. Several: the first that can be read.",
  ),
  key: optional(
    string(),
    "The public key of the signature, or its path; for a sigstore bundle also the path of a trusted root.",
  ),
  identity: optional(string(), "The identity in the certificate of a sigstore bundle: an email address or a URL."),
  issuer: optional(string(), "The URL of the issuer of that identity."),
  username: optional(string(), "User of the download, or a reference to it."),
  password: optional(string(), "Password of the download.", { sensitive: true }),
  headers: optional(mapOf(string()), "Headers of the download; secrets are references."),
  hosts: optional(
    listOf(string()),
    "The hosts that receive user, password and headers. Default: the host of the first URL.",
  ),
  ca: optional(string(), "Path of a PEM file with additional CA certificates for this download."),
  cache: optional(string(), "Download cache directory of this image."),
  member: optional(string(), "The file to extract from a tar or zip; `*` is the first one."),
  decompress: optional(boolean(), "True: decompress. False: use the bytes as they are."),
  follow: optional(boolean(), "Whether changed bytes at the source produce a plan. Default: true."),
} satisfies Schema;

/** Other tools' names for parts of a source. */
export const SPELLINGS = {
  image_source_url: { part: "url", type: string() },
  image_source_username: { part: "username", type: string() },
  image_source_password: { part: "password", type: string(), sensitive: true },
  image_cache_path: { part: "cache", type: string() },
  local_file_path: { part: "file", type: string() },
  file_path: { part: "file", type: string() },
  file_hash: { part: "checksum", type: string() },
  decompress: { part: "decompress", type: boolean() },
  compression_format: { part: "decompress", type: oneOf("auto", "bzip2", "gzip", "xz", "zst"), means: true },
  archiving_format: { part: "member", type: oneOf("tar", "zip"), means: "*" },
} as const;
export type Spelling = keyof typeof SPELLINGS;
export const isSpelling = (key: string): key is Spelling => Object.hasOwn(SPELLINGS, key);

const spelled = <N extends Spelling>(name: N, sensitive = false) =>
  optional<Value>(SPELLINGS[name].type, `The same as \`${SPELLINGS[name].part}\` in \`source\`.`, { sensitive });

/** What an image may say for itself, and again for one of its backends. */
export const IMAGE = {
  source: optional(
    either(string(), table(SOURCE)),
    "Where the bytes come from: a path, a URL, BACKEND/IMAGE, or a table.",
  ),
  image_source_url: spelled("image_source_url"),
  image_source_username: spelled("image_source_username"),
  image_source_password: spelled("image_source_password", true),
  image_cache_path: spelled("image_cache_path"),
  local_file_path: spelled("local_file_path"),
  file_path: spelled("file_path"),
  file_hash: spelled("file_hash"),
  decompress: spelled("decompress"),
  compression_format: spelled("compression_format"),
  archiving_format: spelled("archiving_format"),
  protect: optional(
    boolean(),
    "True: the image is never deleted or replaced, even if its block is removed from the file.",
  ),
  on_remove: optional(oneOf(...ON_REMOVE), "What happens to the image when its block is removed. Default: delete."),
  replace: optional(oneOf(...REPLACE_ORDERS), "Whether the new image is created before the old one is deleted."),
  ignore_changes: optional(listOf(string()), "Attributes whose differences are ignored."),
  timeout: optional(duration(), "Timeout of one step."),
  timeouts: optional(
    table({
      create: optional(duration(), "Timeout of the creation."),
      read: optional(duration(), "Timeout of reading."),
      update: optional(duration(), "Timeout of an update."),
      delete: optional(duration(), "Timeout of the deletion."),
    }),
    "The same as `timeout`: the longest is used.",
  ),
  enabled: optional(boolean(), "False: the image is ignored."),
  state: optional(string(), '"present" or "absent".'),
  retain: optional(
    table({
      last: required(integer({ min: 1 }), "Number of older versions to keep."),
      // biome-ignore lint/suspicious/noThenProperty: the word of the file; its value is never a function
      then: optional(oneOf("delete", "hide", "deactivate"), "What happens to the others. Default: delete."),
      min_age: optional(duration(), "Keep younger versions in any case."),
      name: optional(
        matching(/^[^{}]*(?:\{(?:name|version)\}[^{}]*)*$/, "a text with {version} and optionally {name}"),
        "The name of an older version, if the backend renames it: {name} is the name of the image, {version} its version (on Glance, the property internal_version) or the time of the replacement.",
        { example: "{name} ({version})" },
      ),
    }),
    "Keep older versions when the image is replaced.",
  ),
  existing: optional(boolean(), "True: the image exists and is only updated, never created."),
  adopt: optional(boolean(), "True: an unmanaged image of the same name is adopted."),
} satisfies Schema;

const ADDRESS = "An address: BACKEND/IMAGE.";
export const MOVED = { from: required(string(), ADDRESS), to: required(string(), ADDRESS) };
export const REMOVED = {
  address: required(string(), ADDRESS, { also: ["from"] }),
  destroy: withDefault(boolean(), false, "True: delete the image as well. False: only remove it from the state."),
};
export const IMPORT = {
  address: required(string(), ADDRESS, { also: ["to"] }),
  id: required(either(string(), integer()), "The id of the image on the backend."),
};

export const NOTIFY = {
  url: required(string(), "Receiver (POST): an http:// or https:// URL, or a reference to one."),
  on: withDefault(
    listOf(oneOf(...NOTIFY_EVENTS)),
    [...NOTIFY_EVENTS],
    "Events: applied (something was changed), failed, drifted (something was changed outside of the file), blocked.",
  ),
  template: optional(
    string(),
    `The body, with {{NAME}} for ${NOTIFY_FIELDS.join(", ")}. Default: all fields as JSON; "slack" is short for {"text": …}.`,
  ),
  headers: withDefault(mapOf(string()), {}, "Headers; their values may be references."),
};

/** The tables and lists that a file consists of. */
export const TOP = [
  "settings",
  "policy",
  "vars",
  "backend",
  "image",
  "moved",
  "removed",
  "import",
  "notify",
  "include",
] as const;
