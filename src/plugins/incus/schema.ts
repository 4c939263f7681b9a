import {
  boolean,
  computed,
  either,
  integer,
  isSame,
  isTable,
  listOf,
  mapOf,
  matching,
  oneOf,
  optional,
  required,
  type Starter,
  setOf,
  string,
  table,
  type Value,
  withDefault,
} from "images";

const path = "PEM, or the path of a file with it.";

/** `[backend.NAME]` with `plugin = "incus"`. */
export const config = {
  socket: optional(string(), "The unix socket of incusd. Default: INCUS_SOCKET, then the path of the packages.", {
    example: "/var/lib/incus/unix.socket",
  }),
  url: optional(matching(/^https:\/\/\S+$/, "a URL that begins with https://"), "The HTTPS address of the server.", {
    example: "https://10.0.0.5:8443",
  }),
  remote: optional(
    string(),
    "A remote in the configuration of the incus client: its address, project and certificates are used.",
    {
      example: "production",
    },
  ),
  project: optional(string(), "The project of the images. Default: that of the remote, then `default`."),
  cert: optional(string(), `The client certificate: ${path} Default: client.crt of the incus client.`),
  key: optional(string(), "The key of the client certificate. Default: client.key of the incus client.", {
    sensitive: true,
    example: "file:~/.config/incus/client.key",
  }),
  server_cert: optional(
    string(),
    `The pinned certificate of the server: ${path} Default: the one that the incus client has stored for the remote.`,
  ),
  token: optional(
    string(),
    "A trust token of the server: adds the client certificate to the trust store if it is not trusted yet.",
    {
      sensitive: true,
    },
  ),
  config: optional(string(), "Configuration directory of the incus client. Default: INCUS_CONF, then ~/.config/incus."),
};
export type IncusConfig = typeof config;

const name = matching(/^\S+$/, "a name without spaces");
const alias = matching(/^[^\s].{0,254}$/, "1 to 255 characters");
const aliasTable = table({
  name: required(alias, "The alias."),
  description: optional(string(), "Description."),
});

/** An alias however it is written. */
export interface Alias {
  readonly name: string;
  readonly description: string;
}

/** Aliases in one spelling, sorted by name. */
export const aliasesOf = (value: Value | undefined): readonly Alias[] =>
  (Array.isArray(value) ? value : [])
    .flatMap((one: Value): Alias[] => {
      if (typeof one === "string") return [{ name: one, description: "" }];
      if (!isTable(one) || typeof one["name"] !== "string") return [];
      const description = one["description"];
      return [{ name: one["name"], description: typeof description === "string" ? description : "" }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

const sameAliases = (a: Value, b: Value): boolean => {
  const text = (value: Value) => new Set(aliasesOf(value).map((one) => JSON.stringify([one.name, one.description])));
  return text(a).symmetricDifference(text(b)).size === 0;
};

const instant = (value: string): number => (value === "" ? Number.NaN : Date.parse(value));
/** One fingerprint, written out or by its beginning. */
const sameFingerprint = (a: string, b: string): boolean => {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  return one.startsWith(other) || other.startsWith(one);
};

/** An architecture that is not said is that of the server: which image is meant is known by its fingerprint. */
const sameOrigin = (a: Value, b: Value): boolean => {
  if (!isTable(a) || !isTable(b)) return false;
  const architecture = a["architecture"] ?? b["architecture"];
  const full = (one: Readonly<Record<string, Value>>) =>
    architecture === undefined ? one : { ...one, architecture: one["architecture"] ?? architecture };
  return isSame(full(a), full(b));
};

const made = { compare: "recorded", onChange: "replace" } as const;

/** An image on an Incus server. */
export const image = {
  source_image: optional(
    table({
      remote: required(string(), "The remote of the image: one in the configuration of the incus client, or `images`."),
      name: required(string(), "Its alias or fingerprint on the remote."),
      type: withDefault(oneOf("container", "virtual-machine"), "container", "The type of image."),
      architecture: optional(string(), "The architecture, as named by Incus. Default: that of the server.", {
        example: "x86_64",
      }),
      copy_aliases: withDefault(boolean(), true, "Whether its aliases on the remote are copied."),
    }),
    "The image of a remote to copy.",
    { ...made, same: sameOrigin },
  ),
  source: optional(
    matching(/^[A-Za-z0-9._-]+:\S+$/, "REMOTE:ALIAS, a path or a URL"),
    "The image of a remote as REMOTE:ALIAS. (A path, URL, BACKEND/IMAGE or table is the common `source`.)",
    { ...made, example: "images:alpine/edge" },
  ),
  source_instance: optional(
    table({
      name: required(name, "The instance."),
      snapshot: optional(
        name,
        "A snapshot of the instance. Default: the instance itself, which must be stopped (or see `force`).",
      ),
      project: optional(name, "The project of the instance, if it differs from that of the image."),
    }),
    "The instance to publish.",
    made,
  ),
  alias: optional(alias, "The main alias."),
  aliases: optional(
    setOf(either(alias, aliasTable)),
    "All other aliases: names, or tables with name and description.",
    {
      unset: [],
      same: sameAliases,
    },
  ),
  project: optional(
    name,
    "The project of the image (with target_project: the project that it is copied from). Default: that of the backend.",
    { ...made, places: true },
  ),
  target_project: optional(name, "The project to copy the image to, if it differs from its origin.", {
    ...made,
    places: true,
  }),
  remote: optional(name, "The remote of the image. Default: the backend itself.", {
    ...made,
    places: true,
  }),
  fingerprint: optional(
    matching(/^[0-9a-fA-F]{6,64}$/, "6 to 64 hexadecimal digits"),
    "The required fingerprint, or its beginning: verified before and after the creation.",
    { onChange: "replace", unset: "", same: sameFingerprint },
  ),
  vm: optional(
    boolean(),
    "Whether it is an image of virtual machines. Default: as the source; from a remote, a container.",
    { ...made, unset: false },
  ),
  architecture: optional(
    string(),
    "The architecture of a bare disk or root file system. Default: that of the server.",
    made,
  ),
  properties: optional(
    mapOf(string(), { keys: "exact" }),
    "All properties: others are removed. If not set, properties are not changed.",
    { example: { os: "Alpine", "requirements.secureboot": "false" } },
  ),
  public: withDefault(boolean(), false, "Whether anyone with access to the server may download it."),
  auto_update: withDefault(boolean(), false, "Whether the server itself keeps it up to date with its remote."),
  profiles: optional(setOf(string()), "The profiles of instances that are created from it.", { unset: ["default"] }),
  expires_at: optional(
    matching(/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/, "a date like 2031-01-01T00:00:00Z"),
    "When it expires.",
    { same: (a: string, b: string) => instant(a) === instant(b), example: "2031-01-01T00:00:00Z" },
  ),
  copy_aliases: withDefault(boolean(), false, "With `source`: whether its aliases on the remote are copied.", {
    compare: "recorded",
  }),
  mode: withDefault(
    oneOf("pull", "push", "relay"),
    "pull",
    "How the bytes are copied from a remote. pull: the server fetches them. push, relay: through this host.",
    { compare: "never" },
  ),
  refresh: withDefault(
    boolean(),
    false,
    "Check the remote in each run, and use the current image of the alias; `follow` does the same.",
    {
      compare: "never",
    },
  ),
  follow: withDefault(boolean(), true, "Whether an alias of a remote that moves to another image produces a plan.", {
    compare: "never",
  }),
  compression: optional(
    string(),
    "Compression of an image from an instance: gzip, zstd, xz, none. Default: that of the server.",
    made,
  ),
  format: optional(oneOf("unified", "split"), "An image from an instance as one file or two. Default: one.", made),
  force: withDefault(boolean(), false, "Publish a running instance: stop it, publish it, and start it again.", {
    compare: "never",
  }),
  type: computed(string(), "container or virtual-machine."),
  created_at: computed(integer(), "When it was built, in Unix time."),
  uploaded_at: computed(string(), "When it was added to the server, RFC 3339."),
  size_bytes: computed(integer(), "Bytes on the server."),
  filename: computed(string(), "The name of the uploaded file."),
  copied_aliases: computed(listOf(string()), "The aliases that were copied from the remote."),
};
export type IncusImage = typeof image;

/** What `images init` writes. */
export const starter: Starter = {
  backend: "incus",
  settings: [{ name: "remote", question: "Remote of the incus client (empty: the server of this host)" }],
  image: "alpine",
  origin: 'source_image = { remote = "images", name = "alpine/edge" }',
  attributes: 'aliases = ["alpine-edge"]',
};
