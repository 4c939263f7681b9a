import type { Validators } from "../../model/source.ts";

/** What the headers say that tells one version of a file from another. */
export function validatorsOf(headers: Headers, length: number | undefined): Validators {
  const etag = headers.get("etag")?.trim();
  const modified = headers.get("last-modified")?.trim();
  return {
    ...(etag === undefined || etag === "" ? {} : { etag }),
    ...(modified === undefined || modified === "" ? {} : { modified }),
    ...(length === undefined ? {} : { length }),
  };
}

/** The announced length of a body; undefined where none or nonsense is announced. */
export function lengthOf(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
