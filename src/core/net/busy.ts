import { Failure } from "../failure.ts";
import { FailedAttempt } from "./attempt.ts";
import type { Call } from "./client.ts";
import type { RetryNotice } from "./context.ts";
import { isPassing } from "./failures.ts";
import type { HttpRequest } from "./request.ts";
import { retryAfter, untilReset } from "./retry.ts";

interface Refusal {
  readonly status: number;
  readonly headers: Headers;
}

/** Some servers send Retry-After with everything (Linode: the end of its window of a minute); it counts where the server is too busy. */
const TELLS_WHEN = new Set([413, 429, 503]);

/** Milliseconds after which a server that is too busy wants to be asked again. */
export function retryDelay({ status, headers }: Refusal, now: number): number | undefined {
  if (!TELLS_WHEN.has(status)) return undefined;
  const reset = status === 429 ? untilReset(headers.get("x-ratelimit-reset"), now) : undefined;
  return retryAfter(headers.get("retry-after"), now) ?? reset;
}

/** Many that were sent away together come back together, so a server that is too busy is waited for, and tries are not counted. */
export const isBusy = (error: unknown): boolean =>
  error instanceof FailedAttempt && error.failure instanceof Failure && error.failure.code === "backend.busy";

/** 429 and 503 say that nothing was done, unless the server says that it will be away for longer. */
export function mayRetry({ status, headers }: Refusal, { request, isSafe }: HttpRequest, call: Call): boolean {
  if (status === 503 && headers.has("x-maintenance-mode")) return false;
  if (status === 429 || status === 503) return true;
  if (status === 500) return call.idempotent ?? (request.method === "GET" || request.method === "HEAD");
  return isSafe && isPassing(status);
}

/** Milliseconds from which on a wait is worth a word, and between two words. */
const LONG = 5000;
const BETWEEN = 60_000;

/** A wait for the rate at which requests may be sent, where it is long. */
export const rateWaitNotice = (wait: number, rate: number | undefined): Failure | undefined =>
  wait < LONG || rate === undefined
    ? undefined
    : new Failure("backend.busy", `limited to ${rate} requests per second on this backend (rate_limit)`);

/** Says what is waited for, where it takes long: once a minute, not for each of many requests. */
export function longWaitNotice(
  note: (text: string) => void,
  now: () => number = Date.now,
): (retry: RetryNotice) => void {
  let last = -Infinity;
  return ({ wait, waited = wait, failure }) => {
    if (Math.max(wait, waited) < LONG || now() - last < BETWEEN) return;
    last = now();
    note(`waiting ${Math.ceil(wait / 1000)} s: ${failure.message}`);
  };
}
