import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, stat } from "node:fs/promises";
import { bodyLine, headerLines, isSecretName } from "../../src/core/net/details.ts";
import { stateServer } from "../core/store/server.ts";
import { sharedStore } from "../emulators/outscale/buckets.ts";
import { run, TestDirectory } from "../harness.ts";
import { Scene as Linode, TOKEN } from "../plugins/linode/kit.ts";
import { staged } from "../plugins/openstack/stage.ts";
import { KEY, Scene as Outscale } from "../plugins/outscale/kit.ts";
import { World } from "./world.ts";

setDefaultTimeout(300_000);

const bucketOf = sharedStore(KEY);
const REQUEST = /^\d{4}-\S+Z debug: (GET|HEAD|POST|PUT|PATCH|DELETE|LOCK|UNLOCK) https?:\/\/\S+ \d{3} \d+ ms/;
const TRACE = { IMAGES_LOG: "trace", IMAGES_LOG_PATH: "trace.log" };

/** Everything that must not be in a log. */
const leaks = (log: string, secrets: readonly string[]): string[] =>
  secrets.filter(
    (secret) => log.includes(secret) || log.includes(btoa(secret)) || log.includes(encodeURIComponent(secret)),
  );

async function traced(
  directory: TestDirectory,
  env: Readonly<Record<string, string>>,
  isState = false,
): Promise<string> {
  const said = await run(directory, ["apply", "--yes"], { env: { ...env, ...TRACE } });
  if (said.code !== 0) throw new Error(said.stderr);
  const log = await Bun.file(directory.at("trace.log")).text();
  const lines = log.trimEnd().split("\n");
  expect(lines.filter((line) => REQUEST.test(line)).length).toBeGreaterThan(2);
  // Headers and bodies of both directions, and a time on every line.
  for (const marker of [" > content-type: application/json", " > {", ...(isState ? [] : [" < content-type: ", " < {"])])
    expect(log).toContain(marker);
  expect(lines.filter((line) => !/^\d{4}-\S+Z (debug|trace): /.test(line))).toEqual([]);
  return log;
}

test("openstack: every request is in the log, and no secret", async () => {
  const password = "sentinel-password-7731";
  const image = '[image.a]\nbackend = "x"\ndisk_format = "raw"\nsource = "./disk.img"\n';
  await using stage = await staged(image, { env: { PW: password } });
  const log = await traced(stage.directory, { PW: password });
  expect(leaks(log, [password])).toEqual([]);
  expect(log).toMatch(/debug: POST \S+\/v3\/auth\/tokens 201/);
  expect(log).toMatch(/> x-auth-token: \(sensitive\)/);
  expect(log).toMatch(/< x-subject-token: \(sensitive\)/);
  expect(log).toContain('"password":"(sensitive)"');
  expect(log).toMatch(/debug: PUT \S+\/file 20\d/);
  expect(log).toContain("> (a stream of 6000 bytes)");
});

test("linode: the same", async () => {
  await using play = await Linode.open();
  await play.directory.write("disk.raw", "x".repeat(5000));
  await play.declare('[image.a]\nsource = "./disk.raw"\nregion = "us-east"\n');
  const log = await traced(play.directory, play.env);
  expect(leaks(log, [TOKEN])).toEqual([]);
  expect(log).toContain('"upload_to":"(sensitive)"');
  expect(log).toContain("> authorization: (sensitive)");
});

test("outscale and its bucket: the same", async () => {
  await using play = await Outscale.open(await bucketOf());
  await play.directory.write("disk.raw", "x".repeat(5000));
  await play.declare('[image.a]\nsource = "./disk.raw"\n');
  const log = await traced(play.directory, play.env);
  expect(leaks(log, [KEY.secretKey])).toEqual([]);
  expect(log).not.toMatch(/Signature=(?!\(sensitive\))/);
});

test("incus, over its unix socket: requests are in the log as others are", async () => {
  await using directory = await TestDirectory.make();
  const socket = directory.at("incus.socket");
  using _ = stopping(
    Bun.serve({
      unix: socket,
      fetch: () => Response.json({ type: "error", error: "not here", error_code: 404 }, { status: 404 }),
    }),
  );
  await directory.write(
    "images.toml",
    `[backend.lab]\nplugin = "incus"\nsocket = "${socket}"\n[image.a]\nbackend = "lab"\nsource = "./a"\n`,
  );
  await directory.write("a", "x");
  const said = await run(directory, ["plan", "--debug"]);
  expect(said.code).toBe(1);
  expect(said.stderr).toMatch(/debug: GET http:\/\/\S+\/1\.0\S* 404 \d+ ms/);
});

test("a state over HTTP and its retries: no password, also where the server fails", async () => {
  await using server = stateServer("terraform");
  const settings = `[settings]\nname = "images"\nstate = "${server.url}"\nstate_username = "user"\nstate_password = "env:PW"\n`;
  await using world = await World.make('[image.a]\nsource = "./a.img"\n', settings);
  const log = await traced(world.directory, { PW: "secret" }, true);
  expect(leaks(log, ["user:secret"])).toEqual([]);
  expect(log).toContain("> authorization: (sensitive)");
});

test("a request without an answer says why", async () => {
  await using world = await World.make('[image.a]\nsource = "http://127.0.0.1:1/x.img"\n');
  const said = await world.run(["plan", "--debug"]);
  expect(said.stderr).toMatch(/debug: HEAD \S+ failed: cannot connect to 127\.0\.0\.1:1: connection refused.* \d+ ms/);
});

test("retries are in the log of a backend", async () => {
  let count = 0;
  using server = stopping(
    Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        count++ < 2 ? new Response("busy", { status: 503, headers: { "retry-after": "0" } }) : new Response("x"),
    }),
  );
  await using world = await World.make(`[image.a]\nsource = "http://127.0.0.1:${server.port}/x.img"\n`);
  const said = await world.run(["plan", "--debug"]);
  expect(said.stderr).toMatch(/debug: HEAD \S+ 503 \d+ ms/);
  expect(said.stderr).toMatch(/debug: GET \S+ attempt 1 of \d+ failed: .*; again in \d+ ms/);
});

test("a log that cannot be written: told before anything is done, or once and the run goes on", async () => {
  await using world = await World.make('[image.a]\nsource = "./a.img"\n');
  const refused = await world.run(["apply", "--yes"], { env: { IMAGES_LOG: "debug", IMAGES_LOG_PATH: "gone/x.log" } });
  expect([refused.code, refused.stderr]).toEqual([64, expect.stringContaining("IMAGES_LOG_PATH: ")]);
  await mkdir(world.directory.at("log"));
  const path = world.directory.at("log", "x.log");
  await world.run(["plan"], { env: { IMAGES_LOG: "debug", IMAGES_LOG_PATH: path } });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("what is hidden: names of secrets in headers and at any depth of JSON", () => {
  for (const name of [
    "Authorization",
    "X-Auth-Token",
    "set-cookie",
    "secret_key",
    "AccessKey",
    "password",
    "upload_to",
  ])
    expect([name, isSecretName(name)]).toEqual([name, true]);
  for (const name of ["content-type", "etag", "x-openstack-request-id", "key_name", "keys"])
    expect([name, isSecretName(name)]).toEqual([name, false]);
  expect(
    headerLines([
      ["Cookie", "a=b"],
      ["etag", "x"],
    ]),
  ).toEqual(["Cookie: (sensitive)", "etag: x"]);
  const body = {
    auth: { identity: { password: { user: { name: "n", password: "p" } } } },
    tokens: ["t"],
    list: [{ secret: 5 }],
  };
  expect(bodyLine(JSON.stringify(body), 10, "application/json; charset=utf-8")).toBe(
    '{"auth":{"identity":{"password":{"user":{"name":"n","password":"(sensitive)"}}}},"tokens":["(sensitive)"],"list":[{"secret":"(sensitive)"}]}',
  );
  expect(bodyLine("x", 1, "text/plain")).toBe("(1 bytes, text/plain)");
  expect(bodyLine("{", 1, "application/json")).toBe("(1 bytes that are not JSON)");
  expect(bodyLine(undefined, 70_000, "application/json")).toBe("(70000 bytes, application/json)");
  expect(bodyLine("", 0, "application/json")).toBeUndefined();
});

const stopping = (server: Bun.Server<undefined>) => ({
  port: server.port,
  [Symbol.dispose]: () => void server.stop(true),
});
