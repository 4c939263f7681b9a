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
  path: required(
    string(),
    "The directory of the store, made when it is not there. Relative paths start from images.toml.",
    {
      example: "./store",
    },
  ),
  grace: withDefault(
    duration(),
    "1h",
    "How long the bytes of a deleted image stay, for those who are still reading them.",
  ),
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
  name: optional(name, "The name of its file and of its product. Default: the image's own name.", { ownName: true }),
  description: optional(string(), "What it is, for people.", { unset: "" }),
  aliases: optional(setOf(alias), "Other names; an alias belongs to one image of the store.", { unset: [] }),
  properties: optional(mapOf(string()), "Words of your own; only keys that you declare are touched.", { unset: {} }),
  tags: optional(setOf(string()), "Labels without a value.", { unset: [] }),
  visibility: withDefault(
    oneOf("public", "private"),
    "public",
    "A private image is in the store, but in none of its indexes and pages, and has no file under `files/`.",
  ),
  format: optional(
    oneOf("raw", "qcow2"),
    "The disk format to keep it in; default: as the source has it. Another one makes a new image.",
    {
      onChange: "replace",
      compare: "recorded",
    },
  ),
  compression: optional(
    oneOf("none", "gz", "xz", "zst"),
    "The compression to keep it in; default: as the source has it.",
    {
      onChange: "replace",
      compare: "recorded",
    },
  ),
  os: optional(string(), "Of the simplestreams product: the operating system. Default: the name.", { unset: "" }),
  release: optional(string(), "Of the simplestreams product. Default: current.", { unset: "" }),
  architecture: optional(string(), "Of the simplestreams product: amd64, arm64. Default: amd64.", { unset: "" }),
  variant: optional(string(), "Of the simplestreams product. Default: default.", { unset: "" }),
  checksum: computed(string(), "sha256 of the bytes in the store."),
  size_bytes: computed(integer(), "Bytes in the store."),
  disk_format: computed(string(), "What the bytes are, told by their beginning."),
  path: computed(string(), "The file, from the directory of the store."),
  created_at: computed(string(), "When it was put there, RFC 3339."),
};
export type LocalImage = typeof image;

/** What `images init` writes. */
export const starter: Starter = {
  backend: "store",
  settings: [{ name: "path", question: "Directory of the store", default: "./store" }],
  attributes: 'aliases = ["debian-12"]',
};
