import { refusals } from "./refusal.ts";

/** More requests than `requests` of one action in `ms` are refused. */
export interface Limit {
  readonly requests: number;
  readonly ms: number;
  readonly status: 429 | 503;
  /** Whether the refusal says when to come again. */
  readonly tellsWhen: boolean;
}

/** Counts the requests of each action in windows that begin with their first one. */
export class Throttle {
  limit: Limit | undefined;
  readonly #now: () => number;
  readonly #windows = new Map<string, { begun: number; count: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @throws Refused with HTTP 429 or 503 */
  take(action: string): void {
    const { limit } = this;
    if (limit === undefined) return;
    const now = this.#now();
    const known = this.#windows.get(action);
    const window = known !== undefined && now - known.begun < limit.ms ? known : { begun: now, count: 0 };
    window.count += 1;
    this.#windows.set(action, window);
    if (window.count <= limit.requests) return;
    const rest = Math.ceil((window.begun + limit.ms - now) / 1000);
    throw refusals.throttled(limit.status, limit.tellsWhen ? rest : undefined);
  }
}
