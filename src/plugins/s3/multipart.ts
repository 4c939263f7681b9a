import { elementOf, elementsOf, Failure } from "images";
import { strange } from "./explain.ts";
import { bodyOf, digestHeaders, etagOf, isOwn, plainEtag, type Writing } from "./object.ts";
import type { BucketObjects } from "./objects.ts";

const MIB = 1024 * 1024;
/** The most that one request copies, and the parts in which more is copied. */
const LIMITS = { copied: 5 * 1024 * MIB, copyPart: 1024 * MIB };

/** A part that the server has. */
export interface SentPart {
  readonly etag: string;
  readonly size: number;
  /** Base64, where the server keeps one. */
  readonly sha256?: string;
}

/** An upload in parts, which cannot be read before it is completed. */
export interface Upload {
  readonly key: string;
  readonly id: string;
}

/** Whose an object is, and the digest of its bytes where that is known. */
export type Owned = Pick<Writing, "sha256" | "size"> & { readonly store: string };

export interface Copying extends Owned {
  readonly from: string;
  readonly to: string;
  readonly size: number;
}

export class Multipart {
  readonly #objects: BucketObjects;
  readonly #limits: typeof LIMITS;

  constructor(objects: BucketObjects, limits = LIMITS) {
    this.#objects = objects;
    this.#limits = limits;
  }

  async begin(key: string, how: Owned): Promise<Upload> {
    const headers = { ...this.#objects.written(key, how), "x-amz-checksum-algorithm": "SHA256" };
    const { text } = await this.#objects.send("POST", key, { query: { uploads: "" }, headers, body: "" });
    const id = elementOf(text, "UploadId");
    if (id === undefined) throw strange("began an upload without an UploadId");
    return { key, id };
  }

  /** The parts of an upload; undefined when there is none any more. */
  async parts({ key, id }: Upload): Promise<ReadonlyMap<number, SentPart> | undefined> {
    const found = new Map<number, SentPart>();
    for (let marker: string | undefined, more = true; more; more = marker !== undefined) {
      const query = { uploadId: id, "part-number-marker": marker };
      const { status, text } = await this.#objects.send("GET", key, { query, accept: [404] });
      if (status === 404) return undefined;
      for (const one of elementsOf(text, "Part")) {
        const sha256 = elementOf(one, "ChecksumSHA256");
        const part = { etag: elementOf(one, "ETag") ?? "", size: Number(elementOf(one, "Size")) };
        found.set(Number(elementOf(one, "PartNumber")), { ...part, ...(sha256 === undefined ? {} : { sha256 }) });
      }
      marker = elementOf(text, "IsTruncated") === "true" ? elementOf(text, "NextPartNumberMarker") : undefined;
    }
    return found;
  }

  /** Sends a part, unless the server has it with the same digest. @throws Failure source.digest: the server got other bytes */
  async part(
    { key, id }: Upload,
    n: number,
    data: Uint8Array,
    have: SentPart | undefined,
    signal: AbortSignal,
  ): Promise<SentPart> {
    const headers = digestHeaders(data);
    const sha256 = headers["x-amz-checksum-sha256"];
    const md5 = Buffer.from(headers["content-md5"], "base64").toString("hex");
    const isSame = have?.sha256 === undefined ? plainEtag(have?.etag ?? "") === md5 : have.sha256 === sha256;
    if (have !== undefined && have.size === data.byteLength && isSame) return have;
    const query = { partNumber: n, uploadId: id };
    const answer = await this.#objects.send("PUT", key, { query, headers, body: bodyOf(data), signal });
    const [etag, reportedSha256] = [etagOf(answer), answer.headers.get("x-amz-checksum-sha256")];
    const isEncrypted = /kms/.test(answer.headers.get("x-amz-server-side-encryption") ?? "");
    const got = plainEtag(etag);
    if (
      (reportedSha256 !== null && reportedSha256 !== sha256) ||
      (reportedSha256 === null && !isEncrypted && got !== undefined && got !== md5)
    )
      throw new Failure("source.digest", `the object store got other bytes than were sent in part ${n}`, {
        hint: "the bytes were changed on the way: apply again",
      });
    return { etag, size: data.byteLength, ...(reportedSha256 === null ? {} : { sha256: reportedSha256 }) };
  }

  /** Joins the parts. `store`: what the object is to bear. @throws Failure backend.failed */
  async complete({ key, id }: Upload, parts: readonly SentPart[], store: string): Promise<void> {
    const list = parts.map(({ etag, sha256 }, i) => {
      const checksum = sha256 === undefined ? "" : `<ChecksumSHA256>${sha256}</ChecksumSHA256>`;
      return `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag>${checksum}</Part>`;
    });
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list.join("")}</CompleteMultipartUpload>`;
    const headers = { "content-type": "application/xml" };
    const query = { uploadId: id };
    const { status, text } = await this.#objects.send("POST", key, { query, headers, body, accept: [404] });
    // The answer may begin before the parts are joined, with 200, and end with an error. 404: the answer to a first try was lost.
    if (status !== 404 && /<Error>/.test(text))
      throw new Failure(
        "backend.failed",
        `the object store could not join the parts: ${elementOf(text, "Code") ?? ""}`,
        {
          hint: "apply again",
        },
      );
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const made = await this.#objects.head(key);
    if (made === undefined || made.size !== size || !isOwn(made, store, key))
      throw new Failure("backend.failed", `the object store has not made ${this.#objects.where(key)} of its parts`, {
        hint: "apply again",
      });
  }

  async abort({ key, id }: Upload): Promise<void> {
    await this.#objects.send("DELETE", key, { query: { uploadId: id }, accept: [404] });
  }

  /** The unfinished uploads below a key. */
  async list(under: string): Promise<readonly Upload[]> {
    const prefix = `${this.#objects.place.prefix}${under}`;
    const found: Upload[] = [];
    let [key, id]: (string | undefined)[] = [];
    do {
      const query = { uploads: "", prefix, "key-marker": key, "upload-id-marker": id };
      const { text } = await this.#objects.send("GET", undefined, { query });
      for (const one of elementsOf(text, "Upload"))
        found.push({ key: this.#objects.without(elementOf(one, "Key") ?? ""), id: elementOf(one, "UploadId") ?? "" });
      const isMore = elementOf(text, "IsTruncated") === "true";
      [key, id] = isMore ? [elementOf(text, "NextKeyMarker"), elementOf(text, "NextUploadIdMarker")] : [];
    } while (key !== undefined && key !== "");
    return found;
  }

  /** A copy that the server makes by itself. False: it is too large for one request. */
  async copy({ from, to, ...how }: Copying): Promise<boolean> {
    if (how.size > this.#limits.copied) return false;
    const source = { "x-amz-copy-source": this.#objects.source(from), "x-amz-metadata-directive": "REPLACE" };
    const headers = { ...this.#objects.written(to, how), ...source };
    const { text } = await this.#objects.send("PUT", to, { headers, body: "" });
    // It may begin with 200 and end with an error.
    if (/<Error>/.test(text)) throw strange(`could not copy ${from}: ${elementOf(text, "Code") ?? ""}`);
    return true;
  }

  async copyParts({ from, size, store }: Copying, upload: Upload): Promise<void> {
    const parts: SentPart[] = [];
    for (let at = 0; at < size; at += this.#limits.copyPart) {
      const length = Math.min(this.#limits.copyPart, size - at);
      const range = { "x-amz-copy-source-range": `bytes=${at}-${at + length - 1}` };
      const headers = { "x-amz-copy-source": this.#objects.source(from), ...range };
      const query = { partNumber: parts.length + 1, uploadId: upload.id };
      const { text } = await this.#objects.send("PUT", upload.key, { query, headers, body: "" });
      const etag = elementOf(text, "ETag");
      if (etag === undefined) throw strange(`could not copy ${from}: ${elementOf(text, "Code") ?? ""}`);
      const sha256 = elementOf(text, "ChecksumSHA256");
      parts.push({ etag, size: length, ...(sha256 === undefined ? {} : { sha256 }) });
    }
    await this.complete(upload, parts, store);
  }
}
