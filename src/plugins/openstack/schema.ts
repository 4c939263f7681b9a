import {
  boolean,
  computed,
  either,
  integer,
  isTable,
  mapOf,
  matching,
  oneOf,
  optional,
  type Starter,
  setOf,
  string,
  type Type,
  table,
  type Value,
  withDefault,
} from "images";

/** One of these words; what the backend shows may be another. */
export const choice = (...words: readonly string[]): Type<string> => {
  const { label, json, check } = oneOf(...words);
  return { label, json, check };
};

const member = table({
  project: optional(string(), "The id of the project.", { also: ["member_id", "id"] }),
  status: optional(
    choice("accepted", "pending", "rejected"),
    "What the project says of it. It is said in the project's own name: by `cloud`, or by an administrator.",
  ),
  cloud: optional(string(), "The cloud in clouds.yaml that speaks for the project."),
});

/** A member as it is wanted: a project, and where it matters what it says of the image. */
interface WantedMember {
  readonly project: string;
  readonly status?: string;
  readonly cloud?: string;
}

export const memberOf = (value: Value): WantedMember => {
  if (!isTable(value)) return { project: String(value) };
  const { project, status, cloud } = value;
  return {
    project: String(project ?? ""),
    ...(typeof status === "string" ? { status } : {}),
    ...(typeof cloud === "string" ? { cloud } : {}),
  };
};

/** The same projects, and where one side says a status, the same status. */
function sameMembers(a: Value, b: Value): boolean {
  const [one, other] = [a, b].map((list) => (Array.isArray(list) ? list.map(memberOf) : []));
  if (one === undefined || other === undefined || one.length !== other.length) return false;
  return one.every(({ project, status }) =>
    other.some((match) => match.project === project && (status ?? match.status) === (match.status ?? status)),
  );
}

const word = matching(/^[^\u{10000}-\u{10FFFF}]{1,255}$/u, "1 to 255 characters, none of them of four bytes");

const uuid: Type<string> = {
  ...matching(
    /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
    "a UUID, as 1b2c3d4e-0000-4000-8000-0123456789ab",
  ),
  same: (a, b) => String(a).toLowerCase() === String(b).toLowerCase(),
};

/** An image in Glance. What is not written is left as the cloud has it. */
export const image = {
  name: optional(word, "What people call it; not unique there. Default: the image's own name.", { ownName: true }),
  image_id: optional(
    uuid,
    "An id of your own, in the place of one that Glance chooses: a UUID. Glance gives an id only once, even if its image is deleted: new bytes need a new id.",
    { onChange: "replace", compare: "recorded", reported: true, example: "1b2c3d4e-0000-4000-8000-0123456789ab" },
  ),
  disk_format: optional(
    choice("raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "ploop", "ami", "ari", "aki"),
    "The format in which it is kept; a source that is raw or qcow2 is turned into the other where need be. Default: as the source is.",
    { onChange: "replace", compare: "recorded" },
  ),
  container_format: optional(
    choice("bare", "ovf", "ova", "docker", "compressed", "ami", "ari", "aki"),
    "What is around the disk. Default: bare.",
    { onChange: "replace", unset: "bare" },
  ),
  min_disk_gb: optional(integer({ min: 0, max: 2147483647 }), "GB of disk that a server needs to boot it.", {
    unset: 0,
    also: ["min_disk"],
  }),
  min_ram_mb: optional(integer({ min: 0, max: 2147483647 }), "MB of memory that a server needs to boot it.", {
    unset: 0,
    also: ["min_ram"],
  }),
  protected: optional(boolean(), "True: it cannot be deleted. To delete or replace it, first apply with false.", {
    unset: false,
  }),
  hidden: optional(boolean(), "True: it is in no listing, but can be used by its id.", {
    unset: false,
    also: ["os_hidden"],
  }),
  visibility: optional(
    choice("private", "shared", "community", "public"),
    "Who can use it. Default: shared, which is private until it has members. `public` needs the rights of an administrator.",
    { unset: "shared" },
  ),
  tags: optional(setOf(word), "Words without a value. An empty list takes all of them off.", { unset: [] }),
  properties: optional(
    mapOf(string()),
    "Words of your own, and those that Nova and Cinder read (hw_*, os_*). Only keys that you declare are touched.",
    { unset: {} },
  ),
  members: optional(
    { ...setOf(either(string(), member)), same: sameMembers },
    "Projects that may use it: ids, or tables with `project`, `status` and `cloud`. Others are taken off. The image has to be shared.",
    { unset: [] },
  ),
  status: optional(choice("active", "deactivated"), "`deactivated`: its bytes cannot be downloaded. Default: active.", {
    unset: "active",
  }),
  region: optional(string(), "The region that it is in. Default: the region of the backend.", {
    onChange: "replace",
    compare: "recorded",
  }),
  stores: optional(
    setOf(string()),
    "The stores that hold its bytes, where Glance has several. Default: the one that Glance has as its default.",
    { also: ["store"] },
  ),
  verify_checksum: withDefault(
    boolean(),
    true,
    "False: what Glance says it got is not compared with what was sent. The source's own checksum is verified all the same.",
    { compare: "never" },
  ),
  web_download: withDefault(
    boolean(),
    false,
    "True: Glance fetches the URL of the source by itself; streamed through here where it cannot, or fails. It can be verified only where the source has an md5 or sha512 checksum.",
    { compare: "never" },
  ),
  use_import: withDefault(
    boolean(),
    false,
    "True: the bytes are staged and then imported (glance-direct), so that what the cloud does to imported images is done.",
    { compare: "never" },
  ),
  id: computed(string(), "Its id in Glance."),
  checksum: computed(string(), "md5 of the bytes."),
  os_hash_algo: computed(string(), "The algorithm of os_hash_value."),
  os_hash_value: computed(string(), "A digest of the bytes by that algorithm."),
  size_bytes: computed(integer(), "Bytes that it has."),
  virtual_size_bytes: computed(integer(), "Bytes of the disk in it."),
  file: computed(string(), "Where its bytes are, from the endpoint on."),
  schema: computed(string(), "Where the schema of an image is, from the endpoint on."),
  owner: computed(string(), "The project that it belongs to."),
  metadata: computed(mapOf(string()), "All of its properties, those of the server too."),
  created_at: computed(string(), "When it was made, RFC 3339."),
  updated_at: computed(string(), "When it was last changed, RFC 3339."),
};
export type OsImage = typeof image;

/** What `images init` writes. */
export const starter: Starter = {
  backend: "cloud",
  settings: [{ name: "cloud", question: "Cloud in clouds.yaml (empty: the OS_* variables)" }],
  attributes: "min_disk_gb = 3",
};
