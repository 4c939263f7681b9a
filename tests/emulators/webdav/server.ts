/**
 * A directory of files behind GET, PUT and DELETE, that asks for a token; the listing of a directory is a JSON array of names,
 * and with `?records` one of the JSON files themselves.
 */
export interface WebDirectory extends AsyncDisposable {
  readonly url: string;
  readonly files: Map<string, Uint8Array>;
  requests(): number;
  /** The next `times` requests are answered with this status. */
  refuse(status: number, times: number): void;
}

export function startWebDirectory(token: string): WebDirectory {
  const files = new Map<string, Uint8Array>();
  let count = 0;
  let refused = { status: 0, times: 0 };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      count++;
      if (request.headers.get("authorization") !== `Bearer ${token}`)
        return new Response("who are you?", { status: 401 });
      if (refused.times > 0) {
        refused = { ...refused, times: refused.times - 1 };
        return new Response("not now", { status: refused.status });
      }
      const name = decodeURIComponent(new URL(request.url).pathname.slice("/files/".length));
      switch (request.method) {
        case "GET": {
          if (name === "" && new URL(request.url).searchParams.has("records")) {
            const records = [...files].filter(([file]) => file.endsWith(".json"));
            return Response.json(records.map(([, text]) => JSON.parse(new TextDecoder().decode(text))));
          }
          if (name === "") return Response.json([...files.keys()]);
          const file = files.get(name);
          return file === undefined ? new Response("no such file", { status: 404 }) : new Response(file.slice());
        }
        case "PUT":
          files.set(name, await request.bytes());
          return new Response(undefined, { status: 201 });
        case "DELETE":
          return new Response(undefined, { status: files.delete(name) ? 204 : 404 });
        default:
          return new Response("not allowed", { status: 405 });
      }
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/files/`,
    files,
    requests: () => count,
    refuse: (status, times) => {
      refused = { status, times };
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
    },
  };
}
