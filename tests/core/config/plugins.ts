import {
  type Backend,
  boolean,
  computed,
  definePlugin,
  Failure,
  integer,
  listOf,
  mapOf,
  oneOf,
  optional,
  type Plugin,
  required,
  type Schema,
  setOf,
  string,
  table,
  withDefault,
} from "images";

// Small plugins in the manner of the real ones, to check configurations with.

const never = <I extends Schema>(): Promise<Backend<I>> => Promise.reject(new Error("never opened here"));

/** Takes any bytes. */
const store = definePlugin({
  api: 1,
  name: "store",
  doc: "A directory.",
  config: {
    path: required(string(), "The directory."),
    secret: optional(string(), "A secret.", { sensitive: true, also: ["password"] }),
    peers: optional(
      listOf(
        table({
          host: required(string(), "A host."),
          token: optional(string(), "A token.", { sensitive: true }),
        }),
      ),
      "Others.",
    ),
  },
  image: {
    aliases: optional(listOf(string()), "Names."),
    tags: optional(setOf(string()), "Tags."),
    properties: optional(mapOf(string()), "Whatever."),
    public: withDefault(boolean(), false, "Seen by all."),
    file: computed(string(), "Where it is."),
  },
  bytes: () => ({ formats: "any", compressions: "any" }),
  checkConfig: ({ path }) =>
    path === "" ? [{ code: "config.value", message: "path is empty", attribute: "path" }] : [],
  open: never,
});

/** Bytes, or an image of another server; `source` as text is its own. */
const lab = definePlugin({
  api: 1,
  name: "lab",
  doc: "A host.",
  config: { url: optional(string(), "Where."), token: optional(string(), "Who.", { sensitive: true }) },
  image: {
    aliases: optional(listOf(string()), "Names."),
    properties: optional(mapOf(string()), "Whatever."),
    source: optional(string(), "As remote:alias."),
    source_image: optional(
      table({
        remote: required(string(), "The remote."),
        name: required(string(), "The name."),
        type: withDefault(oneOf("container", "virtual-machine"), "container", "The type."),
      }),
      "An image of another server.",
    ),
    source_instance: optional(table({ name: required(string(), "The instance.") }), "An instance."),
    mode: optional(oneOf("pull", "push"), "How it is copied."),
    fingerprint: computed(string(), "The digest."),
  },
  origins: [
    { name: "from a remote", needs: ["source_image"], may: ["mode"], digest: true },
    { name: "from a remote by its name", needs: ["source"], may: ["mode"], digest: true },
    { name: "from an instance", needs: ["source_instance"] },
  ],
  bytes: () => ({ formats: "any", compressions: "any" }),
  open: never,
});

const cloudImage = {
  label: required(string(), "A name.", { also: ["name"] }),
  region: optional(string(), "Where."),
  disk_format: withDefault(oneOf("raw", "iso"), "raw", "The format."),
  min_disk_gb: optional(integer({ min: 0 }), "Room."),
  tags: optional(listOf(table({ key: required(string(), "Key."), value: optional(string(), "Value.") })), "Tags."),
  user_data: optional(string(), "A script.", { sensitive: true }),
  file_hash: optional(string(), "The MD5."),
  disk_id: optional(integer(), "A disk."),
  linode_id: optional(integer(), "Its machine."),
  checksum: computed(string(), "The digest."),
  state: computed(string(), "How it is."),
};

/** Bytes or a disk; with rules of its own. */
const cloud = definePlugin({
  api: 1,
  name: "cloud",
  doc: "A cloud.",
  config: {
    token: required(string(), "Who.", { sensitive: true }),
    region: optional(string(), "Where."),
  },
  image: cloudImage,
  origins: [{ name: "from a disk", needs: ["disk_id", "linode_id"] }],
  onRemove: ["delete", "forget", "deactivate"],
  bytes: () => ({ formats: ["raw"], compressions: ["gz"] }),
  check: ({ label, tags = [] }) => [
    ...(label.includes("!") ? [{ code: "config.value" as const, message: "no ! in labels", attribute: "label" }] : []),
    ...tags.flatMap(({ key }, i) =>
      key === "" ? [{ code: "config.value" as const, message: "empty key", attribute: `tags[${i}].key` }] : [],
    ),
  ],
  open: never<typeof cloudImage>,
});

/** Makes images from what it has, and does not accept uploads. */
const cloner = definePlugin({
  api: 1,
  name: "cloner",
  doc: "No bytes.",
  config: {},
  image: {
    vm_id: optional(string(), "A machine."),
    no_reboot: optional(boolean(), "Running."),
    source_image_id: optional(string(), "A copy."),
    source_region: optional(string(), "Of there."),
    state: optional(oneOf("present", "absent", "exported"), "As in another tool."),
  },
  origins: [
    { name: "from a machine", needs: ["vm_id"], may: ["no_reboot"] },
    { name: "from a copy", needs: ["source_image_id", "source_region"] },
  ],
  open: never,
});

export const SAMPLES: readonly Plugin[] = [store, lab, cloud, cloner];

export const lookup = (name: string): Promise<Plugin> => {
  const found = SAMPLES.find((plugin) => plugin.name === name);
  if (found !== undefined) return Promise.resolve(found);
  return Promise.reject(new Failure("plugin.unknown", `there is no plugin ${JSON.stringify(name)}`, { hint: "none" }));
};
