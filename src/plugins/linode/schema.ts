import {
  boolean,
  computed,
  integer,
  isSameSet,
  listOf,
  matching,
  oneOf,
  optional,
  required,
  type Starter,
  setOf,
  string,
  table,
} from "images";

/** `[backend.NAME]` with `plugin = "linode"`. What is not written comes from the environment, then from a configuration file. */
export const config = {
  token: optional(
    string(),
    "The access token, by reference. Default: LINODE_TOKEN, then the configuration file. It needs the scopes images:read_write, events:read_only (why an upload failed), and linodes:read_only for images of disks.",
    { sensitive: true, example: "env:LINODE_TOKEN" },
  ),
  url: optional(
    matching(/^https?:\/\/[^\s?#]+$/i, "a URL that begins with https:// or http://"),
    "The URL of the API. Default: LINODE_URL, then the configuration file, then https://api.linode.com.",
    { example: "https://api.linode.com" },
  ),
  api_version: optional(
    oneOf("v4", "v4beta"),
    "The version of the API. Default: LINODE_API_VERSION, then the configuration file, then v4.",
  ),
  config: optional(
    string(),
    "A configuration file of linode-cli or of the Go client (terraform). Default: LINODE_CONFIG, then ~/.config/linode, then ~/.config/linode-cli. Paths are relative to images.toml.",
    { example: "~/.config/linode-cli" },
  ),
  profile: optional(
    string(),
    "The user or profile in that file. Default: LINODE_PROFILE, then the file's own default.",
  ),
  max_image_mb: optional(
    integer({ min: 1 }),
    "The size limit of an image of the account, in MB, uncompressed. Default: 6144, which Linode raises on request.",
  ),
  event_poll_ms: optional(
    integer({ min: 1 }),
    "Poll interval in milliseconds. Default: LINODE_EVENT_POLL_MS, then 4000.",
  ),
};

/** What the API takes of an image's words; @linode/validation, and the description of POST /images/upload. */
const label = matching(
  /^[a-zA-Z0-9,.?\-_\s']{1,50}$/,
  "1 to 50 letters, digits, spaces and , . ? - _ ' (Linode accepts no other characters in a label)",
);
const tag = matching(/^.{3,100}$/su, "3 to 100 characters");
const regionId = matching(/^[a-z0-9-]+$/, 'a region as Linode calls it, like "us-southeast"');

/** An image of a Linode account. */
export const image = {
  label: optional(label, "Its name; not unique. Default: the name of the image, cut to 50 characters.", {
    ownName: true,
  }),
  description: optional(string(), "Description. At most 64,700 characters.", {
    unset: "",
    same: (a, b) => words(a) === words(b),
  }),
  tags: optional(setOf(tag), "All tags, at most 500; others are removed.", { unset: [] }),
  cloud_init: optional(
    boolean(),
    "True: the image supports cloud-init, so that Linode passes user data to it. A change needs a new image.",
    { onChange: "replace", unset: false },
  ),
  region: optional(regionId, "The region of the upload: a core region with Object Storage.", {
    onChange: "replace",
    compare: "recorded",
    example: "us-southeast",
  }),
  disk_id: optional(integer({ min: 1 }), "The disk of a Linode to create the image from; needs linode_id.", {
    onChange: "replace",
    compare: "recorded",
  }),
  linode_id: optional(integer({ min: 1 }), "The Linode that has the disk.", {
    onChange: "replace",
    compare: "recorded",
  }),
  replica_regions: optional(
    setOf(regionId),
    "All regions of the image, including the first; replicas in others are removed. If the attribute is removed, only the region of the upload stays.",
    {
      example: ["us-southeast", "us-iad"],
      unset: [],
      // An image is in one region if no more are declared.
      same: (a, b) => isSameSet(a, b) || a.length + b.length === 1,
    },
  ),
  wait: optional(boolean(), "True: wait until the image is available in all of replica_regions. Default: false.", {
    compare: "never",
    also: ["wait_for_replications"],
  }),
  id: computed(string(), "The id: private/12345."),
  created: computed(string(), "When it was created, UTC."),
  created_by: computed(string(), "The user who created it."),
  updated: computed(string(), "When it was last changed, UTC."),
  deprecated: computed(boolean(), "Whether it is deprecated; true for old public images only."),
  is_public: computed(boolean(), "Whether it is one of Linode's own images."),
  is_shared: computed(boolean(), "Whether it is shared with other accounts."),
  size: computed(integer(), "The size that a disk needs for it, in MB."),
  total_size: computed(integer(), "Its size in all regions together, in MB."),
  type: computed(string(), "manual, automatic (from a deleted Linode), or shared (by another account)."),
  expiry: computed(string(), "When an automatic image expires, UTC."),
  eol: computed(string(), "End of support of the distribution, UTC; for public images."),
  vendor: computed(string(), "The distribution; for public images."),
  status: computed(string(), "creating, pending_upload or available."),
  capabilities: computed(listOf(string()), "Capabilities: cloud-init, distributed-sites."),
  regions: computed(
    listOf(table({ region: required(string(), "The region."), status: required(string(), "Its status there.") })),
    "Its regions, with the status in each: available, creating, pending, replicating, pending replication, pending deletion.",
  ),
};
export type LinodeConfig = typeof config;
export type LinodeImage = typeof image;

/** A description as it is compared: the API may normalise what surrounds it. */
const words = (text: string): string => text.replaceAll("\r\n", "\n").trim();

/** What `images init` writes. */
export const starter: Starter = {
  backend: "linode",
  settings: [],
  more: 'token = "env:LINODE_TOKEN"',
  attributes: 'region = "us-southeast"',
};
