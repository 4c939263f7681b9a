import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../core/store/servers.ts";
import type { TestDirectory } from "../harness.ts";
import { facts, directory as servers, Watched } from "./glance.ts";
import { apply, at, bytes, FILE, images, live, mine, settled } from "./openstack-kit.ts";

// Uploads that take long, or come to an end of somebody else's making: a proxy with a limit, a token that expires, a Glance that hangs.

setDefaultTimeout(600_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

/** A program that listens on a port, as long as a test takes. */
class Server implements AsyncDisposable {
  readonly port: number;
  readonly #process: Bun.Subprocess;

  private constructor(port: number, process: Bun.Subprocess) {
    this.port = port;
    this.#process = process;
  }

  static async start(port: number, command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const process = Bun.spawn([...command], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    while (!(await isOpen(port))) if (process.exitCode !== null) throw new Error(`${command[0]} ended`);
    return new Server(port, process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => done(true));
    socket.on("error", () => done(false)).on("connect", () => socket.end());
  });

const hasNginx = Bun.which("nginx", { PATH: "/usr/sbin:/usr/bin" }) !== null;
const withNginx = hasNginx ? "" : " (skipped: nginx is not installed)";

async function nginx(place: TestDirectory, settings: string, target: string = facts.glance.RegionOne): Promise<Server> {
  const port = await freePort();
  const dir = place.at("nginx");
  await mkdir(dir);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${dir}/${name};`);
  await Bun.write(
    join(dir, "nginx.conf"),
    `daemon off; user root; pid ${dir}/pid; error_log ${dir}/error.log; events {}
http { access_log off; ${paths.join(" ")}
server { listen 127.0.0.1:${port}; ${settings} location / { proxy_pass ${target}; } } }`,
  );
  return await Server.start(port, ["nginx", "-p", dir, "-c", join(dir, "nginx.conf"), "-e", join(dir, "error.log")]);
}

const through = ({ port }: Server, more = "") => `cloud = "other"\nendpoint = "http://127.0.0.1:${port}"\n${more}`;

test.skipIf(!hasNginx)(`the body limit of an nginx is named, and nothing is left${withNginx}`, async () => {
  // Bytes that are converted on their way have no length that is known beforehand.
  for (const size of [3 << 20, 200 << 20])
    for (const settings of ["proxy_request_buffering on;", "proxy_request_buffering off;", "lingering_close off;"])
      for (const format of ["raw", "qcow2"]) {
        await using place = await at(`${FILE}\ndisk_format = "${format}"`);
        await place.write("disk.img", new Uint8Array(size).fill(7));
        await using proxy = await nginx(place, `client_max_body_size 1m; proxy_http_version 1.1; ${settings}`);
        const toml = await Bun.file(place.at("images.toml")).text();
        await place.write("images.toml", toml.replace('cloud = "other"', through(proxy)));
        const said = await apply(place);
        expect([settings, format, said.code, said.stderr.includes("client_max_body_size")]).toEqual([
          settings,
          format,
          1,
          true,
        ]);
        expect(await mine.images()).toEqual([]);
        expect((await images(place, "state", "list")).stdout.trim()).toBe("");
      }
});

test.skipIf(!hasNginx)(
  `an nginx that does not wait for the answer: the outcome in Glance counts${withNginx}`,
  async () => {
    await using glance = new Watched(facts.glance.RegionOne);
    const endpoint = await glance.listen();
    let told = false;
    glance.beforeRest = async () => {
      while (!told) await Bun.sleep(100);
    };
    await using place = await at(FILE);
    await using proxy = await nginx(place, "client_max_body_size 0; proxy_read_timeout 1s;", endpoint);
    const toml = await Bun.file(place.at("images.toml")).text();
    await place.write("images.toml", toml.replace('cloud = "other"', through(proxy)));
    const applying = apply(place);
    const log = join(place.at("nginx"), "error.log");
    while (!(await readFile(log, "utf8").catch(() => "")).includes("timed out")) await Bun.sleep(100);
    // The second look comes after the first one was answered: by then the program knows that Glance has a beginning.
    for (const looks = glance.requests + 2; glance.requests < looks; ) await Bun.sleep(50);
    told = true;
    const said = await applying;
    expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
    expect(said.stderr).toContain("did not wait for its answer");
    expect(said.stderr).toContain("waiting for Glance to finish the upload");
    expect(said.stderr).not.toContain("attempt 2");
    expect(await live()).toEqual(["big active"]);
    await settled(place);
  },
);

test("tokens that live for seconds: an upload that takes longer ends well", async () => {
  const port = await freePort();
  await using place = await at(FILE);
  const conf = await Bun.file(join(servers, "etc/keystone/keystone.conf")).text();
  await mkdir(place.at("keystone"));
  await place.write("keystone/keystone.conf", conf.replace(/^expiration = .*$/m, "expiration = 5"));
  const keystone = [
    ...["uwsgi_python3", "--http-socket", `127.0.0.1:${port}`, "--plugins", "python3", "--master", "--die-on-term"],
    ...["--processes", "1", "--threads", "4", "--enable-threads", "--lazy-apps", "--buffer-size", "65535"],
    ...["--rem-header", "Content-Length", "--wsgi-file", Bun.which("keystone-wsgi-public", { PATH: "/usr/bin" }) ?? ""],
  ];
  await using _ = await Server.start(port, keystone, {
    OS_KEYSTONE_CONFIG_DIR: place.at("keystone"),
    OS_KEYSTONE_CONFIG_FILES: "keystone.conf",
  });
  await using glance = new Watched(facts.glance.RegionOne);
  const endpoint = await glance.listen();
  const { username, password, project } = facts.other;
  const login = `auth_url = "http://127.0.0.1:${port}/v3"\nusername = "${username}"\npassword = "env:PW"\nproject_name = "${project}"\nendpoint = "${endpoint}"`;
  let expires: string | undefined;
  const expired = async () => {
    while (expires === undefined || (await isGood(expires))) await Bun.sleep(200);
  };
  for (const more of ["", "use_import = true", 'tags = ["a"]\nvisibility = "shared"\nprotected = true'])
    for (const when of ["before", "within"]) {
      const tokens: string[] = [];
      expires = undefined;
      // Glance lets the upload in, and the token is not good any more when the last byte comes.
      glance.beforeRest = when === "within" ? expired : undefined;
      glance.beforeUpload = async (token) => {
        tokens.push(token);
        expires = token;
        // The first upload comes to Glance when its token is not good any more.
        if (when === "before" && tokens.length === 1) await expired();
      };
      await using place = await at(`${FILE}\n${more}`, login);
      const said = await apply(place, { env: { PW: password } });
      expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
      expect([more, when, tokens.length]).toEqual([more, when, when === "before" ? 2 : 1]);
      expect(await live()).toEqual(["big active"]);
      await mine.empty();
    }
});

async function isGood(token: string): Promise<boolean> {
  const answer = await fetch(`${facts.glance.RegionOne}/v2/images?limit=1`, { headers: { "x-auth-token": token } });
  return answer.status === 200;
}

test("a Glance that hangs in an import: its status is told, the time ends it, and the next run goes on", async () => {
  let isStuck = true;
  const { promise: never, resolve: release } = Promise.withResolvers<void>();
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: async (request) => {
      if (isStuck && request.headers.get("user-agent") !== "images" && request.method === "GET") await never;
      return new Response(bytes);
    },
  });
  await using glance = new Watched(facts.glance.RegionOne);
  const endpoint = await glance.listen();
  const url = `source = { url = "http://127.0.0.1:${web.port}/disk.img" }`;
  const ways = {
    importing: `${url}\ndisk_format = "raw"\nweb_download = true`,
    uploading: `${FILE}\nuse_import = true`,
  };
  for (const [status, image] of Object.entries(ways)) {
    isStuck = true;
    glance.swallows = (method, path) =>
      isStuck && status === "uploading" && method === "POST" && path.endsWith("/import");
    await using place = await at(`${image}\ntimeout = "8s"`, `cloud = "other"\nendpoint = "${endpoint}"`);
    const said = await apply(place);
    expect([said.code, said.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`waiting for Glance: the image .* is ${status}`)),
    ]);
    expect(said.stderr).toMatch(new RegExp(`the image .* is still ${status}`));
    expect(said.stderr).toContain("a longer `timeout` gives it more time");
    expect(await live()).toEqual([]);
    isStuck = false;
    release();
    const next = await apply(place);
    expect([next.code, next.code === 0 ? "" : next.stderr]).toEqual([0, ""]);
    expect(await live()).toEqual(["big active"]);
    await settled(place);
    await mine.empty();
  }
});
