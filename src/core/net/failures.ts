import { type Code, Failure } from "../failure.ts";
import type { ErrorDetails } from "./client.ts";
import { retryAfter } from "./retry.ts";
import { escaped, excerpt } from "./text.ts";
import { shownUrl } from "./url.ts";

/** What is known of the request that failed, for messages and hints. */
export interface RequestInfo {
  readonly method: string;
  readonly url: URL;
  /** The settings that hold the credentials, as hints name them. */
  readonly credentials: string;
  readonly redact: (text: string) => string;
}

/** Headers in which servers tell the number under which their log has the request. */
const IDS = [
  "x-openstack-request-id",
  "x-compute-request-id",
  "x-request-id",
  "x-amz-request-id",
  "x-amzn-requestid",
  "x-trans-id",
  "x-correlation-id",
  "request-id",
];

/** The number under which the server's log has the request. */
export const requestId = (headers: Headers): string | undefined =>
  IDS.map((name) => headers.get(name)).find((value): value is string => value !== null && value !== "");

const WORDS: Readonly<Record<number, string>> = {
  400: "bad request",
  401: "not authenticated",
  403: "forbidden",
  404: "not found",
  405: "method not allowed",
  407: "the proxy requires a user and a password",
  408: "request timeout",
  409: "conflict",
  410: "gone",
  411: "the server requires a length",
  412: "changed in the meantime",
  413: "too large",
  415: "unsupported content type",
  429: "too many requests",
  500: "internal server error",
  501: "the server does not support this method",
  502: "bad gateway",
  503: "service unavailable",
  504: "gateway timeout",
  507: "the server has no space left",
};

/** The Failure for an answer whose status is no success. */
export function answerFailure(
  answer: { readonly status: number; readonly headers: Headers; readonly body: string },
  explained: ErrorDetails | undefined,
  request: RequestInfo,
  now: number,
): Failure {
  const { status, headers } = answer;
  const given = explained?.id ?? requestId(headers);
  const id = given === undefined ? undefined : request.redact(excerpt(given, 100));
  const code: Code = `backend.${explained?.code ?? codeOf(status)}`;
  const said = explained?.message ?? plainText(answer);
  const words = WORDS[status] ?? (status < 400 ? "unexpected response" : status < 500 ? "refused" : "failed");
  const message = `${said === "" ? words : excerpt(request.redact(said))} (${request.method} ${shown(request)}: ${status}${id === undefined ? "" : `, request ${id}`})`;
  const hint = explained?.hint === undefined ? hintOf(code, status, request) : escaped(request.redact(explained.hint));
  return new Failure(code, message, {
    hint,
    retry: explained?.retry ?? (isPassing(status) ? (retryAfter(headers.get("retry-after"), now) ?? true) : false),
    request: { method: request.method, url: shown(request), status, ...(id === undefined ? {} : { id }) },
  });
}

/** Statuses that say "not now". 500 counts, but only where nothing can have been changed. */
export const isPassing = (status: number): boolean => [408, 429, 500, 502, 503, 504].includes(status);

function codeOf(status: number): string {
  switch (status) {
    case 401:
      return "auth";
    case 403:
      return "denied";
    case 404:
    case 410:
      return "missing";
    case 409:
      return "conflict";
    case 413:
      return "limits";
    case 429:
    case 503:
      return "busy";
    default:
      return status < 500 ? "refused" : "failed";
  }
}

function hintOf(code: Code, status: number, { credentials }: RequestInfo): string | undefined {
  if (status === 407) return "set them in HTTPS_PROXY or HTTP_PROXY: http://user:password@host:port";
  switch (code) {
    case "backend.auth":
      return `check ${credentials}: the server rejected it`;
    case "backend.denied":
      return `access denied: grant ${credentials} the permission, or use other credentials`;
    case "backend.busy":
      return "try again later, or set a lower `parallelism` or `rate_limit` for this backend";
    case "backend.failed":
      return "the error is on the server: try again; if it persists, report the request to its operators";
    default:
      return undefined;
  }
}

/** What a body says when no plugin explains it: a text as it is, the text of an HTML page. */
function plainText({ headers, body }: { readonly headers: Headers; readonly body: string }): string {
  const isPage = /html/i.test(headers.get("content-type") ?? "") || /^\s*<(?:!doctype|html)/i.test(body);
  if (!isPage) return body.trim();
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(body)?.[1] ?? "";
  return title.trim();
}

/** A failure of the connection itself, reported with the request that it ended. */
export function brokenFailure(error: unknown, info: RequestInfo, said: string): Failure {
  const request = { method: info.method, url: shown(info) };
  const at = ` (${info.method} ${shown(info)})`;
  if (error instanceof Failure)
    return new Failure(error.code, `${error.message}${at}`, {
      hint: error.hint,
      cause: error.cause,
      retry: error.retry,
      request,
    });
  const reason = info.redact(reasonOf(error));
  if (codeOfError(error) === "UND_ERR_INVALID_ARG")
    return new Failure("net.request", `the request cannot be sent: ${reason}${at}`, {
      hint: "check for a line break or non-Latin character in a header, most likely in a secret",
      request,
    });
  return new Failure("net.broken", `${said}: ${reason}${at}`, { retry: true, request, cause: error });
}

/** The words for what went wrong with a socket. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return escaped(String(error));
  const code = codeOfError(error);
  return REASONS[code] ?? (error.message === "" ? code : excerpt(error.message));
}

/** The code that the system, the TLS library or the HTTP client gave an error. */
export function codeOfError(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** ECONNRESET, as sockets of this client report it. */
export const RESET = "ERR_CONNECTION_RESET";

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  [RESET]: "the connection was reset",
  EPIPE: "the connection was closed by the other side",
  UND_ERR_SOCKET: "the connection was closed by the other side",
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "the name server does not respond",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ENOENT: "there is no such socket",
  EACCES: "permission denied",
};

const shown = ({ url, redact }: RequestInfo): string => redact(shownUrl(url));
