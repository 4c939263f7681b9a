import { type Call, elementOf, elementsOf, escaped, Failure, type HttpClient, presigned, type S3Access } from "images";
import { strange } from "./explain.ts";
import {
  bodyOf,
  conditionHeaders,
  digestHeaders,
  etagOf,
  headOf,
  type ObjectHead,
  type ObjectListed,
  type ObjectText,
  ownership,
  type StoredAnswer,
  type Writing,
} from "./object.ts";
import type { BucketPlace } from "./place.ts";

const TURNS = 5;

/** The objects below the prefix of a store. Keys are reported and taken without the prefix. */
export class BucketObjects {
  readonly place: BucketPlace;
  readonly #access: S3Access;
  readonly #http: HttpClient;
  readonly #encrypt: string | undefined;
  #now = Date.now();

  constructor(place: BucketPlace, access: S3Access, http: HttpClient, encrypt: string | undefined) {
    this.place = place;
    this.#access = access;
    this.#http = http;
    this.#encrypt = encrypt;
  }

  /** The server, to know it again. */
  get endpoint(): string {
    return this.#access.base;
  }

  /** The time of the server at its last answer, in milliseconds. */
  get now(): number {
    return this.#now;
  }

  where(...parts: readonly string[]): string {
    return `s3://${this.place.bucket}/${this.place.prefix}${parts.join("/")}`;
  }

  async get(key: string): Promise<ObjectText | undefined> {
    const answer = await this.send("GET", key, { accept: [404] });
    if (answer.status !== 404) return { ...headOf(answer), text: answer.text };
    const code = elementOf(answer.text, "Code");
    if (code === "NoSuchKey") return undefined;
    throw missing(code, this.place);
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    const answer = await this.send("HEAD", key, { accept: [404] });
    return answer.status === 404 ? undefined : headOf(answer);
  }

  /** Answers the tag of the new version; undefined when the condition does not hold. */
  async put(key: string, bytes: string | Uint8Array, how: Writing = {}): Promise<string | undefined> {
    const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    const digests = digestHeaders(data);
    const md5 = Buffer.from(digests["content-md5"], "base64").toString("hex");
    const own = how.store === undefined ? how : { ...how, md5, size: data.byteLength };
    const headers = { ...this.written(key, own), ...digests, ...conditionHeaders(how.when ?? "any") };
    const call = { headers, body: bodyOf(data), accept: [404, 409, 412], ...(how.signal && { signal: how.signal }) };
    const answer = await this.send("PUT", key, call);
    return answer.status < 300 ? etagOf(answer) : this.#unmet(answer);
  }

  /** Undefined: the condition of a write does not hold. @throws Failure: it was refused for another reason */
  #unmet({ status, text }: StoredAnswer): undefined {
    const code = elementOf(text, "Code");
    // 404: what was to be matched is gone. 409: another write of the same object goes on just now.
    if (status === 412 || (status === 404 && code !== "NoSuchBucket")) return undefined;
    if (status === 409 && /Conflict|OperationAborted/.test(code ?? "")) return undefined;
    throw status === 404 ? missing(code, this.place) : strange(`answered ${status} ${code ?? ""}`);
  }

  async delete(key: string): Promise<void> {
    await this.send("DELETE", key, { accept: [404] });
  }

  /** Every object below a prefix, a page at a time, in order. */
  async *list(under: string): AsyncGenerator<ObjectListed> {
    const prefix = `${this.place.prefix}${under}`;
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const query = { "list-type": "2", prefix, "continuation-token": token };
      const { text } = await this.send("GET", undefined, { query });
      for (const one of elementsOf(text, "Contents")) {
        const [key, etag] = [elementOf(one, "Key") ?? "", elementOf(one, "ETag") ?? ""];
        const age = this.#now - Date.parse(elementOf(one, "LastModified") ?? "");
        const size = Number(elementOf(one, "Size"));
        if (key.startsWith(prefix)) yield { key: this.without(key), etag, size, age: Number.isNaN(age) ? 0 : age };
      }
      token = elementOf(text, "NextContinuationToken");
    }
  }

  /** Whether anything is below the prefix, of whomever it is. */
  async isEmpty(): Promise<boolean> {
    const query = { "list-type": "2", prefix: this.place.prefix, "max-keys": "1" };
    return elementsOf((await this.send("GET", undefined, { query })).text, "Contents").length === 0;
  }

  /** The bytes as they come. */
  async *stream(key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* (await this.#http.send("GET", this.#url(key), { signal })).stream();
  }

  /** A URL by which anybody may get the object, for so many seconds. It is a secret. */
  async link(key: string, seconds: number): Promise<string> {
    const { region, keys } = this.#access;
    const signer = { family: "AWS4", keys: await keys(), region, service: "s3" } as const;
    return presigned(new URL(this.#url(key)), signer, new Date(), seconds);
  }

  /** The headers that a new object is written with. */
  written(key: string, { type = "application/octet-stream", ...how }: Writing): Record<string, string> {
    const isFixed = key.startsWith("blobs/") || /^streams\/v1\/images-/.test(key);
    return {
      "content-type": type,
      "cache-control": isFixed ? "public, max-age=31536000, immutable" : "no-cache",
      ...ownership(key, how),
      ...this.#encryption(),
    };
  }

  /** Sends a request and reads its answer whole; one that broke off is asked for again: everything here may be done twice. */
  async send(method: string, key: string | undefined, call: Partial<Call>): Promise<StoredAnswer> {
    // What a run did is written down also where it is interrupted: each request has a limit of its own.
    const signal = call.signal ?? new AbortController().signal;
    for (let turn = 1; ; turn++) {
      try {
        const accept = [...(call.accept ?? []), 301];
        const answer = await this.#http.send(method, this.#url(key), { ...call, signal, accept, idempotent: true });
        const now = Date.parse(answer.headers.get("date") ?? "");
        if (!Number.isNaN(now)) this.#now = now;
        const text = await answer.text();
        // AWS's word for another region, which has no place to go on at.
        if (answer.status === 301) throw elsewhere(answer.headers, this.place);
        return { status: answer.status, headers: answer.headers, text };
      } catch (error) {
        const isShort = error instanceof Failure && error.code === "net.short";
        if (!isShort || turn === TURNS) throw error;
      }
    }
  }

  without(key: string): string {
    return key.slice(this.place.prefix.length);
  }

  /** As a header names the source of a copy. */
  source(key: string): string {
    return `/${escaped(this.place.bucket)}/${pathOf(`${this.place.prefix}${key}`)}`;
  }

  #url(key: string | undefined): string {
    const { base } = this.#access;
    return key === undefined ? base : `${base}/${pathOf(`${this.place.prefix}${key}`)}`;
  }

  #encryption(): Readonly<Record<string, string>> {
    const encrypt = this.#encrypt;
    if (encrypt === undefined) return {};
    if (encrypt === "AES256") return { "x-amz-server-side-encryption": encrypt };
    return { "x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": encrypt };
  }
}

const pathOf = (key: string): string => key.split("/").map(escaped).join("/");

const missing = (code: string | undefined, { bucket }: BucketPlace): Failure =>
  code === "NoSuchBucket"
    ? new Failure("backend.missing", `there is no bucket ${bucket}`, {
        hint: "create it, or correct `path`, `endpoint` or `region`",
      })
    : strange(`answered 404 ${code ?? ""}`);

const elsewhere = (headers: Headers, { bucket }: BucketPlace): Failure =>
  new Failure("backend.refused", `the bucket ${bucket} is in another region`, {
    hint: `set region = "${headers.get("x-amz-bucket-region") ?? "REGION"}"`,
  });
