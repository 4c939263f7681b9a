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
    "The name of this file's images in their ownership markers, so that two files on one backend never take each other's. Required unless every backend has mark = false.",
  ),
  state: optional(
    string(),
    "Where the state is kept: a path, `s3://BUCKET/KEY`, `postgres://HOST/DATABASE?name=NAME`, or the URL of a server of terraform's HTTP backend protocol, as GitLab has one. Default: beside the file and named after it: images.state.json for images.toml.",
  ),
  state_username: optional(string(), "User of a state at a URL, or a reference to it."),
  state_password: optional(string(), "Password of a state at a URL.", { sensitive: true }),
  state_lock: optional(boolean(), "False: the HTTP server of the state has no locks, and no two runs happen at once."),
  state_lock_address: optional(string(), "URL of the lock of an HTTP state, where it is not that of the state."),
  state_lock_method: optional(string(), "Method that takes the lock of an HTTP state. Default: LOCK."),
  state_unlock_address: optional(string(), "URL that gives the lock of an HTTP state back."),
  state_unlock_method: optional(string(), "Method that gives the lock of an HTTP state back. Default: UNLOCK."),
  state_update_method: optional(string(), "Method that writes an HTTP state. Default: POST."),
  parallelism: withDefault(integer({ min: 1, max: 256 }), 8, "Images that are worked on at the same time."),
  max_size_gb: withDefault(
    integer({ min: 1, max: 8_388_608 }),
    1024,
    "GiB that an image may have, as it is published and unpacked: a small file that unpacks without end is stopped there.",
  ),
};

/** The state of a file that does not say where it is: two files in one folder never share one. */
export const stateFor = (file: string): string => `${basename(file).replace(/\.toml$/i, "")}.state.json`;

export const POLICY = {
  require: optional(listOf(oneOf("checksum", "https", "signature")), "What the source of every image must have."),
  algorithms: optional(
    listOf(oneOf(...ALGORITHMS)),
    "Algorithms that count as a checksum. Default, where one is required: all but md5 and sha1.",
  ),
};

export const BACKEND = {
  plugin: required(
    matching(/\S/, "the name or path of a plugin"),
    "The name of a built-in plugin, or the path of a plugin file.",
  ),
  timeout: optional(duration(), "How long one request may take."),
  parallelism: optional(integer({ min: 1, max: 256 }), "Images that are worked on at the same time on this backend."),
  rate_limit: optional(positive, "Requests a second."),
  mark: withDefault(boolean(), true, "False: no ownership marker is written."),
};

const METADATA = {
  url: required(string(), "Where the metadata is downloaded from."),
  checksum: optional(string(), "Its digest, or the URL or path of a sums file."),
};

/** A sums file, and which of its entries. */
const SUMS = {
  sums: required(
    string(),
    "URL or path of a sums file, `sha256:` (sha512, …) before it; without: the strongest that it has.",
  ),
  name: optional(string(), "The entry, where it has another name than the source."),
} satisfies Schema;

export const SOURCE = {
  file: optional(string(), "Path of the image."),
  metadata: optional(
    either(string(), table(METADATA)),
    "The metadata file of an Incus image in two parts: its path beside a file, its URL (or a table) beside a url.",
  ),
  url: optional(string(), "Where the image is downloaded from."),
  urls: optional(listOf(string()), "Mirrors of the same bytes, in the order in which they are tried."),
  image: optional(string(), "The bytes of another image: BACKEND/IMAGE."),
  checksum: optional(
    either(string(), table(SUMS)),
    "`sha256:` (sha512, md5, …) and the digest, or the URL or path of a sums file; or a table that also says which entry.",
  ),
  state: optional(string(), "With image: the state of another file, whose accepted bytes are promoted."),
  min_age: optional(duration(), "With state: how long that state must have had those bytes."),
  signature: optional(string(), "URL or path of a detached signature, over the sums file where there is one."),
  key: optional(
    string(),
    "The public key of the signature, or its path; for a sigstore bundle also the path of a trusted root.",
  ),
  identity: optional(string(), "Whose certificate a sigstore bundle has to be made with: an email address or a URL."),
  issuer: optional(string(), "The URL of who vouches for that identity."),
  username: optional(string(), "User of the download, or a reference to it."),
  password: optional(string(), "Password of the download.", { sensitive: true }),
  headers: optional(mapOf(string()), "Headers of the download; those that carry a secret by reference."),
  hosts: optional(
    listOf(string()),
    "The hosts that user, password and headers are for. Default: the host of the first URL.",
  ),
  ca: optional(
    string(),
    "Path of a PEM file with authorities that are trusted for this download, besides those of the system.",
  ),
  cache: optional(string(), "Download cache directory of this image."),
  member: optional(string(), "The file to take out of a tar or zip; `*` is the first one."),
  decompress: optional(boolean(), "True: undo the compression. False: the bytes as they are."),
  follow: optional(boolean(), "Whether other bytes at the same place make a plan. Default: true."),
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
    "True: the image is never deleted or replaced, also when its block is gone from the file.",
  ),
  on_remove: optional(oneOf(...ON_REMOVE), "What becomes of the image when its block is gone. Default: delete."),
  replace: optional(oneOf(...REPLACE_ORDERS), "Whether the new image comes before the old one goes."),
  ignore_changes: optional(listOf(string()), "Attributes whose differences make no plan."),
  timeout: optional(duration(), "How long one step may take."),
  timeouts: optional(
    table({
      create: optional(duration(), "How long the making may take."),
      read: optional(duration(), "How long the reading may take."),
      update: optional(duration(), "How long a change may take."),
      delete: optional(duration(), "How long the deleting may take."),
    }),
    "The same as `timeout`: the longest counts.",
  ),
  enabled: optional(boolean(), "False: the image is ignored."),
  state: optional(string(), '"present" or "absent".'),
  retain: optional(
    table({
      last: required(integer({ min: 1 }), "How many older versions are kept."),
      // biome-ignore lint/suspicious/noThenProperty: the word of the file; its value is never a function
      then: optional(oneOf("delete", "hide", "deactivate"), "What becomes of the others. Default: delete."),
      min_age: optional(duration(), "Younger ones are left alone."),
      name: optional(
        matching(
          /^[^{}]*(?:\{(?:name|version)\}[^{}]*)*$/,
          "a text with {version}, and {name} where the image's own name is to be",
        ),
        "How older versions are called, where the backend renames them: {name} is the image's name, {version} its version (of Glance: its property internal_version), else the time of the replacement.",
        { example: "{name} ({version})" },
      ),
    }),
    "Keep older versions when the image is replaced.",
  ),
  existing: optional(boolean(), "True: the image is there already and is only kept as declared."),
  adopt: optional(boolean(), "True: an unmanaged image of the same name is adopted."),
} satisfies Schema;

const ADDRESS = "An address: BACKEND/IMAGE.";
export const MOVED = { from: required(string(), ADDRESS), to: required(string(), ADDRESS) };
export const REMOVED = {
  address: required(string(), ADDRESS, { also: ["from"] }),
  destroy: withDefault(boolean(), false, "True: the image goes as well. False: it is only forgotten."),
};
export const IMPORT = {
  address: required(string(), ADDRESS, { also: ["to"] }),
  id: required(either(string(), integer()), "What the backend calls the image."),
};

export const NOTIFY = {
  url: required(string(), "Where to it is sent (POST): an http:// or https:// URL, or a reference to one."),
  on: withDefault(
    listOf(oneOf(...NOTIFY_EVENTS)),
    [...NOTIFY_EVENTS],
    "Events: applied (something was changed), failed, drifted (something was changed outside of the file), blocked.",
  ),
  template: optional(
    string(),
    `The body, with {{NAME}} for ${NOTIFY_FIELDS.join(", ")}. Default: all of it as JSON; "slack" is short for {"text": …}.`,
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
