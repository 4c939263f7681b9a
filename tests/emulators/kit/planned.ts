/** Which requests a planned fault is for; what is left out matches all. */
export interface Aim {
  /** Default "api". */
  readonly server?: string;
  readonly method?: string;
  /** Tested against the path as sent, without the query. */
  readonly path?: RegExp;
  /** Matching requests that are let through before; default 0. */
  readonly skip?: number;
  /** Matching requests that get the fault; default 1. */
  readonly times?: number;
}

interface Entry<F> {
  readonly fault: F;
  readonly aim: Aim;
  skip: number;
  times: number;
}

/** Faults waiting for the requests they are aimed at, first planned first. */
export class Planned<F> {
  readonly #entries: Entry<F>[] = [];

  plan(fault: F, aim: Aim = {}): void {
    this.#entries.push({ fault, aim, skip: aim.skip ?? 0, times: aim.times ?? 1 });
  }

  /** The fault for this request, used up by asking. */
  take(server: string, method: string, path: string): F | undefined {
    const index = this.#entries.findIndex(({ aim }) => {
      if ((aim.server ?? "api") !== server) return false;
      if (aim.method !== undefined && aim.method !== method) return false;
      return aim.path?.test(path) ?? true;
    });
    const entry = this.#entries[index];
    if (entry === undefined) return undefined;
    if (entry.skip > 0) {
      entry.skip -= 1;
      return undefined;
    }
    entry.times -= 1;
    if (entry.times <= 0) this.#entries.splice(index, 1);
    return entry.fault;
  }

  /** How many faults have not been asked for yet. */
  get left(): number {
    return this.#entries.length;
  }

  clear(): void {
    this.#entries.length = 0;
  }
}

/** An answer that Bun.serve turns into a closed connection: the client sees no status, only a reset. */
export function dropped(): Response {
  const body = new ReadableStream({
    start(controller) {
      controller.error(undefined);
    },
  });
  return new Response(body, { headers: { "content-length": "1" } });
}
