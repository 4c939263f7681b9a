import { createHash } from "node:crypto";
import {
  type Context,
  escaped,
  Failure,
  type HeldPart,
  type Host,
  type HttpClient,
  inParts,
  partSize,
  passThrough,
  presigned,
  type Signer,
  type Source,
  signedHeaders,
} from "images";
import { explainStore } from "./explain.ts";
import type { BucketAccess } from "./settings.ts";

/** An upload whose parts were not joined. */
interface Unfinished {
  readonly key: string;
  readonly uploadId: string;
}

/** One bucket of the object store: what images need of S3. */
export class OutscaleBucket {
  readonly name: string;
  readonly access: BucketAccess;
  readonly #http: HttpClient;
  readonly #signer: Signer;
  readonly #now: () => Date;

  constructor(access: BucketAccess, host: Pick<Host, "http">, now: () => Date = () => new Date()) {
    this.name = access.name;
    this.access = access;
    this.#now = now;
    this.#signer = { family: "AWS4", keys: access.keys, region: access.region, service: "s3" };
    this.#http = host.http({
      url: this.#url(""),
      headers: (request) => signedHeaders(request, this.#signer, this.#now()),
      explain: explainStore,
      credentials: "`access_key` and `secret_key`, and their permissions on the bucket,",
    });
  }

  #url(key: string): string {
    const path = key.split("/").map(escaped).join("/");
    return `${this.access.endpoint}/${escaped(this.name)}${path === "" ? "" : `/${path}`}`;
  }

  /** A URL with which anyone can get the object, for so many seconds. It is a secret. */
  presigned(key: string, seconds: number): string {
    return presigned(new URL(this.#url(key)), this.#signer, this.#now(), seconds);
  }

  /** The same of a URL without a signature; undefined when it leads to another place. */
  presignedUrl(url: string, seconds: number): string | undefined {
    if (!url.startsWith(`${this.access.endpoint}/`) || url.includes("?")) return undefined;
    return presigned(new URL(url), this.#signer, this.#now(), seconds);
  }

  /**
   * Sends an object in parts, as it comes: two parts are in memory at most. `onChunk` gets each piece first. Nothing of it can be read before
   * the last byte was sent. Who is stopped or has to begin twice leaves an unfinished upload, which `clear` removes.
   * @throws Failure source.digest when the store got other bytes
   */
  async upload(key: string, source: Source, onChunk: (piece: Uint8Array) => void, context: Context): Promise<number> {
    const { signal, progress } = context;
    const id = element(await this.#text("POST", key, { uploads: "" }, "", signal), "UploadId");
    const etags: string[] = [];
    let sent = 0;
    let sending: Promise<void> = Promise.resolve();
    progress("upload", 0, source.size);
    const send = async (n: number, { bytes, release }: HeldPart) => {
      const { byteLength } = bytes;
      let isSent = false;
      try {
        etags[n - 1] = await this.#part(key, id, n, bytes, signal);
        isSent = true;
      } finally {
        release(isSent);
      }
      sent += byteLength;
      progress("upload", sent, source.size);
    };
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of passThrough(source, signal)) {
        onChunk(piece);
        yield piece;
      }
    };
    try {
      for await (const part of inParts(pieces(), (n) => partSize(n, source.size), signal)) {
        await sending.catch((thrown: unknown): never => {
          part.release();
          throw thrown;
        });
        sending = send(part.n, part);
        // It is awaited before the next part is sent; until then its result is unused.
        sending.catch(() => undefined);
      }
    } finally {
      await Promise.allSettled([sending]);
    }
    await sending;
    const list = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join("");
    const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
    const answer = await this.#text("POST", key, { uploadId: id }, body, signal).catch(async (thrown: unknown) => {
      // The answer to a first try was lost: the parts are joined, and the upload is no more.
      const isOver = thrown instanceof Failure && thrown.code === "backend.missing";
      if (isOver && (await this.keys(key, signal)).includes(key)) return "";
      throw thrown;
    });
    // The answer may begin before the parts are joined, with 200, and end with an error.
    if (/<Error>/.test(answer))
      throw new Failure("backend.failed", `the object store could not join the parts: ${element(answer, "Code")}`, {
        hint: "apply again",
      });
    return sent;
  }

  /** The keys below a prefix. */
  async keys(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const found: string[] = [];
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const query = { "list-type": "2", prefix, "continuation-token": token };
      const answer = await this.#text("GET", "", query, undefined, signal);
      found.push(...all(answer, "Contents").map((one) => element(one, "Key")));
      token = /<NextContinuationToken>/.test(answer) ? element(answer, "NextContinuationToken") : undefined;
    }
    return found;
  }

  /** Removes all objects below a prefix, and uploads to there that were never finished. */
  async clear(prefix: string, signal: AbortSignal): Promise<void> {
    for (const key of await this.keys(prefix, signal))
      await this.#http.find("DELETE", this.#url(key), { signal, idempotent: true });
    for (const { key, uploadId } of await this.unfinished(prefix, signal))
      await this.#http.find("DELETE", this.#url(key), { signal, query: { uploadId }, idempotent: true });
  }

  /** Uploads below a prefix that were never finished. */
  async unfinished(prefix: string, signal: AbortSignal): Promise<readonly Unfinished[]> {
    const answer = await this.#text("GET", "", { uploads: "", prefix }, undefined, signal);
    return all(answer, "Upload")
      .map((one) => ({ key: element(one, "Key"), uploadId: element(one, "UploadId") }))
      .filter(({ key }) => key.startsWith(prefix));
  }

  async *get(key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* (await this.#http.send("GET", this.#url(key), { signal })).stream();
  }

  async #part(key: string, uploadId: string, partNumber: number, part: Uint8Array, signal: AbortSignal) {
    const body = { size: part.byteLength, open: () => once(part) };
    const query = { partNumber, uploadId };
    const answer = await this.#http.send("PUT", this.#url(key), { signal, query, body, idempotent: true });
    await answer.text();
    const etag = answer.headers.get("etag") ?? "";
    const got = /^"?([0-9a-f]{32})"?$/i.exec(etag)?.[1]?.toLowerCase();
    const md5 = createHash("md5").update(part).digest("hex");
    if (got === undefined || got === md5) return etag;
    throw new Failure(
      "source.digest",
      `checksum mismatch of the upload: sent MD5 ${md5}, the object store received ${got}`,
      {
        hint: "the bytes were changed on the way: apply again",
      },
    );
  }

  async #text(
    method: string,
    key: string,
    query: Readonly<Record<string, string | undefined>>,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    // Twice begun, an upload leaves one that is cleared away with its prefix; all else comes to the same.
    const call = { signal, query, idempotent: true, ...(body === undefined ? {} : { body }) };
    return await (await this.#http.send(method, this.#url(key), call)).text();
  }
}

async function* once(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  yield piece;
}

/** Pieces put together into parts of one size; the last one is shorter. */
const all = (xml: string, name: string): readonly string[] =>
  [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "gs"))].map(([, inner = ""]) => inner);

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The text of the first element of a name. @throws Failure backend.answer */
function element(xml: string, name: string): string {
  const [text] = all(xml, name);
  if (text === undefined)
    throw new Failure("backend.answer", `the response of the object store has no ${name}`, {
      hint: "check that `bucket_endpoint` is an S3 server",
    });
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, entity: string) => {
    if (!entity.startsWith("#")) return ENTITIES[entity] ?? whole;
    return String.fromCodePoint(
      Number(entity.toLowerCase().startsWith("#x") ? `0${entity.slice(1)}` : entity.slice(1)),
    );
  });
}
