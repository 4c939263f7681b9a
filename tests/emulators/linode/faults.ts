import { dropped } from "../kit/planned.ts";

/** A trouble that a test can plan for coming requests. */
export type Fault =
  /** 429: as JSON from the API, or as the page of the balancer before it. `retryAfter` is in seconds. */
  | { readonly kind: "too-many-requests"; readonly shape: "json" | "html"; readonly retryAfter?: number }
  | { readonly kind: "busy" }
  | { readonly kind: "not-yet-available"; readonly retryAfter?: number }
  /** 503 that clients must not try again. */
  | { readonly kind: "maintenance" }
  | { readonly kind: "internal" }
  | { readonly kind: "bad-gateway" }
  /** The connection is closed before anything is done; an upload is closed after `afterBytes` of it. */
  | { readonly kind: "dropped"; readonly afterBytes?: number }
  /** What was asked for is done, but its answer never arrives. */
  | { readonly kind: "lost-answer" };

/** An answer that is not an operation's own. `json` is set when it is one of the API's error bodies. */
export interface FaultAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: { readonly errors: readonly { readonly reason: string }[] };
  readonly text?: string;
}

/** The answer of the API for a fault; undefined for those that have none. */
export function apiFault(fault: Fault): FaultAnswer | undefined {
  switch (fault.kind) {
    case "too-many-requests":
      if (fault.shape === "html") return page(429, "Too Many Requests", after(fault.retryAfter));
      return error(429, "Too many requests", after(fault.retryAfter));
    case "busy":
      return error(400, "Linode busy.");
    case "not-yet-available":
      return error(503, "This service is not yet available. Please try again later.", after(fault.retryAfter));
    case "maintenance":
      return error(503, "The API is under maintenance.", { "X-Maintenance-Mode": "1" });
    case "internal":
      return error(500, "An unexpected error occurred.");
    case "bad-gateway":
      return page(502, "Bad Gateway");
    case "dropped":
    case "lost-answer":
      return undefined;
    default:
      return fault satisfies never;
  }
}

/** The answer of the object storage for a fault. */
export function storageFault(fault: Fault): Response {
  switch (fault.kind) {
    case "too-many-requests":
    case "busy":
    case "not-yet-available":
    case "maintenance":
      return storageError(503, "SlowDown");
    case "internal":
      return storageError(500, "InternalError");
    case "bad-gateway":
      return new Response(nginx(502, "Bad Gateway"), { status: 502, headers: { "content-type": "text/html" } });
    case "dropped":
    case "lost-answer":
      return dropped();
    default:
      return fault satisfies never;
  }
}

/** An error as S3-like storage writes it. */
export function storageError(status: number, code: string, message = ""): Response {
  const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return new Response(text, { status, headers: { "content-type": "application/xml" } });
}

function error(status: number, reason: string, headers: Readonly<Record<string, string>> = {}): FaultAnswer {
  return { status, headers, json: { errors: [{ reason }] } };
}

function page(status: number, title: string, headers: Readonly<Record<string, string>> = {}): FaultAnswer {
  return { status, headers: { ...headers, Server: "nginx", "Content-Type": "text/html" }, text: nginx(status, title) };
}

function nginx(status: number, title: string): string {
  const heading = `${status} ${title}`;
  return `<html>\r\n<head><title>${heading}</title></head>\r\n<body>\r\n<center><h1>${heading}</h1></center>\r\n</body>\r\n</html>\r\n`;
}

function after(seconds: number | undefined): Readonly<Record<string, string>> {
  return seconds === undefined ? {} : { "Retry-After": String(seconds) };
}
