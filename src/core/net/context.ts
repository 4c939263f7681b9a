import type { Failure } from "../failure.ts";
import type { Limits } from "../model/declaration.ts";
import type { Clock } from "./clock.ts";
import type { Environment } from "./proxy.ts";

/** A retry that is about to be waited for. */
export interface RetryNotice {
  readonly method: string;
  /** Without user, query and fragment. */
  readonly url: string;
  /** The try that failed, from 1, and how many there may be. */
  readonly attempt: number;
  readonly attempts: number;
  /** Milliseconds until the next one. */
  readonly wait: number;
  /** Milliseconds since the first of a row of refusals of a busy server, with this wait. */
  readonly waited?: number;
  readonly failure: Failure;
}

/** One request that has been answered, or has failed. Redacted. */
export interface RequestTrace {
  readonly method: string;
  /** Without user, query and fragment. */
  readonly url: string;
  /** None: there was no answer, and `failure` says why. */
  readonly status?: number;
  readonly id?: string;
  readonly failure?: string;
  readonly ms: number;
}

/** The headers and bodies of one request and its answer, a line each. Redacted. */
export interface RequestDetail {
  readonly method: string;
  readonly url: string;
  readonly direction: "sent" | "received";
  readonly lines: readonly string[];
}

/** What the program gives to a client, besides what its plugin asks for. */
export interface HttpContext {
  /** Of the run: ends every call. */
  readonly signal?: AbortSignal;
  readonly limits?: Limits;
  /** A server that says that it is too busy is waited for until the time of the call is over, and tries are not counted. */
  readonly patient?: boolean;
  /** Takes known secrets out of a text. */
  readonly redact: (text: string) => string;
  /** Makes a text one of the known secrets. */
  readonly maskSecret: (text: string) => void;
  /** For proxies and SSL_CERT_FILE. */
  readonly env: Environment;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly onRequest?: (traced: RequestTrace) => void;
  readonly onDetail?: (detailed: RequestDetail) => void;
  readonly onRetry?: (retry: RetryNotice) => void;
}
