import { setTimeout as pause } from "node:timers/promises";
import { Failure } from "../../failure.ts";
import type { Call, HttpClient, HttpOptions } from "../../net/client.ts";
import { escaped, signedHeaders } from "../../net/sign.ts";
import { documentIn, textOf } from "../answers.ts";
import type { Document } from "../storage.ts";
import { s3Access, s3ErrorOf } from "./access.ts";
import { explained, refused } from "./explain.ts";
import type { S3Location } from "./location.ts";
import type { S3Env } from "./profiles.ts";
import { type Body, type Found, isOfOneVersion, type Reading, type Tagged, timesIn } from "./reading.ts";
import { elementOf, elementsOf } from "./xml.ts";

interface S3Object extends Tagged {
  readonly text: string;
}
/** What must hold for a write to happen: this version is there, or none. */
type Condition = { readonly match: string } | "absent" | "any";

export interface S3Context {
  readonly env: S3Env;
  readonly open: (options: HttpOptions) => HttpClient;
  readonly maskSecret: (secret: string) => void;
  readonly now?: () => number;
}

/** An answer that was read to its end: as text, or, of one that says yes, as it was asked for. */
interface Told<T = never> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly read: { readonly body: T } | undefined;
}
const TURNS = 5;
const ENCRYPTION = "x-amz-server-side-encryption";
/** Reads in a row whose tags are not the digests of their texts, until no tag is taken for one; milliseconds after the first, longer after each next. */
const READS = 6;
const PAUSE = 20;

interface Site {
  readonly http: HttpClient;
  readonly base: string;
}

/** The objects of one bucket, as far as a state needs them. Every failure is a Failure state.*. */
export class Objects implements AsyncDisposable {
  readonly place: S3Location;
  readonly #context: S3Context;
  #site: Promise<Site> | undefined;
  /** Tags of this store are no digests. */
  #isOpaque = false;

  constructor(place: S3Location, context: S3Context) {
    this.place = place;
    this.#context = context;
  }

  /** The store, for people and to know it again. */
  async endpoint(): Promise<string> {
    return (await this.#opened()).base;
  }

  /**
   * A store may give the text of one version with the tag of the next (versitygw with a directory of its own for attributes does, while that
   * is written): under that tag, who believes the text takes a lock that another run has. The tag of a small object is the MD5 of its text,
   * which tells. A store where it never is, is believed from then on; one that encrypts with keys of KMS or of its users says that it is not
   * (API_Object.html, "ETag").
   */
  async get(key: string, signal: AbortSignal, range?: string): Promise<S3Object | undefined> {
    const found = await this.#read(key, textOf, signal, range);
    return found && { ...found, text: found.body };
  }

  /** The document of the state; a large one in pieces, if that is possible. */
  async document(signal: AbortSignal): Promise<Document | undefined> {
    const { key } = this.place;
    const found = await this.#read(key, documentIn, signal);
    if (found === undefined) return undefined;
    const { body, etag: tag } = found;
    if (typeof body === "object") return { state: body.state, tag };
    if (typeof body === "string") return { text: body, tag };
    const whole = await this.get(key, signal);
    return whole && { text: whole.text, tag: whole.etag };
  }

  async #read<T extends Body>(
    key: string,
    reading: Reading<T>,
    signal: AbortSignal,
    range?: string,
  ): Promise<Found<T> | undefined> {
    for (let tries = 1; ; tries++) {
      const found = await this.#readOnce(key, reading, signal, range);
      if (found === undefined || range !== undefined || this.#isOpaque || isOfOneVersion(found)) return found;
      this.#isOpaque = tries === READS;
      if (this.#isOpaque) return found;
      await pause(PAUSE * tries, undefined, { signal });
    }
  }

  async #readOnce<T>(
    key: string,
    reading: Reading<T>,
    signal: AbortSignal,
    range?: string,
  ): Promise<Found<T> | undefined> {
    const headers = range === undefined ? {} : { range };
    // 416: a range of an empty object.
    const answer = await this.#send("GET", key, { signal, headers, accept: [404, 416] }, "s3:GetObject", reading);
    const { text, headers: said, read } = answer;
    if (/^aws:kms/.test(said.get(ENCRYPTION) ?? "") || said.has(`${ENCRYPTION}-customer-algorithm`))
      this.#isOpaque = true;
    if (answer.status === 416) return undefined;
    if (read === undefined) {
      const code = elementOf(text, "Code");
      if (code === "NoSuchKey") return undefined;
      throw refused(this.place, code ?? "", "GET", key, "s3:GetObject");
    }
    return { ...read, etag: etagOf(said), ...timesIn(said) };
  }

  /** Answers the tag of the new version; undefined when the condition does not hold. */
  async put(key: string, text: string, condition: Condition, signal: AbortSignal): Promise<string | undefined> {
    const when: Record<string, string> =
      condition === "any" ? {} : condition === "absent" ? { "if-none-match": "*" } : { "if-match": condition.match };
    const headers = { "content-type": "application/json", ...this.#encryption(), ...when };
    const call = { signal, headers, body: text, accept: [404, 409, 412] };
    const answer = await this.#send("PUT", key, call, "s3:PutObject");
    const said = answer.text;
    if (answer.status < 300) return etagOf(answer.headers);
    // 404: what was to be matched is gone.
    if (answer.status === 412 || (answer.status === 404 && elementOf(said, "Code") === "NoSuchKey")) return undefined;
    const code = elementOf(said, "Code") ?? "";
    // Another write of the same object goes on just now.
    if (answer.status === 409 && /Conflict|OperationAborted/.test(code)) return undefined;
    throw refused(this.place, code, "PUT", key, "s3:PutObject");
  }

  /** A copy made by the store itself. False when another version is there by now. */
  async copy(from: string, tag: string, to: string, signal: AbortSignal): Promise<boolean> {
    const headers = {
      ...this.#encryption(),
      "x-amz-copy-source": `/${escaped(this.place.bucket)}/${pathOf(from)}`,
      "x-amz-copy-source-if-match": tag,
    };
    const call = { signal, headers, body: "", accept: [404, 412] };
    const answer = await this.#send("PUT", to, call, "s3:PutObject");
    const said = answer.text;
    if (answer.status >= 300) return false;
    // It may begin with 200 and end with an error.
    if (/<Error>/.test(said)) throw refused(this.place, elementOf(said, "Code") ?? "", "PUT", to, "s3:PutObject");
    return true;
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    await this.#send("DELETE", key, { signal, accept: [404] }, "s3:DeleteObject");
  }

  /** The keys below a prefix with their sizes, in order. */
  async list(prefix: string, signal: AbortSignal): Promise<readonly { readonly key: string; readonly size: number }[]> {
    const found: { key: string; size: number }[] = [];
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const query = { "list-type": "2", prefix, "continuation-token": token };
      const answer = (await this.#send("GET", undefined, { signal, query }, "s3:ListBucket")).text;
      for (const one of elementsOf(answer, "Contents"))
        found.push({ key: elementOf(one, "Key") ?? "", size: Number(elementOf(one, "Size")) });
      token = elementOf(answer, "NextContinuationToken");
    }
    return found;
  }

  #encryption(): Readonly<Record<string, string>> {
    const { encrypt } = this.place;
    if (encrypt === undefined) return {};
    if (encrypt === "AES256") return { "x-amz-server-side-encryption": encrypt };
    return {
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": encrypt,
    };
  }

  /** Sends a request and reads its answer whole; one that broke off is asked for again: everything here may be done twice. */
  async #send<T = never>(
    method: string,
    key: string | undefined,
    call: Call,
    action: string,
    reading?: Reading<T>,
  ): Promise<Told<T>> {
    const { http, base } = await this.#opened();
    const path = key === undefined ? base : `${base}/${pathOf(key)}`;
    for (let turn = 1; ; turn++) {
      try {
        // 301 is AWS's word for another region, and has no place to go on at.
        const accept = [...(call.accept ?? []), 301];
        const answer = await http.send(method, path, { ...call, accept, idempotent: true });
        if (answer.status === 301) {
          const code = elementOf(await answer.text(), "Code") ?? "PermanentRedirect";
          throw refused(this.place, code, method, key ?? "", action, answer.headers.get("x-amz-bucket-region"));
        }
        const { status, headers } = answer;
        if (reading === undefined || status >= 300)
          return { status, headers, text: await answer.text(), read: undefined };
        return { status, headers, text: "", read: { body: await reading(answer) } };
      } catch (error) {
        const isShort = error instanceof Failure && error.code === "net.short";
        if (!isShort || turn === TURNS) throw explained(error, this.place, base, method, key, action);
      }
    }
  }

  #opened(): Promise<Site> {
    this.#site ??= this.#open();
    return this.#site;
  }

  async #open(): Promise<Site> {
    const { env, open, maskSecret, now = Date.now } = this.#context;
    const { base, region, keys } = await s3Access(this.place, { env, open, maskSecret: maskSecret, now });
    const http = open({
      url: base,
      headers: async (request) =>
        signedHeaders(request, { family: "AWS4", keys: await keys(), region, service: "s3" }, new Date(now())),
      explain: ({ body, headers }) => s3ErrorOf(body, headers, now()),
      credentials: "the AWS credentials of the state",
    });
    return { http, base };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const site = await this.#site?.catch(() => undefined);
    await site?.http[Symbol.asyncDispose]();
  }
}

const pathOf = (key: string): string => key.split("/").map(escaped).join("/");

function etagOf(headers: Headers): string {
  const etag = headers.get("etag");
  if (etag !== null && etag !== "") return etag;
  throw new Failure("state.remote", "the object store answers without ETag, which a state in S3 needs");
}
