import { Failure } from "images";

/** `s3://BUCKET/PREFIX`: where a store is. */
export interface BucketPlace {
  readonly bucket: string;
  /** "" or with a slash at its end. */
  readonly prefix: string;
}

const PATH = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[A-Za-z0-9._-]+\/?)*))?$/;

/** Whether a text names a place of a bucket. */
export const isPlace = (text: string): boolean =>
  PATH.test(text) && !/\/\.{1,2}(?:\/|$)/.test(text.slice("s3:/".length));

/** @throws Failure config.value */
export function placeOf(path: string): BucketPlace {
  const [, bucket, prefix = ""] = PATH.exec(path) ?? [];
  if (bucket === undefined || !isPlace(path))
    throw new Failure("config.value", `invalid path ${JSON.stringify(path)}: expected s3://BUCKET/PREFIX`, {
      hint: "for example s3://team-images/mirror",
    });
  return { bucket, prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/` };
}
