import { createHash } from "node:crypto";
import type { Answer } from "../../net/client.ts";
import type { StateRead } from "../answers.ts";

/** What tells one version of an object from another. */
export interface Tagged {
  readonly etag: string;
  /** Milliseconds, both by the clock of the store; none where it does not say. */
  readonly modified?: number;
  readonly asked?: number;
}

/** A body as it was read, with the tag that came with it. */
export interface Found<T> extends Tagged {
  readonly body: T;
}

/** How the body of an answer is read. */
export type Reading<T> = (answer: Answer) => Promise<T>;

/** Undefined: it was not read to its end. */
export type Body = string | StateRead | undefined;

export function timesIn(headers: Headers): Omit<Tagged, "etag"> {
  const [modified, asked] = ["last-modified", "date"].map((name) => Date.parse(headers.get(name) ?? ""));
  return {
    ...(modified === undefined || Number.isNaN(modified) ? {} : { modified }),
    ...(asked === undefined || Number.isNaN(asked) ? {} : { asked }),
  };
}

/** Nothing speaks against it: the tag is the MD5 of the body, or has another form, or the body will be read again. */
export function isOfOneVersion({ body, etag }: Found<Body>): boolean {
  const md5 = /^"?([0-9a-f]{32})"?$/i.exec(etag)?.[1]?.toLowerCase();
  if (md5 === undefined || body === undefined) return true;
  return md5 === (typeof body === "string" ? createHash("md5").update(body).digest("hex") : body.md5);
}
