import { Failure } from "../failure.ts";
import { type Clock, systemClock } from "./clock.ts";

const BASE = 500;
const MOST = 30_000;
const LONGEST_RETRY_AFTER = 600_000;

/** Milliseconds before the try after the `failed`th: anywhere between nothing and a step that doubles up to 30 s ("full jitter"). */
export const backoff = (failed: number, random: () => number = Math.random): number =>
  random() * Math.min(MOST, BASE * 2 ** (failed - 1));

/** Milliseconds that a Retry-After header (seconds or an HTTP date) asks for, ten minutes at most; undefined when it says nothing. */
export function retryAfter(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim() ?? "";
  const request = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(request) ? undefined : Math.min(Math.max(request, 0), LONGEST_RETRY_AFTER);
}

/** Seconds since 1970 from here on; a smaller X-RateLimit-Reset counts the seconds until then. */
const AN_EPOCH = 1e9;

/** Milliseconds until the time that X-RateLimit-Reset names, ten minutes at most; undefined when it says nothing. */
export function untilReset(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  const at = Number(text) < AN_EPOCH ? now + Number(text) * 1000 : Number(text) * 1000;
  return Math.min(Math.max(at - now, 0), LONGEST_RETRY_AFTER);
}

export interface RetryOptions {
  /** The try that failed, from 1, and how many there may be: Infinity where only the time ends it. */
  readonly attempt: number;
  readonly attempts: number;
  /** Milliseconds until the next one. */
  readonly wait: number;
  /** Milliseconds since the first of a row of refusals of a busy side, with this wait. */
  readonly waited?: number;
  readonly failure: unknown;
}

interface Retrying {
  readonly signal: AbortSignal;
  /** Tries in all. Default 5. */
  readonly attempts?: number;
  /** A time of the clock; a wait that would go beyond it is not begun, and the last failure is thrown. */
  readonly deadline?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Is another try of use? A number: the milliseconds that the other side asked for. Default: what the Failure says. */
  readonly again?: (failure: unknown) => boolean | number;
  /**
   * Failures that no number of tries ends, only time: the other side has too much to do, and says so. The time from the first of a row of
   * them counts, as long as the one until the deadline: what waited for its turn before that has as much patience as what did not.
   */
  readonly patient?: (failure: unknown) => boolean;
  /** Called before each wait. */
  readonly onRetry?: (again: RetryOptions) => void;
}

/** Does the work again, after a while, as long as its failures are worth another try. Rejects with the last one, or with the signal's reason. */
export async function retrying<T>(work: (attempt: number) => Promise<T>, options: Retrying): Promise<T> {
  const { signal, attempts = 5, deadline = Infinity, clock = systemClock, random = Math.random } = options;
  const again = options.again ?? ((failure) => failure instanceof Failure && failure.retry);
  const time = deadline - clock.now();
  let busySince: number | undefined;
  for (let attempt = 1, counted = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await work(attempt);
    } catch (failure) {
      signal.throwIfAborted();
      const request = again(failure);
      const isPatient = deadline !== Infinity && options.patient?.(failure) === true;
      if (!isPatient) counted += 1;
      busySince = isPatient ? (busySince ?? clock.now()) : undefined;
      const end = busySince === undefined ? deadline : busySince + time;
      if (request === false || counted >= attempts) throw failure;
      // A little jitter on top of what was asked for, so that many that were sent away do not come back together.
      const wait = request === true ? backoff(attempt, random) : request + random() * 250;
      if (clock.now() + wait > end) throw failure;
      const waited = busySince === undefined ? {} : { waited: clock.now() + wait - busySince };
      options.onRetry?.({ attempt, attempts: isPatient ? Infinity : attempts, wait, ...waited, failure });
      await clock.sleep(wait, signal);
    }
  }
}

export interface Polling {
  readonly signal: AbortSignal;
  /** Seconds before the second look; each wait is half as long again as the one before. Default 1. */
  readonly interval?: number;
  /** Seconds that a wait grows to. Default 15. */
  readonly max?: number;
  /** Seconds after which it is abandoned with a Failure `net.timeout`. Default: never, the signal ends it. */
  readonly deadline?: number;
  /** What is waited for, for that failure: "image x to become active". */
  readonly what?: string;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Looks until something else than undefined is seen. Rejects with what `look` throws, or with the signal's reason. */
export async function poll<T>(look: (attempt: number) => Promise<T | undefined>, options: Polling): Promise<T> {
  const { signal, interval = 1, max = 15, deadline = Infinity, clock = systemClock, random = Math.random } = options;
  const end = clock.now() + deadline * 1000;
  for (let attempt = 1, wait = interval * 1000; ; attempt++) {
    signal.throwIfAborted();
    const seen = await look(attempt);
    if (seen !== undefined) return seen;
    const left = end - clock.now();
    if (left <= 0) {
      const what = options.what ?? "it to be ready";
      throw new Failure("net.timeout", `timed out after ${deadline} s waiting for ${what}`, {
        retry: true,
        hint: "set a longer `timeout`; the next run resumes it",
      });
    }
    await clock.sleep(Math.min(wait * (0.9 + 0.2 * random()), left), signal);
    wait = Math.min(wait * 1.5, max * 1000);
  }
}
