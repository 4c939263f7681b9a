import {
  boolean,
  computed,
  either,
  integer,
  isSame,
  listOf,
  mapOf,
  matching,
  oneOf,
  optional,
  required,
  type Starter,
  setOf,
  string,
  type Type,
  table,
  type Value,
  withDefault,
} from "images";
import { isSameMapping, permissionsOf, tagsOf } from "./values.ts";

const url = matching(/^https?:\/\/[^\s?#]+$/i, "a URL that begins with https:// or http://");

/** `[backend.NAME]` with `plugin = "outscale"`. What is not written comes from the environment, then from a profile. */
export const config = {
  access_key: optional(string(), "The access key, or env:NAME. Default: OSC_ACCESS_KEY, then the profile.", {
    example: "env:OSC_ACCESS_KEY",
  }),
  secret_key: optional(string(), "The secret key, by reference. Default: OSC_SECRET_KEY, then the profile.", {
    sensitive: true,
    example: "env:OSC_SECRET_KEY",
  }),
  region: optional(
    matching(/^[a-z0-9-]+$/, 'a Region as Outscale calls it, like "eu-west-2"'),
    "The Region. Default: OSC_REGION, then the profile, then eu-west-2.",
    { example: "eu-west-2" },
  ),
  account_id: optional(
    matching(/^\d{12}$/, "the 12 digits of an account"),
    "The account id. Needed if the key has no permission for ReadAccounts: only images of this account can be managed.",
  ),
  profile: optional(string(), "The profile in the configuration file. Default: OSC_PROFILE, then default."),
  config: optional(
    string(),
    "The configuration file with profiles. Default: OSC_CONFIG_FILE, then ~/.osc/config.json. Paths are relative to images.toml.",
  ),
  login: optional(
    string(),
    "The e-mail address of the account, to sign in with a password instead of keys. Default: OSC_LOGIN.",
  ),
  password: optional(string(), "The password, by reference. Default: OSC_PASSWORD.", {
    sensitive: true,
    example: "env:OSC_PASSWORD",
  }),
  client_cert: optional(
    string(),
    "A PEM file with the client certificate, for accounts that require one. Default: OSC_X509_CLIENT_CERT, then the profile.",
  ),
  client_key: optional(
    string(),
    "The PEM file with its key. Default: OSC_X509_CLIENT_KEY, then the profile, then client_cert.",
  ),
  endpoint: optional(
    matching(/^[^\s?#]+$/, "a URL, or a host"),
    "The URL of the API. Default: OSC_ENDPOINT_API, then the profile, then https://api.REGION.outscale.com/api/v1.",
  ),
  bucket: optional(
    matching(
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      "the name of a bucket: 3 to 63 lower-case letters, digits, dots and dashes",
    ),
    "The bucket for transfers: needed for images with a source, and for images export.",
  ),
  bucket_endpoint: optional(
    url,
    "The URL of the object store. Default: OSC_ENDPOINT_OOS, then the profile, then https://oos.REGION.outscale.com.",
  ),
  bucket_region: optional(string(), "The Region of the bucket. Default: that of the account."),
};

/** The value itself, or the text of it: `volume_size = "120"` is how the configurations of terraform are often written. */
function lenient<T extends Value>(type: Type<T>, parse: (text: string) => unknown): Type<T> {
  return { ...type, check: (value) => type.check(typeof value === "string" ? (parse(value) ?? value) : value) };
}
const flag = () => lenient(boolean(), (text) => (text === "true" ? true : text === "false" ? false : undefined));
const count = (limits: { readonly min?: number; readonly max?: number }) =>
  lenient(integer(limits), (text) => (/^\d+$/.test(text) ? Number(text) : undefined));

const device = matching(
  /^\/dev\/(?:sda1|(?:sd|xvd)[b-z][a-z]?)$/,
  "/dev/sda1 for the root device, /dev/sdX, /dev/sdXX, /dev/xvdX or /dev/xvdXX for others",
);
const tagList = listOf(
  table({
    key: required(matching(/^.{1,255}$/su, "1 to 255 characters"), "The key."),
    value: required(matching(/^.{0,255}$/su, "0 to 255 characters"), "The value."),
  }),
);
const tagTable = mapOf(matching(/^.{0,255}$/su, "0 to 255 characters"));
const tagSpellings = either(tagList, tagTable);
const tagType: typeof tagSpellings = {
  ...tagSpellings,
  // A list that is not right is reported for what is wrong in it, not for being no table.
  check: (value: unknown) => (Array.isArray(value) ? tagList.check(value) : tagTable.check(value)),
};
const imageIdType = matching(/^ami-[0-9a-f]{8,17}$/, "the id of an image: ami-12345678");

const bsu = table({
  snapshot_id: optional(
    matching(/^snap-[0-9a-f]{8,17}$/, "the id of a snapshot: snap-12345678"),
    "The snapshot of the volume.",
  ),
  volume_size: optional(count({ min: 1 }), "The size of the volume in GiB; with a snapshot, its size or more."),
  volume_type: optional(oneOf("standard", "gp2", "io1"), "The type of the volume. Default: standard."),
  iops: optional(
    count({ min: 1, max: 13_000 }),
    "I/O operations per second, for io1 volumes only: at most 13000, and 300 per GiB.",
  ),
  delete_on_vm_deletion: optional(flag(), "False: the volume stays when its VM is deleted. Default: true."),
});

/** Set when an image is made; a change of it makes a new one. The API does not tell it, so it is compared with what was recorded. */
const made = { onChange: "replace", compare: "recorded" } as const;

/** The same of what the API tells as it is. */
const reported = { ...made, reported: true } as const;

/** The product codes of an image of which nothing else is known. */
export const USUAL_CODES: readonly string[] = ["0001"];

/** An image (OMI) of an Outscale account. */
export const image = {
  image_name: optional(
    matching(/^[A-Za-z0-9_ ()/.-]{3,128}$/, "3 to 128 letters, digits, spaces and _ ( ) / . -"),
    "Its name, unique in the account. Default: the name of the image. A change needs a new image.",
    { onChange: "replace", ownName: true },
  ),
  description: optional(string(), "Description.", { unset: "" }),
  product_codes: optional(
    setOf(string()),
    "Its product codes: licences that its VMs pay for. Default: those of its origin, or 0001. If removed, a copy returns to those of its source, the image of a VM stays unchanged, and others get 0001.",
    {
      unset: [...USUAL_CODES],
    },
  ),
  tags: optional(tagType, "All tags: a table, or a list of {key, value}; others are removed.", {
    unset: {},
    same: (a, b) => isSame(tagsOf(a), tagsOf(b)),
    example: { os: "debian" },
  }),
  permissions: optional(
    table({
      account_ids: withDefault(
        setOf(matching(/^\d{12}$/, "the 12 digits of an account")),
        [],
        "Accounts that may launch it.",
      ),
      global: withDefault(flag(), false, "True: all accounts may launch it."),
    }),
    "Accounts that may launch it, besides the account itself; others are removed.",
    {
      unset: { account_ids: [], global: false },
      same: (a, b) => isSame({ ...permissionsOf(a) }, { ...permissionsOf(b) }),
    },
  ),
  vm_id: optional(
    matching(/^i-[0-9a-f]{8,17}$/, "the id of a VM: i-12345678"),
    "The VM to create it from, with all its volumes.",
    made,
  ),
  no_reboot: optional(
    flag(),
    "True: the VM is not stopped during the creation, so that its disks may be inconsistent.",
    {
      ...made,
      unset: false,
    },
  ),
  source_image_id: optional(
    imageIdType,
    "The image to copy: an id, or another image of the file; needs source_region_name.",
    { ...made, reference: true },
  ),
  source_region_name: optional(string(), "The Region of that image: always the account's own.", made),
  file_location: optional(
    string(),
    "The pre-signed URL of the manifest to register, or a reference to it (env:NAME), which keeps the signature out of the state. A new signature of the same URL is not a change. A URL without a signature, at the bucket endpoint of these settings, is signed with its keys.",
    { ...made, stored: withoutQuery, same: (a, b) => withoutQuery(a) === withoutQuery(b) },
  ),
  block_device_mappings: optional(
    listOf(
      table({
        device_name: optional(device, "The device: /dev/sda1 for the root device."),
        virtual_device_name: optional(matching(/^ephemeral\d+$/, "ephemeralN"), "The virtual device: ephemeralN."),
        bsu: optional(bsu, "The volume to create."),
      }),
    ),
    "The volumes of the image; needs root_device_name. With a source: the type, size and iops of the root volume, and further volumes.",
    { ...reported, same: isSameMapping },
  ),
  root_device_name: optional(device, "The root device among them.", reported),
  architecture: optional(
    oneOf("i386", "x86_64"),
    "The architecture. Default: that of its origin, or x86_64.",
    reported,
  ),
  boot_modes: optional(
    setOf(oneOf("uefi", "legacy")),
    "Its boot modes. Default: those of its origin, or legacy.",
    reported,
  ),
  tpm_mandatory: optional(flag(), "True: its VMs must have a virtual TPM.", { ...reported, unset: false }),
  image_id: computed(string(), "The id: ami-12345678."),
  account_id: computed(string(), "The owner account."),
  account_alias: computed(string(), "The alias of that account, for public images."),
  creation_date: computed(string(), "When it was created, UTC."),
  image_type: computed(string(), "machine."),
  root_device_type: computed(string(), "bsu."),
  secure_boot: computed(boolean(), "Whether its VMs boot securely."),
  state: computed(string(), "pending, available or failed."),
  state_comment: computed(
    table({ state_code: optional(string(), "The code."), state_message: optional(string(), "The reason.") }),
    "Why it is in that state.",
  ),
  permissions_to_launch: computed(
    table({
      account_ids: required(listOf(string()), "Accounts that may launch it."),
      global_permission: required(boolean(), "Whether all accounts may launch it."),
    }),
    "The same as permissions, in the words of the API.",
  ),
};
export type OutscaleConfig = typeof config;
export type Omi = typeof image;

function withoutQuery(text: string): string {
  return text.replace(/[?#].*$/s, "");
}

/** What `images init` writes. */
export const starter: Starter = {
  backend: "outscale",
  settings: [
    { name: "region", question: "Region", default: "eu-west-2" },
    { name: "bucket", question: "Bucket for uploads", default: "images-upload" },
  ],
  more: 'access_key = "env:OSC_ACCESS_KEY"\nsecret_key = "env:OSC_SECRET_KEY"',
};
