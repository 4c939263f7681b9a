/** A lock as it came in. */
interface Lock {
  readonly ID: string;
  readonly [key: string]: unknown;
}

export interface StateServer extends AsyncDisposable {
  readonly url: string;
  /** `METHOD path?query`, one a request. */
  readonly log: readonly string[];
  /** The next request of this kind (GET, POST, LOCK, UNLOCK) is done, and answered by a proxy that does not know it. */
  drop(method: string): void;
  /** Resolves once such a request has come. */
  seen(is: (line: string) => boolean): Promise<void>;
}

/**
 * A server of terraform's HTTP backend protocol with the password "secret". As `gitlab`: the lock has an address
 * of its own, a holder is told by id and user only, a serial is taken once, and an unlock without id always works.
 */
export function stateServer(kind: "terraform" | "gitlab", user = "user"): StateServer {
  const base = kind === "gitlab" ? "/api/v4/projects/7/terraform/state/images" : "/images";
  const log: string[] = [];
  const dropped: string[] = [];
  let came = Promise.withResolvers<void>();
  const serials = new Set<number>();
  let document: string | undefined;
  let lock: Lock | undefined;

  const answer = (asked: string, id: string | null, body: string): Response => {
    switch (asked) {
      case "GET":
        return document === undefined ? new Response(null, { status: 404 }) : new Response(document);
      case "POST": {
        if (lock?.ID !== (id ?? undefined)) return new Response(null, { status: 409 });
        const { serial } = JSON.parse(body);
        if (kind === "gitlab" && serials.has(serial))
          return new Response("Version has already been taken", { status: 422 });
        serials.add(serial);
        document = body;
        return new Response();
      }
      case "LOCK": {
        const info: Lock = JSON.parse(body);
        if (lock === undefined) {
          lock = info;
          return new Response();
        }
        const told =
          kind === "gitlab" ? { ...info, ID: lock.ID, Who: "alice", Created: "2026-01-01T00:00:00.000Z" } : lock;
        return Response.json(told, { status: kind === "gitlab" ? 409 : 423 });
      }
      case "UNLOCK": {
        const named = id ?? JSON.parse(body).ID;
        if (named !== undefined && named !== lock?.ID) return new Response(null, { status: 409 });
        lock = undefined;
        return new Response();
      }
      default:
        return new Response(null, { status: 405 });
    }
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search, searchParams } = new URL(request.url);
      log.push(`${request.method} ${pathname}${search}`);
      came.resolve();
      came = Promise.withResolvers<void>();
      if (request.headers.get("authorization") !== `Basic ${btoa(`${user}:secret`)}`)
        return new Response(null, { status: 401 });
      const isLock = kind === "gitlab" ? pathname === `${base}/lock` : /LOCK/.test(request.method);
      if (!isLock && pathname !== base) return new Response(null, { status: 404 });
      const words: Record<string, string> = { POST: "LOCK", DELETE: "UNLOCK", LOCK: "LOCK", UNLOCK: "UNLOCK" };
      const asked = isLock ? (words[request.method] ?? "") : request.method;
      const found = answer(asked, searchParams.get("ID"), await request.text());
      const at = dropped.indexOf(asked);
      if (at < 0) return found;
      dropped.splice(at, 1);
      return new Response(null, { status: 502 });
    },
  });
  return {
    url: `${server.url.origin}${base}`,
    log,
    drop: (method) => dropped.push(method),
    async seen(is) {
      while (!log.some(is)) await came.promise;
    },
    [Symbol.asyncDispose]: async () => await server.stop(true),
  };
}
