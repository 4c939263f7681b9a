/** What came in and what was answered; `status` is 0 when the connection was dropped. */
export interface Logged {
  /** Which of an emulator's servers took it, such as "api" or "uploads". */
  readonly server: string;
  readonly method: string;
  /** As sent, percent-encoding and all. */
  readonly path: string;
  readonly query: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed JSON body of an API call; undefined where there is none, or where it was streamed. */
  readonly body: unknown;
  /** The operation of the API description, when the path is one of it. */
  readonly operation: string | undefined;
  readonly status: number;
  /** The planned fault that was answered instead, if any. */
  readonly fault: string | undefined;
}

/** Picks entries of a log; what is left out matches all. A text for `path` matches when the path ends with it. */
export interface Wanted {
  readonly server?: string;
  readonly method?: string;
  readonly path?: string | RegExp;
  readonly operation?: string;
  readonly status?: number;
}

/** The requests that an emulator has answered, in order. */
export class RequestLog {
  readonly #entries: Logged[] = [];
  readonly #waiting = new Set<() => void>();

  get entries(): readonly Logged[] {
    return this.#entries;
  }

  add(entry: Logged): void {
    this.#entries.push(entry);
    for (const wake of [...this.#waiting]) wake();
  }

  of(wanted: Wanted): readonly Logged[] {
    return this.#entries.filter((entry) => matches(entry, wanted));
  }

  count(wanted: Wanted = {}): number {
    return this.of(wanted).length;
  }

  clear(): void {
    this.#entries.length = 0;
  }

  /** Resolves as soon as `count` entries match; rejects with the signal's reason when it is aborted first. */
  async until(wanted: Wanted, count = 1, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.count(wanted) >= count) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wake = () => {
      if (this.count(wanted) >= count) resolve();
    };
    const aborted = () => reject(signal?.reason);
    this.#waiting.add(wake);
    signal?.addEventListener("abort", aborted, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(wake);
      signal?.removeEventListener("abort", aborted);
    }
  }
}

function matches(entry: Logged, wanted: Wanted): boolean {
  if (wanted.server !== undefined && entry.server !== wanted.server) return false;
  if (wanted.method !== undefined && entry.method !== wanted.method) return false;
  if (wanted.operation !== undefined && entry.operation !== wanted.operation) return false;
  if (wanted.status !== undefined && entry.status !== wanted.status) return false;
  if (wanted.path === undefined) return true;
  return typeof wanted.path === "string" ? entry.path.endsWith(wanted.path) : wanted.path.test(entry.path);
}
