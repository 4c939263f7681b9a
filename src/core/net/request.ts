import { passThrough } from "../model/image.ts";
import type { BodyFactory } from "./body.ts";
import type { Answer, Call, HttpOptions } from "./client.ts";
import type { ExchangeTimeouts } from "./exchange.ts";
import type { RequestInfo } from "./failures.ts";
import { basic, decoded } from "./proxy.ts";
import { maySendCredentials } from "./url.ts";

/** Seconds without a byte. */
const IDLE = 60;
/** A server that has got a large body may work on it for so many times longer before it answers. */
const DIGESTING = 5;
const SAFE = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);

/** One request as it is wanted, whatever number of tries it takes. */
export interface HttpRequest {
  readonly request: RequestInfo;
  /** All in lower case. The client's own headers go over `defaults`, and `headers` over those. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string | undefined;
  readonly opens: BodyFactory | undefined;
  readonly onSent: (sent: number) => void;
  /** Twice is as good as once. */
  readonly isSafe: boolean;
  /** The client's own headers go along. */
  readonly isOwn: boolean;
  readonly patience: ExchangeTimeouts;
  /** Statuses that are wanted though they are no success. */
  readonly accept: readonly number[];
}

export const lowerCase = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

export function requestOf(
  method: string,
  url: URL,
  call: Call,
  base: URL,
  options: HttpOptions,
  { redact, maskSecret }: { redact: RequestInfo["redact"]; maskSecret: (text: string) => void },
): HttpRequest {
  const authorization = basic(url);
  if (url.password !== "") maskSecret(decoded(url.password));
  url.username = "";
  url.password = "";
  const opens = opensOf(call);
  const text =
    call.json === undefined ? (typeof call.body === "string" ? call.body : undefined) : JSON.stringify(call.json);
  const type =
    opens === undefined ? (call.json === undefined ? undefined : "application/json") : "application/octet-stream";
  const idle = (options.idle ?? IDLE) * 1000;
  return {
    request: {
      method,
      url,
      redact,
      credentials: options.credentials ?? "the credentials in the settings of this backend",
    },
    defaults: { accept: "*/*", "user-agent": "images", ...(type === undefined ? {} : { "content-type": type }) },
    headers: { ...(authorization === undefined ? {} : { authorization }), ...lowerCase(call.headers ?? {}) },
    text,
    opens,
    onSent: (sent) => call.progress?.("upload", sent, opens?.size),
    isSafe: call.idempotent ?? SAFE.has(method),
    isOwn: maySendCredentials(base, url),
    patience: { idle, answer: idle * DIGESTING },
    accept: call.accept ?? [],
  };
}

function opensOf({ source, body }: Call): BodyFactory | undefined {
  if (source !== undefined) {
    const { size } = source;
    return { open: (signal) => passThrough(source, signal), ...(size === undefined ? {} : { size }) };
  }
  return typeof body === "object" ? body : undefined;
}

export const wantsJson = (call: Call): Call => ({
  ...call,
  headers: { accept: "application/json", ...lowerCase(call.headers ?? {}) },
});

/** The JSON of an answer; undefined for none. */
export const contentOf = async (answer: Answer): Promise<unknown> =>
  (await answer.text()) === "" ? undefined : await answer.json();
