import { createHash } from "node:crypto";
import { strange } from "./explain.ts";

/** What must hold for a write to happen: this version is there, or none. */
export type Condition = { readonly match: string } | "absent" | "any";

/** What is known of an object without its bytes. */
export interface ObjectHead {
  readonly etag: string;
  readonly size: number;
  /** Milliseconds since its last write, by the clock of the server. */
  readonly age: number;
  /** The time of the server, in milliseconds. */
  readonly now: number;
  /** The store that wrote it, under this key; none where its bytes are other ones since. */
  readonly owner: { readonly store: string; readonly key: string } | undefined;
  /** What it says of the digest of its bytes. */
  readonly sha256: string | undefined;
}

export interface ObjectText extends ObjectHead {
  readonly text: string;
}

export interface ObjectListed {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  /** Milliseconds since its last write, by the clock of the server. */
  readonly age: number;
}

/** An answer that was read whole. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** How an object is written. */
export interface Writing {
  readonly when?: Condition;
  /** The store that it belongs to; none: it bears no marker. */
  readonly store?: string;
  /** Of the bytes of an image. */
  readonly sha256?: string;
  readonly size?: number;
  /** Hexadecimal. */
  readonly md5?: string;
  readonly type?: string;
  readonly signal?: AbortSignal;
}

const STORE = "x-amz-meta-images-store";
const KEY = "x-amz-meta-images-key";
const SHA256 = "x-amz-meta-images-sha256";
const SIZE = "x-amz-meta-images-size";
const MD5 = "x-amz-meta-images-md5";

/** Whose an object is, and of which bytes, in words of its own. */
export const ownership = (
  key: string,
  { store, sha256, size, md5 }: Pick<Writing, "store" | "sha256" | "size" | "md5">,
): Readonly<Record<string, string>> => ({
  ...(store === undefined ? {} : { [STORE]: store, [KEY]: key }),
  ...(sha256 === undefined ? {} : { [SHA256]: sha256 }),
  ...(size === undefined ? {} : { [SIZE]: String(size) }),
  ...(md5 === undefined ? {} : { [MD5]: md5 }),
});

/** Whether the store wrote this object, under this key: a copy of one of its objects is another user's. */
export const isOwn = (head: ObjectHead, store: string, key: string): boolean =>
  head.owner?.store === store && head.owner.key === key;

export const conditionHeaders = (when: Condition): Readonly<Record<string, string>> =>
  when === "any" ? {} : when === "absent" ? { "if-none-match": "*" } : { "if-match": when.match };

/** The server compares both with what it got: the first everywhere, the second where it can. */
export const digestHeaders = (data: Uint8Array) => ({
  "content-md5": createHash("md5").update(data).digest("base64"),
  "x-amz-checksum-sha256": createHash("sha256").update(data).digest("base64"),
});

export const bodyOf = (data: Uint8Array) => ({
  size: data.byteLength,
  async *open(): AsyncGenerator<Uint8Array> {
    yield data;
  },
});

export function headOf({ headers, ...stored }: StoredAnswer): ObjectHead {
  const [modified = Number.NaN, now = Number.NaN] = [headers.get("last-modified"), headers.get("date")].map((at) =>
    Date.parse(at ?? ""),
  );
  const [store, key] = [headers.get(STORE), headers.get(KEY)];
  if (Number.isNaN(now)) throw strange("answers without Date");
  const etag = etagOf({ headers, ...stored });
  const size = Number(headers.get("content-length") ?? 0);
  const isTouched = store === null || key === null || !bears(headers, size, etag);
  return {
    etag,
    size,
    age: Number.isNaN(modified) ? 0 : Math.max(0, now - modified),
    now,
    owner: isTouched ? undefined : { store, key },
    sha256: headers.get(SHA256) ?? undefined,
  };
}

/** Whether the bytes are those that the object says of itself: some servers keep the words of an object whose bytes were replaced. */
function bears(headers: Headers, size: number, etag: string): boolean {
  const [said, md5] = [headers.get(SIZE), headers.get(MD5)];
  const isHashed = !/kms/.test(headers.get("x-amz-server-side-encryption") ?? "");
  const got = isHashed ? plainEtag(etag) : undefined;
  return (said === null || Number(said) === size) && (md5 === null || got === undefined || got === md5);
}

/** The MD5 of the bytes, where an ETag may be one. */
export const plainEtag = (etag: string): string | undefined => /^"?([0-9a-f]{32})"?$/i.exec(etag)?.[1]?.toLowerCase();

export function etagOf({ headers }: StoredAnswer): string {
  const etag = headers.get("etag");
  if (etag !== null && etag !== "") return etag;
  throw strange("answers without ETag");
}
