// A process of its own: files over HTTP, and backends that keep no byte of an image. FOLDER: what is served, and where the socket is.
// As much of Keystone and Glance, and of Incus, as an apply of new images asks for.
import { join } from "node:path";
import { boundaryOf, unframed } from "../../src/plugins/incus/multipart.ts";

const [directory = "."] = process.argv.slice(2);

interface Made {
  readonly id: string;
  fields: Record<string, unknown>;
}

const images = new Map<string, Made>();
const imported = new Map<string, Made>();
const operations = new Map<string, unknown>();

async function hashed(body: AsyncIterable<Uint8Array> | null, ...names: readonly ("md5" | "sha256" | "sha512")[]) {
  const hashers = names.map((name) => new Bun.CryptoHasher(name));
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.byteLength;
    for (const hasher of hashers) hasher.update(piece);
  }
  return { size, digests: hashers.map((hasher) => hasher.digest("hex")) };
}

function login(url: string): Response {
  const endpoint = { interface: "public", region: "One", region_id: "One", url: `${url}/glance` };
  const catalog = [{ type: "image", name: "glance", endpoints: [endpoint] }];
  const expires = new Date(Date.now() + 3_600_000).toISOString();
  const token = { expires_at: expires, project: { id: "p1", name: "blue" }, catalog };
  return Response.json({ token }, { status: 201, headers: { "x-subject-token": "token" } });
}

const NEW = { status: "queued", owner: "p1", os_hidden: false, tags: [], min_disk: 0, min_ram: 0, protected: false };

async function glance(request: Request, path: string): Promise<Response> {
  const [, id, part] = /\/v2\/images(?:\/([^/]+)(?:\/(.*))?)?$/.exec(path) ?? [];
  if (id === undefined && request.method === "GET") return Response.json({ images: [] });
  if (id === undefined) {
    const fields: { readonly id: string } & Record<string, unknown> = JSON.parse(await request.text());
    images.set(fields.id, { id: fields.id, fields: { ...NEW, ...fields } });
    return Response.json(images.get(fields.id)?.fields, { status: 201 });
  }
  const image = images.get(id);
  if (image === undefined) return new Response("no such image", { status: 404 });
  if (part === "file") {
    const { size, digests } = await hashed(request.body, "md5", "sha512");
    const [checksum, os_hash_value] = digests;
    Object.assign(image.fields, { status: "active", size, checksum, os_hash_algo: "sha512", os_hash_value });
    return new Response(null, { status: 204 });
  }
  if (request.method === "PATCH")
    for (const { op, path: at, value } of JSON.parse(await request.text()))
      if (op !== "remove") image.fields[at.slice(1)] = value;
  return Response.json(image.fields);
}

const sync = (metadata: unknown) =>
  Response.json({ type: "sync", status_code: 200, metadata }, { headers: { etag: "1" } });
const NOT_FOUND = { type: "error", error: "Image not found", error_code: 404 };
const SERVER = {
  auth: "trusted",
  api_extensions: [],
  environment: { architectures: ["x86_64"], certificate_fingerprint: "ab".repeat(32), addresses: [] },
};

async function* parts(request: Request, boundary: string): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of unframed(request.body ?? new ReadableStream(), boundary)) yield bytes;
}

async function incus(request: Request): Promise<Response> {
  const [, , kind, one] = new URL(request.url).pathname.split("/");
  if (kind === "operations") return sync({ id: one, status_code: 200, metadata: operations.get(one ?? "") });
  if (kind === "projects") return sync({ config: { "features.images": "true" } });
  if (kind !== "images") return sync(SERVER);
  if (one === "aliases") return request.method === "GET" ? new Response("{}", { status: 404 }) : sync({});
  if (one !== undefined && !imported.has(one)) return Response.json(NOT_FOUND, { status: 404 });
  if (one !== undefined) return request.method === "GET" ? sync(imported.get(one)?.fields) : sync({});
  if (request.method === "GET") return sync([...imported.values()].map(({ fields }) => fields));
  const boundary = boundaryOf(request.headers.get("content-type"));
  const { size, digests } = await hashed(boundary === undefined ? request.body : parts(request, boundary), "sha256");
  const [fingerprint = ""] = digests;
  const type = "virtual-machine";
  const times = {
    expires_at: "1970-01-01T00:00:00Z",
    created_at: "2023-11-14T22:13:20Z",
    uploaded_at: "2023-11-14T22:13:20Z",
  };
  const fields = {
    fingerprint,
    size,
    type,
    properties: {},
    public: false,
    auto_update: false,
    profiles: ["default"],
    aliases: [],
  };
  const more = { architecture: "x86_64", project: "default", filename: "", ...times };
  imported.set(fingerprint, { id: fingerprint, fields: { ...fields, ...more } });
  const id = crypto.randomUUID();
  operations.set(id, { fingerprint });
  return Response.json({ type: "async", operation: `/1.0/operations/${id}` }, { status: 202 });
}

const common = { idleTimeout: 0, maxRequestBodySize: Number.POSITIVE_INFINITY } as const;
const server = Bun.serve({
  ...common,
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { origin, pathname } = new URL(request.url);
    if (pathname.endsWith("/auth/tokens")) return login(origin);
    if (pathname.startsWith("/glance/")) return await glance(request, pathname);
    return new Response(Bun.file(join(directory, "form")));
  },
});
Bun.serve({ maxRequestBodySize: Number.POSITIVE_INFINITY, unix: join(directory, "socket"), fetch: incus });
console.log(server.url.origin);
