/** A server on 127.0.0.1 for tests. */
export interface Emulator extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  /** Requests so far. */
  requests(): number;
  /** Answers the next `times` requests with this status, without calling `answer`. */
  refuse(status: number, times: number): void;
}

/** Serves `answer` on a free port. An error in it is printed to stderr and answered with 500. */
export function emulate(answer: (request: Request) => Response | Promise<Response>): Emulator {
  let count = 0;
  let refused = { status: 0, times: 0 };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      count += 1;
      if (refused.times === 0) return await answer(request);
      refused = { ...refused, times: refused.times - 1 };
      return new Response("not now", { status: refused.status });
    },
    error(thrown) {
      process.stderr.write(`the emulator failed: ${thrown.stack ?? thrown.message}\n`);
      return new Response(thrown.message, { status: 500 });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    requests: () => count,
    refuse: (status, times) => {
      refused = { status, times };
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
    },
  };
}
