import { createHash } from "node:crypto";

/** An image as the API shows it, with its files. */
interface Image {
  fingerprint: string;
  properties: Record<string, string>;
  public: boolean;
  auto_update: boolean;
  profiles: string[];
  expires_at: string;
  filename: string;
  uploaded_at: string;
  type: string;
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

const sync = (metadata: unknown, headers: Readonly<Record<string, string>> = {}) =>
  Response.json({ type: "sync", status_code: 200, metadata }, { headers });
const failed = (code: number, error: string) =>
  Response.json({ type: "error", error, error_code: code }, { status: code });
const etagOf = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** An alias as a request has it. */
function aliasIn(body: unknown, called: string): { name: string; description: string; target: string } {
  const field = (key: string): unknown => (typeof body === "object" && body !== null ? Reflect.get(body, key) : "");
  return {
    name: String(field("name") ?? called) || called,
    description: String(field("description") ?? ""),
    target: String(field("target")),
  };
}

/** The images of one project of an Incus server, in memory, behind a socket: as much of its API as images need. */
export class FakeIncus implements AsyncDisposable {
  readonly socket: string;
  requests = 0;
  readonly #images = new Map<string, Image>();
  readonly #aliases = new Map<string, { name: string; description: string; target: string }>();
  readonly #operations = new Map<string, unknown>();
  readonly #refusals: number[] = [];
  readonly #server: ReturnType<typeof Bun.serve>;

  constructor(socket: string) {
    this.socket = socket;
    this.#server = Bun.serve({ unix: socket, maxRequestBodySize: 1 << 30, fetch: (request) => this.#answer(request) });
  }

  refuse(status: number, times: number): void {
    for (let i = 0; i < times; i++) this.#refusals.push(status);
  }

  /** An image that somebody imports by hand; answers its fingerprint. */
  plant(bytes: Uint8Array, alias: string): string {
    const { fingerprint } = this.#add([{ name: "rootfs", bytes }], {}, "");
    this.#aliases.set(alias, { name: alias, description: "", target: fingerprint });
    return fingerprint;
  }

  meddle(fingerprint: string): void {
    const image = this.#images.get(fingerprint);
    if (image !== undefined) image.properties = { ...image.properties, os: "meddled with" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    this.requests++;
    const refused = this.#refusals.shift();
    if (refused !== undefined) return failed(refused, "refused by the test");
    const { pathname } = new URL(request.url);
    const [, , kind, ...rest] = pathname.split("/").map(decodeURIComponent);
    if (kind === undefined || kind === "") return sync(SERVER);
    if (kind === "projects") return sync({ config: { "features.images": "true" } });
    if (kind === "operations")
      return sync({ id: rest[0], status_code: 200, metadata: this.#operations.get(rest[0] ?? "") });
    if (kind === "images" && rest[0] === "aliases") return await this.#alias(request, rest[1]);
    if (kind === "images" && rest.length === 0) return await this.#collection(request);
    if (kind === "images") return await this.#one(request, rest[0] ?? "", rest[1]);
    return failed(404, "not found");
  }

  async #collection(request: Request): Promise<Response> {
    if (request.method === "GET") return sync([...this.#images.values()].map((one) => this.#shown(one)));
    const type = request.headers.get("content-type") ?? "";
    const properties = Object.fromEntries(new URLSearchParams(request.headers.get("x-incus-properties") ?? ""));
    const files: { name: string; bytes: Uint8Array }[] = [];
    try {
      if (type.startsWith("multipart/"))
        for (const [name, file] of await request.formData())
          files.push({ name, bytes: typeof file === "string" ? new Uint8Array() : await file.bytes() });
      else files.push({ name: "rootfs", bytes: await request.bytes() });
    } catch {
      return failed(400, "the upload broke off");
    }
    const before = this.#images.size;
    const image = this.#add(files, properties, request.headers.get("x-incus-filename") ?? "");
    if (this.#images.size === before) return failed(409, `Image with same fingerprint already exists`);
    return this.#begun({ fingerprint: image.fingerprint });
  }

  #add(files: Image["files"], properties: Record<string, string>, filename: string): Image {
    const hash = createHash("sha256");
    for (const { bytes } of files) hash.update(bytes);
    const fingerprint = hash.digest("hex");
    const type = files.some(({ name }) => name === "rootfs.img") ? "virtual-machine" : "container";
    const common = { public: false, auto_update: false, profiles: ["default"], expires_at: "1970-01-01T00:00:00Z" };
    const made: Image = { fingerprint, properties, ...common, filename, uploaded_at: `${this.requests}`, type, files };
    const there = this.#images.get(fingerprint);
    if (there === undefined) this.#images.set(fingerprint, made);
    return there ?? made;
  }

  async #one(request: Request, name: string, what: string | undefined): Promise<Response> {
    const image = [...this.#images.values()].find(({ fingerprint }) => fingerprint.startsWith(name));
    if (image === undefined) return failed(404, "Image not found");
    if (what === "export") return this.#export(image);
    const etag = etagOf([image.properties, image.public, image.profiles, image.expires_at]);
    if (request.method === "GET") return sync(this.#shown(image), { etag });
    if (request.method === "DELETE") {
      this.#images.delete(image.fingerprint);
      for (const [alias, { target }] of this.#aliases) if (target === image.fingerprint) this.#aliases.delete(alias);
      return this.#begun({});
    }
    const expected = request.headers.get("if-match");
    if (expected !== null && expected !== etag) return failed(412, "Precondition failed");
    const changes: unknown = await request.json();
    if (typeof changes === "object" && changes !== null) Object.assign(image, changes);
    return sync({});
  }

  #export({ files }: Image): Response {
    const [first] = files;
    if (files.length === 1)
      return new Response(first?.bytes.slice(), { headers: { "content-type": "application/octet-stream" } });
    const form = new FormData();
    for (const { name, bytes } of files) form.append(name, new Blob([bytes.slice()]), name);
    return new Response(form);
  }

  async #alias(request: Request, name: string | undefined): Promise<Response> {
    const held = name === undefined ? undefined : this.#aliases.get(name);
    if (name === undefined) {
      const added = aliasIn(await request.json(), "");
      if (this.#aliases.has(added.name)) return failed(409, `Alias "${added.name}" already exists`);
      this.#aliases.set(added.name, added);
      return sync({});
    }
    if (held === undefined) return failed(404, "Image alias not found");
    const etag = etagOf(held);
    if (request.method === "GET") return sync({ ...held, type: "container" }, { etag });
    if (request.method === "DELETE") this.#aliases.delete(name);
    else if ((request.headers.get("if-match") ?? etag) !== etag) return failed(412, "Precondition failed");
    else this.#aliases.set(name, aliasIn(await request.json(), name));
    return sync({});
  }

  #shown({ files, ...image }: Image) {
    const aliases = [...this.#aliases.values()].filter(({ target }) => target === image.fingerprint);
    const size = files.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    return { ...image, aliases, size, architecture: "x86_64", created_at: "2023-11-14T22:13:20Z", project: "default" };
  }

  #begun(metadata: unknown): Response {
    const id = crypto.randomUUID();
    this.#operations.set(id, metadata);
    return Response.json({ type: "async", operation: `/1.0/operations/${id}` }, { status: 202 });
  }
}

const SERVER = {
  auth: "trusted",
  api_extensions: [],
  environment: { architectures: ["x86_64"], certificate_fingerprint: "ab".repeat(32), addresses: [] },
};
