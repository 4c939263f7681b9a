import { constants } from "node:fs";
import { lstat, open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../core/failure.ts";

/** What is served at a path; undefined: nothing. */
export type Serve = (path: string) => Promise<Served | undefined>;
interface Served {
  readonly type: string;
  readonly body: string | Blob;
}

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

/** A server for this machine alone. */
export interface LocalServer extends AsyncDisposable {
  readonly url: string;
}

/** Listens on 127.0.0.1. `port` 0: a free one. Whoever asks by another name than that is refused, as a page that a name was rebound for would be. */
export function listen(serve: Serve, port: number): LocalServer {
  try {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port,
      fetch: async (request, { port: own }) => await answer(request, own ?? port, serve),
      error: () => plain(500, "the page cannot be read"),
    });
    return { url: `http://127.0.0.1:${server.port}/`, [Symbol.asyncDispose]: async () => await server.stop(true) };
  } catch (cause) {
    throw new Failure("cli.usage", `cannot listen on 127.0.0.1:${port}`, {
      cause,
      hint: "pass another --port, or none for a free one",
    });
  }
}

async function answer(request: Request, port: number, serve: Serve): Promise<Response> {
  const host = request.headers.get("host");
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) return plain(421, "this server is 127.0.0.1 only");
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "only GET and HEAD");
  const path = decoded(new URL(request.url).pathname);
  const found = path === undefined ? undefined : await serve(path);
  if (found === undefined) return plain(404, "not found");
  const { type, body } = found;
  const headers = { ...HEADERS, "content-type": type };
  return new Response(request.method === "HEAD" ? null : body, { headers });
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

const plain = (status: number, text: string): Response =>
  new Response(`${text}\n`, { status, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" } });

/** One page, whatever it is called. */
export const servePage =
  (text: string): Serve =>
  async (path) =>
    path === "/" || path === "/index.html" ? { type: "text/html; charset=utf-8", body: text } : undefined;

const TYPES: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "feed.xml": "application/atom+xml; charset=utf-8",
  "robots.txt": "text/plain; charset=utf-8",
  SHA256SUMS: "text/plain; charset=utf-8",
  "streams/v1/index.json": "application/json",
  "streams/v1/images.json": "application/json",
};

/** The indexes and pages of a store, and the files that they name; nothing else of the directory. */
export const serveStore =
  (root: string): Serve =>
  async (path) => {
    const name = path === "/" ? "index.html" : path.slice(1);
    const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
    if (type !== undefined) return await regular(root, name, type);
    const request = /^(?:files\/[A-Za-z0-9._:-]+|blobs\/[0-9a-f]{64})$/.test(name);
    if (!request || !(await listed(root)).has(name)) return undefined;
    return await regular(root, name, "application/octet-stream");
  };

/** What the page links to and what simplestreams names. */
async function listed(root: string): Promise<ReadonlySet<string>> {
  const [page, products] = await Promise.all(
    ["index.html", "streams/v1/images.json"].map((name) => readFile(join(root, name), "utf8").catch(() => "")),
  );
  const links = [...(page ?? "").matchAll(/ href="((?:files|blobs)\/[A-Za-z0-9._:%-]+)"/g)].map(([, to = ""]) =>
    decodeURIComponent(to),
  );
  const paths = [...(products ?? "").matchAll(/"path": "(blobs\/[0-9a-f]{64})"/g)].map(([, to = ""]) => to);
  return new Set([...links, ...paths]);
}

/** A regular file, behind no symbolic link within the store. */
async function regular(root: string, name: string, type: string): Promise<Served | undefined> {
  const path = join(root, name);
  for (let directory = dirname(path); directory !== root && directory.startsWith(root); directory = dirname(directory))
    if ((await lstat(directory).catch(() => undefined))?.isDirectory() !== true) return undefined;
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (file === undefined) return undefined;
  try {
    return (await file.stat()).isFile() ? { type, body: Bun.file(path) } : undefined;
  } finally {
    await file.close();
  }
}
