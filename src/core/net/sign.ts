import { createHash, createHmac } from "node:crypto";

// Signature version 4, in its two spellings: AWS4, which every S3 takes, and OSC4 of Outscale's own API.

export type SignatureFamily = "OSC4" | "AWS4";

const WORDS = {
  OSC4: { date: "x-osc-date", end: "osc4_request" },
  AWS4: { date: "x-amz-date", end: "aws4_request" },
} as const satisfies Record<SignatureFamily, unknown>;

export interface Keys {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

export interface Signer {
  readonly family: SignatureFamily;
  readonly keys: Keys;
  readonly region: string;
  /** "api" for the API, "s3" for the object store. */
  readonly service: string;
}

/** What is signed, in the words of the scheme. */
interface Canonical {
  readonly method: string;
  /** As on the wire. */
  readonly path: string;
  /** Sorted and encoded; "" for none. */
  readonly query: string;
  /** Names in lower case; the order does not matter. */
  readonly headers: Readonly<Record<string, string>>;
  /** The hexadecimal SHA-256 of the body, or UNSIGNED-PAYLOAD. */
  readonly payload: string;
}

const UNSIGNED = "UNSIGNED-PAYLOAD";

/** `YYYYMMDDTHHMMSSZ` */
export const timestampOf = (at: Date): string => at.toISOString().replace(/[-:]|\.\d+/g, "");

/** The hexadecimal signature of a request at the time of a stamp. */
export function signatureOf(canonical: Canonical, signer: Signer, stamp: string): string {
  const names = Object.keys(canonical.headers).sort();
  const lines = names.map((name) => `${name}:${(canonical.headers[name] ?? "").trim().replaceAll(/ +/g, " ")}\n`);
  const { method, path, query, payload } = canonical;
  const request = [method, path, query, lines.join(""), names.join(";"), payload].join("\n");
  const scope = scopeOf(signer, stamp);
  const text = [`${signer.family}-HMAC-SHA256`, stamp, scope, sha256(request)].join("\n");
  const seed = Buffer.from(`${signer.family}${signer.keys.secretKey}`);
  const key = scope.split("/").reduce<Buffer>((made, step) => hmac(made, step), seed);
  return hmac(key, text).toString("hex");
}

/** The headers that a signed request carries besides its own, of which those of the scheme are signed too. `body` undefined: it is sent without being signed. */
export function signedHeaders(
  request: {
    readonly method: string;
    readonly url: URL;
    readonly body: string | undefined;
    readonly headers?: Readonly<Record<string, string>>;
  },
  signer: Signer,
  at: Date,
): Readonly<Record<string, string>> {
  const stamp = timestampOf(at);
  const payload = request.body === undefined ? UNSIGNED : sha256(request.body);
  const own = {
    [WORDS[signer.family].date]: stamp,
    ...(signer.family === "AWS4" ? { "x-amz-content-sha256": payload } : {}),
    ...(signer.keys.sessionToken === undefined ? {} : { "x-amz-security-token": signer.keys.sessionToken }),
  };
  const given = Object.entries(request.headers ?? {}).filter(([name]) => name.startsWith("x-amz-"));
  const headers = { host: request.url.host, ...Object.fromEntries(given), ...own };
  const canonical = {
    method: request.method,
    path: pathOf(request.url),
    query: queryOf(request.url.searchParams),
    headers,
    payload,
  };
  const signature = signatureOf(canonical, signer, stamp);
  const names = Object.keys(headers).sort().join(";");
  const credential = `${signer.keys.accessKey}/${scopeOf(signer, stamp)}`;
  return {
    ...own,
    authorization: `${signer.family}-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** A URL with which anyone can get the object, for so many seconds. */
export function presigned(url: URL, signer: Signer, at: Date, seconds: number): string {
  const stamp = timestampOf(at);
  const made = new URL(url);
  const query = new URLSearchParams({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${signer.keys.accessKey}/${scopeOf(signer, stamp)}`,
    "X-Amz-Date": stamp,
    "X-Amz-Expires": String(seconds),
    ...(signer.keys.sessionToken === undefined ? {} : { "X-Amz-Security-Token": signer.keys.sessionToken }),
    "X-Amz-SignedHeaders": "host",
  });
  const headers = { host: url.host };
  const sorted = queryOf(query);
  const canonical = { method: "GET", path: pathOf(url), query: sorted, headers, payload: UNSIGNED };
  made.search = `${sorted}&X-Amz-Signature=${signatureOf(canonical, signer, stamp)}`;
  return made.href;
}

/** A text as a part of a path or query: all but letters, digits and - . _ ~ is escaped (RFC 3986). */
export const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

const pathOf = (url: URL): string =>
  url.pathname
    .split("/")
    .map((part) => escaped(decodeURIComponent(part)))
    .join("/");

const queryOf = (query: URLSearchParams): string =>
  [...query]
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .sort()
    .join("&");

const scopeOf = ({ family, region, service }: Signer, stamp: string): string =>
  `${stamp.slice(0, 8)}/${region}/${service}/${WORDS[family].end}`;

export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
