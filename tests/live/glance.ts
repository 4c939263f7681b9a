import { createServer, request } from "node:http";
import type { Socket } from "node:net";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";

/** What the start script wrote down of the servers. */
export interface Facts {
  readonly auth_url: string;
  readonly glance: { readonly RegionOne: string; readonly RegionTwo: string };
  readonly admin: User;
  readonly demo: User & { readonly project_id: string };
  readonly other: User & { readonly project_id: string };
  readonly application_credential: { readonly id: string; readonly name: string; readonly secret: string };
}
interface User {
  readonly username: string;
  readonly password: string;
  readonly project: string;
}

/** The directory that openstack-up works in. */
export const directory = dirname(process.env["OS_CLIENT_CONFIG_FILE"] ?? "");
export const clouds = join(directory, "clouds.yaml");
export const facts: Facts = await Bun.file(join(directory, "facts.json")).json();

/** A project as one of its users sees it, by requests of the test's own. */
export class Project {
  readonly user: User;
  readonly token: string;
  readonly id: string;

  private constructor(user: User, token: string, id: string) {
    this.user = user;
    this.token = token;
    this.id = id;
  }

  static async login(user: User): Promise<Project> {
    const domain = { id: "default" };
    const answer = await fetch(`${facts.auth_url}/auth/tokens?nocatalog`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        auth: {
          identity: {
            methods: ["password"],
            password: { user: { name: user.username, domain, password: user.password } },
          },
          scope: { project: { name: user.project, domain } },
        },
      }),
    });
    const body: { token: { project: { id: string } } } = JSON.parse(await answer.text());
    return new Project(user, answer.headers.get("x-subject-token") ?? "", body.token.project.id);
  }

  async call(method: string, path: string, body?: unknown, region: keyof Facts["glance"] = "RegionOne") {
    const type = method === "PATCH" ? "application/openstack-images-v2.1-json-patch" : "application/json";
    return await fetch(`${facts.glance[region]}/v2/${path}`, {
      method,
      headers: { "x-auth-token": this.token, "content-type": type, accept: "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async images(region: keyof Facts["glance"] = "RegionOne"): Promise<readonly Record<string, string>[]> {
    const pages = [false, true].map(async (hidden) => {
      const answer = await this.call(
        "GET",
        `images?limit=1000&owner=${this.id}&os_hidden=${hidden}`,
        undefined,
        region,
      );
      const page: { images: Record<string, string>[] } = JSON.parse(await answer.text());
      return page.images;
    });
    return (await Promise.all(pages)).flat();
  }

  /** Deletes every image of the project. */
  async empty(): Promise<void> {
    const clear = async (region: keyof Facts["glance"]) => {
      for (const image of await this.images(region)) {
        if (image["protected"])
          await this.call(
            "PATCH",
            `images/${image["id"]}`,
            [{ op: "replace", path: "/protected", value: false }],
            region,
          );
        await this.call("DELETE", `images/${image["id"]}`, undefined, region);
      }
    };
    await Promise.all([clear("RegionOne"), clear("RegionTwo")]);
  }
}

/** A way to Glance that counts, and that can say no. */
export class Watched implements AsyncDisposable {
  requests = 0;
  /** Called with the token of each upload, before that goes on. */
  beforeUpload: ((token: string) => Promise<void>) | undefined;
  /** Requests that are answered with "202 Accepted" and go no further. */
  swallows: (method: string, path: string) => boolean = () => false;
  /** Called when all of an upload has come, and the first byte of it went on to Glance: the rest goes on afterwards, whoever is still there. */
  beforeRest: (() => Promise<void>) | undefined;
  #isSpoilt = false;
  readonly #server;
  readonly #sockets = new Set<Socket>();
  #stalled: (() => void)[] | undefined;
  #refusals: { readonly status: number; left: number } = { status: 503, left: 0 };

  constructor(target: string) {
    this.#server = createServer(async (incoming, outgoing) => {
      this.requests++;
      if (this.#refusals.left > 0) {
        this.#refusals.left--;
        incoming.resume();
        outgoing.writeHead(this.#refusals.status, { "content-type": "text/plain", connection: "close" }).end("refused");
        return;
      }
      const { method, headers, url } = incoming;
      if (this.swallows(method ?? "", url ?? "")) {
        incoming.resume();
        outgoing.writeHead(202).end();
        return;
      }
      if (method === "PUT") await this.beforeUpload?.(String(headers["x-auth-token"]));
      const onward = request(
        `${target}${url}`,
        { method, headers: { ...headers, host: new URL(target).host } },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      // Destroying the answer itself would make Bun say "200" without a body.
      const cut = () => incoming.socket.destroy();
      onward.on("error", cut);
      if (method === "PUT" && this.beforeRest !== undefined) {
        const pieces: Buffer[] = [];
        for await (const piece of incoming) pieces.push(piece);
        onward.write(Buffer.concat(pieces).subarray(0, 1));
        await this.beforeRest();
        onward.end(Buffer.concat(pieces).subarray(1));
        return;
      }
      incoming.on("close", () => incoming.complete || onward.destroy());
      if (method === "PUT" && this.#stalled !== undefined) {
        // What Glance has is a beginning: the image is in the making, and stays so.
        onward.write("x");
        this.#stalled.push(() => incoming.destroy());
      } else if (method === "PUT" && this.#isSpoilt) incoming.pipe(spoiler()).pipe(onward);
      else incoming.pipe(onward);
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((ready) => this.#server.listen(0, "127.0.0.1", ready));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("it listens on no port");
    return `http://127.0.0.1:${address.port}`;
  }

  refuse(status: number, times: number): void {
    this.#refusals = { status, left: times };
  }

  /** From now on a bit of each upload is another one. */
  spoil(): void {
    this.#isSpoilt = true;
  }

  /** From now on uploads come to a stand after their first byte. */
  stall(): void {
    this.#stalled = [];
  }

  /** Breaks the uploads that stand, and lets later ones pass. */
  release(): void {
    const stalled = this.#stalled ?? [];
    this.#stalled = undefined;
    for (const end of stalled) end();
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }
}

const spoiler = (): Transform =>
  new Transform({
    transform(piece: Buffer, _, done) {
      const other = Buffer.from(piece);
      other[0] = (other[0] ?? 0) ^ 1;
      done(null, other);
    },
  });
