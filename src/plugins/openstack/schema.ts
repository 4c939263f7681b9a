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
    "The member status. Set with the credentials of the project: by `cloud`, or by an administrator.",
  ),
  cloud: optional(string(), "The cloud in clouds.yaml with credentials of the project."),
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
  name: optional(word, "Its name; not unique. Default: the name of the image.", { ownName: true }),
  image_id: optional(
    uuid,
    "An id of your own, in the place of one that Glance chooses: a UUID. Glance gives an id only once, even if its image is deleted: new bytes need a new id.",
    { onChange: "replace", compare: "recorded", reported: true, example: "1b2c3d4e-0000-4000-8000-0123456789ab" },
  ),
  disk_format: optional(
    choice("raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "ploop", "ami", "ari", "aki"),
    "The disk format; raw and qcow2 sources are converted if needed. Default: as the source.",
    { onChange: "replace", compare: "recorded" },
  ),
  container_format: optional(
    choice("bare", "ovf", "ova", "docker", "compressed", "ami", "ari", "aki"),
    "The container format. Default: bare.",
    { onChange: "replace", unset: "bare" },
  ),
  min_disk_gb: optional(integer({ min: 0, max: 2147483647 }), "Minimum disk of a server, in GB.", {
    unset: 0,
    also: ["min_disk"],
  }),
  min_ram_mb: optional(integer({ min: 0, max: 2147483647 }), "Minimum memory of a server, in MB.", {
    unset: 0,
    also: ["min_ram"],
  }),
  protected: optional(boolean(), "True: it cannot be deleted. To delete or replace it, first apply with false.", {
    unset: false,
  }),
  hidden: optional(boolean(), "True: hidden in listings, usable by its id.", {
    unset: false,
    also: ["os_hidden"],
  }),
  visibility: optional(
    choice("private", "shared", "community", "public"),
    "Its visibility. Default: shared, which is private until it has members. `public` needs administrator privileges.",
    { unset: "shared" },
  ),
  tags: optional(setOf(word), "All tags. An empty list removes all of them.", { unset: [] }),
  properties: optional(
    mapOf(string()),
    "Custom metadata, and the properties that Nova and Cinder read (hw_*, os_*). Only declared keys are changed.",
    { unset: {} },
  ),
  upstream_date: optional(
    boolean(),
    "True: a new image gets the date of its source as the properties `internal_version` (20261120) and `image_build_date` (2026-11-20), unless `properties` declares them: Last-Modified of a URL, or the time of a file. Kept versions have it in their names.",
    { compare: "never" },
  ),
  members: optional(
    { ...setOf(either(string(), member)), same: sameMembers },
    "Member projects: ids, or tables with `project`, `status` and `cloud`. Others are removed. The image must be shared.",
    { unset: [] },
  ),
  status: optional(choice("active", "deactivated"), "`deactivated`: its bytes cannot be downloaded. Default: active.", {
    unset: "active",
  }),
  region: optional(string(), "Its region. Default: the region of the backend.", {
    onChange: "replace",
    compare: "recorded",
  }),
  stores: optional(
    setOf(string()),
    "The stores of its bytes, if Glance has several. Default: the default store of Glance.",
    { also: ["store"] },
  ),
  verify_checksum: withDefault(
    boolean(),
    true,
    "False: the digests that Glance reports are not compared with the uploaded bytes. The checksum of the source is verified in any case.",
    { compare: "never" },
  ),
  web_download: withDefault(
    boolean(),
    false,
    "True: Glance fetches the URL of the source itself; if it cannot, the bytes go through this host. Verified only if the source has an md5 or sha512 checksum.",
    { compare: "never" },
  ),
  use_import: withDefault(
    boolean(),
    false,
    "True: the bytes are staged and then imported (glance-direct), so that the import plugins of the cloud run.",
    { compare: "never" },
  ),
  id: computed(string(), "Its id in Glance."),
  checksum: computed(string(), "md5 of the bytes."),
  os_hash_algo: computed(string(), "The algorithm of os_hash_value."),
  os_hash_value: computed(string(), "A digest of the bytes by that algorithm."),
  size_bytes: computed(integer(), "Its size in bytes."),
  virtual_size_bytes: computed(integer(), "The size of its disk in bytes."),
  file: computed(string(), "The path of its bytes at the endpoint."),
  schema: computed(string(), "The path of the image schema at the endpoint."),
  owner: computed(string(), "Its project."),
  metadata: computed(mapOf(string()), "All properties, including those of the server."),
  created_at: computed(string(), "When it was created, RFC 3339."),
  updated_at: computed(string(), "When it was last changed, RFC 3339."),
};
export type OsImage = typeof image;

/** What `images init` writes. */
export const starter: Starter = {
  backend: "cloud",
  settings: [{ name: "cloud", question: "Cloud in clouds.yaml (empty: the OS_* variables)" }],
  attributes: "min_disk_gb = 3",
};
