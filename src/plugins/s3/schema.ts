import { boolean, computed, duration, matching, optional, required, type Starter, string, withDefault } from "images";
import { image as stored } from "../local/schema.ts";

const place = matching(
  /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/[A-Za-z0-9._/-]*)?$/,
  "s3://BUCKET/PREFIX: a bucket of 3 to 63 small letters, digits, . and -, and a prefix of letters, digits, . _ - and /",
);
const url = matching(/^https?:\/\/[^\s?#]+$/i, "a URL that begins with https:// or http://");

/** `[backend.NAME]` with `plugin = "s3"`. What is not written comes from the environment, then from a profile, as in the AWS tools. */
export const config = {
  path: required(place, "The bucket, and the prefix of the store in it. The bucket has to exist.", {
    example: "s3://team-images/mirror",
  }),
  endpoint: optional(
    url,
    "The URL of the object store, where it is not AWS. Default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, then the profile.",
    {
      example: "https://s3.example.org",
    },
  ),
  region: optional(string(), "The region. Default: AWS_REGION, AWS_DEFAULT_REGION, then the profile, then us-east-1."),
  profile: optional(
    string(),
    "The profile in ~/.aws/config and ~/.aws/credentials. Default: AWS_PROFILE, then default.",
  ),
  access_key: optional(
    string(),
    "The access key, or env:NAME. Default: AWS_ACCESS_KEY_ID, then the profile, web identity, the container's or the instance's role.",
    { example: "env:STORE_ACCESS_KEY" },
  ),
  secret_key: optional(string(), "The secret key, by reference. Default: as for `access_key`.", {
    sensitive: true,
    example: "env:STORE_SECRET_KEY",
  }),
  path_style: optional(
    boolean(),
    "The bucket in the path of URLs, not in the name of the host. Default: true with an `endpoint`, and for buckets with a dot.",
  ),
  encrypt: optional(string(), "Server-side encryption: AES256, or the id of a KMS key."),
  grace: withDefault(duration(), "1h", "How long the bytes of a deleted image are kept for current readers."),
  resume: withDefault(
    duration(),
    "24h",
    "How long the parts of an interrupted upload are kept, so that it can be continued.",
  ),
  url: optional(
    matching(/^https?:\/\/[^\s"'`<>$\\]+$/, "an http or https URL"),
    "Where the store is served: for the links of its feed, and the commands on its page.",
    { example: "https://mirror.example.org/images/" },
  ),
};
export type S3Config = typeof config;

/** An image in the store: as in a directory. */
export const image = { ...stored, path: computed(string(), "The object, from the prefix of the store.") };

/** What `images init` writes. */
export const starter: Starter = {
  backend: "bucket",
  settings: [{ name: "path", question: "Bucket and prefix", default: "s3://team-images/mirror" }],
  attributes: 'aliases = ["debian-12"]',
};
