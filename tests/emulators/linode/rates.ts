export interface Rate {
  /** Requests a minute. */
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds since 1970. */
  readonly reset: number;
  readonly over: boolean;
}

export type RateKind = "images" | "listing" | "other";

/** GET /images has its own, small limit; other listings and the rest as the documentation of 2026 says. */
export const limits: Readonly<Record<RateKind, number>> = { images: 20, listing: 200, other: 1600 };

const minute = 60_000;

/** Counts requests in windows of a minute that begin with their first request. */
export class Rates {
  readonly #now: () => number;
  readonly #windows = new Map<RateKind, { begun: number; count: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts one request. `over` says that it is more than the limit lets through. */
  take(kind: RateKind): Rate {
    const now = this.#now();
    const known = this.#windows.get(kind);
    const window = known !== undefined && now - known.begun < minute ? known : { begun: now, count: 0 };
    window.count += 1;
    this.#windows.set(kind, window);
    const limit = limits[kind];
    return {
      limit,
      remaining: Math.max(0, limit - window.count),
      reset: window.begun + minute,
      over: window.count > limit,
    };
  }
}
