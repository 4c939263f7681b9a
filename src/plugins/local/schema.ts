import {
  computed,
  duration,
  integer,
  mapOf,
  matching,
  oneOf,
  optional,
  required,
  type Starter,
  setOf,
  string,
  withDefault,
} from "images";

/** `[backend.NAME]` with `plugin = "local"`. */
export const config = {
  path: required(string(), "The directory of the store; created if missing. Relative to images.toml.", {
    example: "./store",
  }),
  grace: withDefault(duration(), "1h", "How long the bytes of a deleted image are kept for current readers."),
  url: optional(
    matching(/^https?:\/\/[^\s"'`<>$\\]+$/, "an http or https URL"),
    "Where the directory is served: for the links of its feed, and the commands on its page.",
    { example: "https://mirror.example.org/images/" },
  ),
};

const name = matching(
  /^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$/,
  "1 to 127 letters, digits and . _ : - beginning with a letter or digit",
);
const alias = matching(
  /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,126}$/,
  "1 to 127 letters, digits and . _ : / - beginning with a letter or digit",
);

/** An image in the store. */
export const image = {
  name: optional(name, "The name of its file and of its product. Default: the name of the image.", { ownName: true }),
  description: optional(string(), "Description.", { unset: "" }),
  aliases: optional(setOf(alias), "Other names; an alias is unique in the store.", { unset: [] }),
  properties: optional(mapOf(string()), "Custom metadata; only declared keys are changed.", { unset: {} }),
  tags: optional(setOf(string()), "Labels without a value.", { unset: [] }),
  visibility: withDefault(
    oneOf("public", "private"),
    "public",
    "A private image is in the store, but in none of its indexes and pages, and has no file under `files/`.",
  ),
  format: optional(
    oneOf("raw", "qcow2"),
    "The disk format in the store. Default: as the source. A change needs a new image.",
    {
      onChange: "replace",
      compare: "recorded",
    },
  ),
  compression: optional(oneOf("none", "gz", "xz", "zst"), "The compression in the store. Default: as the source.", {
    onChange: "replace",
    compare: "recorded",
  }),
  os: optional(string(), "The operating system of the simplestreams product. Default: the name.", { unset: "" }),
  release: optional(string(), "The release of the simplestreams product. Default: current.", { unset: "" }),
  architecture: optional(string(), "The architecture of the simplestreams product: amd64, arm64. Default: amd64.", {
    unset: "",
  }),
  variant: optional(string(), "The variant of the simplestreams product. Default: default.", { unset: "" }),
  checksum: computed(string(), "sha256 of the bytes in the store."),
  size_bytes: computed(integer(), "Bytes in the store."),
  disk_format: computed(string(), "The detected format."),
  path: computed(string(), "The file, relative to the store."),
  created_at: computed(string(), "When it was added, RFC 3339."),
};
export type LocalImage = typeof image;

/** What `images init` writes. */
export const starter: Starter = {
  backend: "store",
  settings: [{ name: "path", question: "Directory of the store", default: "./store" }],
  attributes: 'aliases = ["debian-12"]',
};
