import { type ProgramResult, run, TestDirectory } from "../../harness.ts";

/** A request as it came. */
export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** A character for each byte. */
  readonly body: string;
}

/** The least of a Keystone and a Glance that a login needs: a token for everybody, and no images but where a test has a Glance. */
export class Cloud implements AsyncDisposable {
  readonly heard: Heard[] = [];
  /** Seconds that a token is good for. */
  life = 3600;
  /** Tokens that Glance does not take any more. */
  readonly revoked = new Set<string>();
  /** What Keystone says to a login; undefined: yes. */
  refusal: { readonly status: number; readonly message: string } | undefined;
  scoped = true;
  /** What Nova says; undefined: the catalogue has none. */
  nova: ((heard: Heard) => Response) | undefined;
  /** What Cinder says; undefined: the catalogue has none. */
  cinder: ((heard: Heard) => Response) | undefined;
  /** Where the catalogue says that Nova is; default: here. */
  novaUrl: string | undefined;
  glance: (heard: Heard) => Response = () => Response.json({ images: [] });
  readonly #server;
  readonly #scheme: string;
  #tokens = 0;

  constructor(tls?: Bun.TLSOptions) {
    const fetch = (request: Request) => this.#answer(request);
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch, ...(tls === undefined ? {} : { tls }) });
  }

  get port(): number {
    return Number(this.#server.port);
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** What Glance was asked, as `GET /images`. */
  get asked(): readonly string[] {
    const calls = this.heard.filter(({ path }) => path.includes("/v2/"));
    return calls.map(({ method, path }) => `${method} ${path.replace(/^.*\/v2/, "")}`);
  }

  get logins(): readonly Heard[] {
    return this.heard.filter(({ method, path }) => method === "POST" && path.endsWith("/auth/tokens"));
  }

  /** What the last login was asked with. */
  get auth(): unknown {
    const last = this.logins.at(-1);
    return last === undefined ? undefined : JSON.parse(last.body).auth;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams: query } = new URL(request.url);
    const { method, headers } = request;
    const body = Buffer.from(await request.arrayBuffer()).toString("latin1");
    const heard = { method, path: pathname, query, headers, body };
    this.heard.push(heard);
    if (pathname.endsWith("/auth/tokens")) return this.#login(method, headers);
    if (pathname.endsWith("/auth/projects")) return Response.json({ projects: [{ name: "blue" }, { name: "green" }] });
    const token = headers.get("x-auth-token") ?? "";
    if (this.revoked.has(token))
      return Response.json({ message: "This server could not verify<br /><br />\n\n\n" }, { status: 401 });
    if (pathname.startsWith("/cinder/") && this.cinder !== undefined) return this.cinder(heard);
    return pathname.startsWith("/nova/") && this.nova !== undefined ? this.nova(heard) : this.glance(heard);
  }

  #login(method: string, headers: Headers): Response {
    const { refusal } = this;
    if (refusal !== undefined)
      return Response.json({ error: { code: refusal.status, message: refusal.message } }, { status: refusal.status });
    const token = method === "GET" ? (headers.get("x-subject-token") ?? "") : `token-${++this.#tokens}-secret`;
    const endpoint = (region: string, of: string) => ({
      interface: of,
      region,
      region_id: region,
      url: `${this.url}/${of}-${region}${of === "internal" ? "/v2/" : ""}`,
    });
    const endpoints = ["One", "Two"].flatMap((region) => ["public", "internal"].map((of) => endpoint(region, of)));
    const compute = ["One", "Two"].map((region) => ({
      ...endpoint(region, "public"),
      url: this.novaUrl ?? `${this.url}/nova/v2.1`,
    }));
    const volume = ["One", "Two"].map((region) => ({ ...endpoint(region, "public"), url: `${this.url}/cinder/v3/p1` }));
    const catalog = [
      { type: "image", name: "glance", endpoints },
      ...(this.cinder === undefined ? [] : [{ type: "volumev3", endpoints: volume }]),
      ...(this.nova === undefined && this.novaUrl === undefined ? [] : [{ type: "compute", endpoints: compute }]),
    ];
    const body = {
      token: {
        expires_at: new Date(Date.now() + this.life * 1000).toISOString(),
        ...(this.scoped ? { project: { id: "p1", name: "blue" }, catalog } : {}),
      },
    };
    return Response.json(body, { status: method === "GET" ? 200 : 201, headers: { "x-subject-token": token } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

/** Lists the images of a backend with these settings. */
export async function info(
  settings: Readonly<Record<string, string | boolean>>,
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
  plugin = "openstack",
): Promise<ProgramResult> {
  const lines = Object.entries({ plugin, ...settings }).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  await using directory = await TestDirectory.make({ "images.toml": `[backend.x]\n${lines.join("\n")}\n`, ...files });
  return await run(directory, ["info", "x", "--json"], { env });
}
