// Glances that keep nothing: bun bench/race/sinks.ts MIB_PER_SECOND. Each first part of a path is a service of its own; a pace of 0 is as fast as they
// can. What they answer of the bytes is only their number: enough for an upload, nothing to compare with.
const MiB = 2 ** 20;
const pace = Number(process.argv[2] ?? 0) * MiB;

type Image = Record<string, unknown> & { readonly id: string };
const services = new Map<string, Map<string, Image>>();

async function swallow(request: Request): Promise<number> {
  const began = performance.now();
  let got = 0;
  for await (const piece of request.body ?? []) {
    got += piece.byteLength;
    const ahead = pace === 0 ? 0 : (got / pace) * 1000 - (performance.now() - began);
    if (ahead > 5) await Bun.sleep(ahead);
  }
  return got;
}

interface Change {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

function change(image: Image, changes: readonly Change[]): Image {
  const changed: Record<string, unknown> = { ...image };
  for (const { op, path, value } of changes) {
    if (op === "remove") delete changed[path.slice(1)];
    else changed[path.slice(1)] = value;
  }
  return { ...changed, id: image.id };
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/forget") {
    services.clear();
    return new Response(null, { status: 204 });
  }
  const [, service = "", , ...rest] = pathname.split("/");
  const images = services.get(service) ?? new Map<string, Image>();
  services.set(service, images);
  const [kind, id = "", file] = rest;
  if (kind !== "images") return new Response("{}", { status: 404 });
  if (id === "" && request.method === "GET") return Response.json({ images: [...images.values()] });
  if (id === "") {
    const asked: Record<string, unknown> = JSON.parse(await request.text());
    const own = { id: String(asked["id"] ?? crypto.randomUUID()), owner: "race", status: "queued", protected: false };
    const now = new Date().toISOString().replace(/\.\d+/, "");
    const image = { tags: [], visibility: "shared", created_at: now, updated_at: now, ...asked, ...own };
    images.set(own.id, image);
    return Response.json(image, { status: 201 });
  }
  const image = images.get(id);
  if (image === undefined) return new Response("{}", { status: 404 });
  if (file === "file") {
    images.set(id, { ...image, size: await swallow(request), status: "active" });
    return new Response(null, { status: 204 });
  }
  if (file === "members") return Response.json({ members: [] });
  if (request.method === "DELETE") {
    images.delete(id);
    return new Response(null, { status: 204 });
  }
  if (request.method !== "PATCH") return Response.json(image);
  const changed = change(image, JSON.parse(await request.text()));
  images.set(id, changed);
  return Response.json(changed);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  maxRequestBodySize: Number.POSITIVE_INFINITY,
  fetch: answer,
});
console.log(server.port);
