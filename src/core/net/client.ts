import type { Phase, Source } from "../model/image.ts";

/** How a backend is reached. The program adds limits, redaction, proxies and retries. */
export interface HttpOptions {
  /** Every path starts from here; a trailing slash is not needed. */
  readonly url: string;
  /** Sent with every request; asked again for each, so that a renewed token is used. */
  readonly headers?:
    | Readonly<Record<string, string>>
    | ((request: OutgoingRequest) => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>);
  /** A unix socket, used instead of the network. */
  readonly socket?: string;
  /** PEM texts. `pin`: the server must show exactly this certificate, or that of this sha256 in hex, and its name does not count. */
  readonly tls?: {
    readonly cert?: string;
    readonly key?: string;
    readonly ca?: string;
    /** Authorities besides the usual ones, for whatever server is met. */
    readonly extra?: string;
    readonly pin?: string;
    /** False: any certificate. */
    readonly verify?: boolean;
  };
  /** Redirects from https to http, and every other http URL, are refused. */
  readonly httpsOnly?: boolean;
  /** Reads an error answer of this API: message, request id, code, hint. */
  readonly explain?: (answer: {
    readonly status: number;
    readonly headers: Headers;
    readonly body: string;
  }) => ErrorDetails | undefined;
  /** Called once for a 401; true: credentials were renewed, send the request again. */
  readonly renew?: () => Promise<boolean>;
  /** Requests at once, and as many uploads; the user's `parallelism` wins where it is lower. Default 8. */
  readonly parallelism?: number;
  /** Requests a second, where the API documents a limit; the user's `rate_limit` wins. Default: none. */
  readonly rateLimit?: number;
  /** Seconds without a byte, in either direction, after which a connection is abandoned. Default 60. */
  readonly idle?: number;
  /** The settings that hold the credentials, as hints name them: "`token`". Default: the credentials in the settings. */
  readonly credentials?: string;
}

export interface ErrorDetails {
  readonly message?: string;
  readonly hint?: string;
  readonly id?: string;
  /** Overrides whether the status is retried. */
  readonly retry?: boolean;
  /** The part of the code behind "backend.": "quota", "conflict". Default by status: auth, denied, missing, conflict, limits, busy, refused. */
  readonly code?: string;
}

/** A request before it is sent, for its signature. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  /** The JSON or text body; undefined for streams. */
  readonly body: string | undefined;
  /** The headers of the call, in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Call {
  readonly signal: AbortSignal;
  /**
   * Ends the wait for a turn and for another try, but not a request that was sent: the answer to a creating request says what was created.
   */
  readonly until?: AbortSignal;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** A body; `open` is called again for each try. Chunks belong to the call and must not be written to again. */
  readonly body?:
    | string
    | { readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>; readonly size?: number };
  /** Like `body`, with progress reported as the bytes leave. */
  readonly source?: Source;
  readonly progress?: (phase: Phase, done: number, total?: number) => void;
  /** May be sent twice. Default: true for GET, HEAD, PUT, DELETE. Others are retried only when they cannot have arrived, and on 429 and 503 (for up to five minutes). */
  readonly idempotent?: boolean;
  /**
   * Seconds for the whole call, all its tries and waits. Default: none where a body flows (an idle timeout holds), else the user's `timeout`
   * or 60 for each try, and no try begins after five minutes. It ends when `Answer.stream` is called.
   */
  readonly timeout?: number;
  /** Statuses besides 2xx that are not a failure. */
  readonly accept?: readonly number[];
}

/** An answer keeps its connection, and counts for `parallelism`, until its body was read; small bodies are read at once. */
export interface Answer {
  readonly status: number;
  /** The address that answered, after redirects; without user, query and fragment. */
  readonly url: string;
  readonly headers: Headers;
  /** The whole body, at most 64 MiB, decompressed where the server compressed it. @throws Failure net.short, net.timeout, backend.answer */
  text(): Promise<string>;
  /** The body as JSON. @throws Failure backend.answer */
  json(): Promise<unknown>;
  /** The body as it arrives, to be read once. @throws Failure net.short, net.timeout if it breaks off or stalls */
  stream(): AsyncIterable<Uint8Array>;
}

/**
 * The one way to a backend. Redirects of GET and HEAD are followed; to another server no credentials and no headers of its own go along. Retries with jittered backoff and Retry-After, keeps the limits, stops on the signal, classifies errors:
 * every status but 2xx is a Failure `backend.*` with method, path and request id, and without secrets.
 */
export interface HttpClient extends AsyncDisposable {
  /** `path` is joined to `HttpOptions.url`; a full URL is used as it is (without the headers of the client, if its host is another one). */
  send(method: string, path: string, call: Call): Promise<Answer>;
  /** The answer's JSON; undefined for 204 and an empty body. */
  json(method: string, path: string, call: Call): Promise<unknown>;
  /** The same; undefined for 404 as well. */
  find(method: string, path: string, call: Call): Promise<unknown>;
  /**
   * Text messages of a WebSocket, over the same connection settings. Ends when the server ends it; rejects with a Failure where it cannot be
   * opened or breaks (nothing is tried again: who listens has missed something), and with the signal's reason.
   */
  listen(path: string, call: Pick<Call, "signal" | "query" | "headers">): AsyncIterable<string>;
}
