import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** The two spellings of one signature: same sums, other words. */
export type Family = "OSC4" | "AWS4";

const words = {
  OSC4: { algorithm: "OSC4-HMAC-SHA256", date: "x-osc-date", end: "osc4_request" },
  AWS4: { algorithm: "AWS4-HMAC-SHA256", date: "x-amz-date", end: "aws4_request" },
} as const satisfies Record<Family, unknown>;

export interface Request4 {
  readonly method: string;
  /** As on the wire, without the query. */
  readonly path: string;
  readonly query: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What the Authorization header of a signed request says. */
export interface Signed {
  readonly family: Family;
  readonly accessKey: string;
  /** `YYYYMMDD/region/service/xxx4_request`; region and service may be anything. */
  readonly scope: string;
  readonly names: readonly string[];
  readonly signature: string;
  /** `YYYYMMDDTHHMMSSZ` */
  readonly date: string;
}

/** A signed request's claim, or what is wrong with its form. */
export function readSigned(headers: Request4["headers"]): Signed | string {
  const authorization = headers["authorization"] ?? "";
  const match =
    /^(OSC4|AWS4)-HMAC-SHA256 +Credential=([^/,\s]+)\/([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})$/;
  const [, family, accessKey, scope, names, signature] = match.exec(authorization) ?? [];
  if (family !== "OSC4" && family !== "AWS4") return "the Authorization header is not understood";
  if (accessKey === undefined || scope === undefined || names === undefined || signature === undefined) {
    return "the Authorization header is not complete";
  }
  const date = headers[words[family].date];
  if (date === undefined || !/^\d{8}T\d{6}Z$/.test(date)) return `${words[family].date} is missing or malformed`;
  const [day, region, service, end, ...rest] = scope.split("/");
  if (!region || !service || end !== words[family].end || rest.length > 0) return "the scope is malformed";
  if (day !== date.slice(0, 8)) return "the scope is of another day";
  const signed = names.split(";");
  if (!signed.includes("host") || !signed.includes(words[family].date)) return "host and date are not signed";
  return { family, accessKey, scope, names: signed, signature, date };
}

/**
 * Whether the signature is the one that this secret key makes. Clients differ in two ways and all of them are taken: the
 * host is signed with or without its port, and the path as on the wire or with its double slashes folded.
 */
export function verifies(request: Request4, signed: Signed, secretKey: string): boolean {
  const given = Buffer.from(signed.signature, "hex");
  for (const path of new Set([request.path, request.path.replaceAll(/\/{2,}/g, "/")])) {
    for (const host of hosts(request.headers["host"] ?? "")) {
      const canonical = canonicalRequest(request, signed.names, path, host);
      if (timingSafeEqual(given, signatureOf(signed, secretKey, canonical))) return true;
    }
  }
  return false;
}

export function canonicalRequest(request: Request4, names: readonly string[], path: string, host: string): string {
  const headers = names.map((name) => {
    const value = name === "host" ? host : (request.headers[name] ?? "");
    return `${name}:${value.trim().replaceAll(/ +/g, " ")}\n`;
  });
  const query = request.query.split("&").sort().join("&");
  return [request.method, path, query, headers.join(""), names.join(";"), sha256(request.body)].join("\n");
}

function signatureOf(signed: Signed, secretKey: string, canonical: string): Buffer {
  const text = [words[signed.family].algorithm, signed.date, signed.scope, sha256(canonical)].join("\n");
  const steps = signed.scope.split("/");
  const key = steps.reduce<Buffer>((made, step) => hmac(made, step), Buffer.from(signed.family + secretKey));
  return hmac(key, text);
}

/** The moment of a `YYYYMMDDTHHMMSSZ` date, in milliseconds. */
export function momentOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

function hosts(host: string): readonly string[] {
  return [host, host.replace(/:\d+$/, "")];
}

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
