import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Failure } from "../../src/core/failure.ts";
import { PEEK } from "../../src/core/store/storage.ts";
import { type StateServer, stateServer } from "../core/store/server.ts";
import { World } from "./world.ts";

setDefaultTimeout(300_000);

const MAIN = join(import.meta.dir, "..", "..", "src", "cli", "main.ts");
const ONE = '[image.a]\nsource = "./a.img"\n';
const NAMES = Array.from({ length: 20 }, (_, i) => `i${i}`).sort();
const MANY = NAMES.map((name) => `[image.${name}]\nsource = "./a.img"\n`).join("");
const env = { STATE_PASSWORD: "secret" };

const settings = (url: string, more = 'state_username = "user"\nstate_password = "env:STATE_PASSWORD"\n'): string =>
  `[settings]\nname = "images"\nstate = "${url}"\n${more}`;

/** A lock as terraform sends it. */
async function lock(server: StateServer, id: string): Promise<void> {
  const headers = { authorization: `Basic ${btoa("user:secret")}` };
  const body = JSON.stringify({
    ID: id,
    Operation: "OperationTypeApply",
    Who: "carol@elsewhere",
    Created: "2026-01-01T00:00:00Z",
  });
  expect((await fetch(server.url, { method: "LOCK", headers, body })).status).toBe(200);
}

test.each(["terraform", "gitlab"] as const)(
  "a state behind the HTTP protocol (%s): what a file does, without a file",
  async (kind) => {
    await using server = stateServer(kind);
    await using world = await World.make(ONE, settings(server.url));
    const ends = async (code: number, ...args: readonly string[]) => {
      const said = await world.run(args, { env });
      expect([said.code, said.stderr]).toEqual([code, code === 1 ? expect.any(String) : said.stderr]);
      expect(`${said.stdout}${said.stderr}`).not.toContain("secret");
      return said;
    };
    await ends(0, "apply", "--yes");
    const before = await world.ids();
    expect((await ends(0, "plan", "--detailed-exitcode")).stdout).toContain("No changes");
    expect((await ends(0, "state", "list")).stdout).toBe("store/a\n");
    expect(Object.keys(JSON.parse((await ends(0, "state", "pull")).stdout).images)).toEqual(["store/a"]);
    await ends(0, "state", "mv", "store/a", "store/b");
    await ends(0, "state", "mv", "store/b", "store/a");
    expect((await ends(0, "log")).stdout).toMatch(/state mv[\s\S]*apply +ended/);
    expect(await world.ids()).toEqual(before);
    await expect(world.state()).rejects.toThrow("ENOENT");
    await world.declare("", settings(server.url));
    await ends(0, "apply", "--yes");
    expect(await world.ids()).toEqual([]);
  },
);

test.each(["terraform", "gitlab"] as const)(
  "%s: a plan while somebody applies says who, since when, and that it may be stale",
  async (kind) => {
    await using server = stateServer(kind);
    await using world = await World.make(ONE, settings(server.url));
    const [at, taking, giving] =
      kind === "gitlab" ? [`${server.url}/lock`, "POST", "DELETE"] : [server.url, "LOCK", "UNLOCK"];
    const headers = { authorization: `Basic ${btoa("user:secret")}` };
    const info = {
      ID: "f00d",
      Operation: "OperationTypeApply",
      Who: "carol@elsewhere",
      Created: "2026-01-01T00:00:00Z",
    };
    const take = async () => (await fetch(at, { method: taking, headers, body: JSON.stringify(info) })).status;
    expect((await world.run(["plan"], { env })).stderr).not.toContain("stale");
    expect(await take()).toBe(200);
    const said = await world.run(["plan"], { env });
    expect(said.code).toBe(0);
    expect(said.stderr).toMatch(
      /warning: the state is locked by (carol@elsewhere|alice).*since 2026-01-01T00:00:00.*; this plan may be stale/s,
    );
    // It is still carol's.
    expect(await take()).not.toBe(200);
    await fetch(`${at}?ID=f00d`, { method: giving, headers, body: JSON.stringify({ ID: "f00d" }) });
    expect((await world.run(["apply", "--yes"], { env })).code).toBe(0);
  },
);

/** A lock that is only taken to see who holds it. */
async function look(server: StateServer, since: Date): Promise<void> {
  const holder = { id: "100c", operation: PEEK, user: "carol", host: "elsewhere", pid: 1, since: since.toISOString() };
  const headers = { authorization: `Basic ${btoa("user:secret")}` };
  const body = JSON.stringify({ ID: holder.id, Operation: PEEK, Info: JSON.stringify(holder) });
  expect((await fetch(server.url, { method: "LOCK", headers, body })).status).toBe(200);
}

test("somebody's plan that looks at the lock does not fail an apply, nor does one that was killed while it looked", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(ONE, settings(server.url));
  await look(server, new Date());
  const running = world.run(["apply", "--yes"], { env });
  await seen(server, "LOCK", 3);
  const headers = { authorization: `Basic ${btoa("user:secret")}` };
  await fetch(server.url, { method: "UNLOCK", headers, body: JSON.stringify({ ID: "100c" }) });
  expect((await running).code).toBe(0);
  await look(server, new Date(Date.now() - 61_000));
  expect((await world.run(["apply", "--yes"], { env })).code).toBe(0);
});

/** Resolves once so many requests of a method have come. */
const seen = (server: StateServer, method: string, count: number): Promise<void> =>
  server.seen(() => server.log.filter((line) => line.startsWith(`${method} `)).length >= count);

test("a lock that is held is waited for, as long as --lock-timeout says", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(ONE, settings(server.url));
  await lock(server, "f00d");
  const running = world.run(["apply", "--yes", "--lock-timeout", "120s"], { env });
  await seen(server, "LOCK", 6);
  const headers = { authorization: `Basic ${btoa("user:secret")}` };
  await fetch(server.url, { method: "UNLOCK", headers, body: JSON.stringify({ ID: "f00d" }) });
  const said = await running;
  expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("carol@elsewhere")]);
});

test("a lock of another tool is named, stops no plan, and is taken away by hand", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(ONE, settings(server.url));
  await lock(server, "f00d");
  const said = await world.run(["apply", "--yes"], { env });
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("carol@elsewhere")]);
  expect(said.stderr).toContain("images unlock f00d");
  expect((await world.run(["plan"], { env })).code).toBe(0);
  expect((await world.run(["unlock", "f00d"], { env })).code).toBe(0);
  expect((await world.run(["apply", "--yes"], { env })).code).toBe(0);
});

test("a run that was killed is taken up by the next one", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(MANY, settings(server.url));
  const child = Bun.spawn([process.execPath, MAIN, "apply", "--yes", "--parallelism", "1"], {
    cwd: world.directory.path,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "ignore"],
  });
  await seen(server, "POST", 5);
  child.kill("SIGKILL");
  await child.exited;
  const said = await world.run(["apply", "--yes"], { env });
  expect([said.code, said.stderr]).toEqual([0, expect.any(String)]);
  expect((await world.ids()).map((id) => id.split("@")[0]).sort()).toEqual(NAMES);
  expect((await world.run(["plan", "--detailed-exitcode"], { env })).code).toBe(0);
});

test("a run that is stopped hard writes down what it did, and gives the lock back", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(MANY, settings(server.url));
  const stop = new AbortController();
  const running = world.run(["apply", "--yes", "--parallelism", "1"], { env, signal: stop.signal, hard: stop.signal });
  await seen(server, "POST", 5);
  stop.abort(new Failure("run.stopped", "stopped"));
  expect((await running).code).not.toBe(0);
  await lock(server, "free");
  expect((await world.run(["unlock", "free"], { env })).code).toBe(0);
  expect((await world.run(["state", "list"], { env })).stdout).toContain("store/");
  expect((await world.run(["apply", "--yes"], { env })).code).toBe(0);
  expect((await world.ids()).length).toBe(20);
});

test("--state names a URL too, and takes the credentials of the file to the same server only", async () => {
  await using server = stateServer("terraform");
  await using other = stateServer("terraform");
  await using world = await World.make(ONE, settings(`${server.url}-of-somebody`));
  expect((await world.run(["apply", "--yes", "--state", server.url], { env })).code).toBe(0);
  const said = await world.run(["plan", "--state", other.url], { env });
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("401")]);
  expect(said.stderr).toContain("state_password");
});

test("what is wrong with the place of a state is told where it is written", async () => {
  await using world = await World.make(ONE);
  const told = async (before: string, ...args: readonly string[]) => {
    await world.declare(ONE, before);
    const { code, stderr } = await world.run(["plan", ...args], { env });
    expect(code).toBe(1);
    expect(stderr).not.toContain("hunter2");
    return stderr;
  };
  expect(await told(settings("ftp://host/state", ""))).toMatch(/https:\/\/[\s\S]*images\.toml:3:9/);
  expect(await told(settings("https://me:hunter2@host/state", ""))).toContain('state_password = "env:NAME"');
  expect(await told(settings("./here.json"))).toContain("state_password is for a state at a URL");
  expect(await told(settings("https://host/state", 'state_password = "hunter2"\n'))).toContain("state_password");
  expect(await told("", "--state", "https://me:hunter2@host/state")).toContain("every process");
  await using server = stateServer("terraform");
  expect(await told(settings(server.url.replace("//", "//%zz@"), ""))).toContain("state.remote");
  expect(await told("", "--state", "ftp://host/state")).toContain("expected a path or an http://");
  expect(await told("", "--state", "s3://bucket")).toContain("--state: expected s3://BUCKET/KEY");
});

test("a wrong password, and one that does not exist", async () => {
  await using server = stateServer("terraform");
  await using world = await World.make(ONE, settings(server.url));
  const wrong = await world.run(["plan"], { env: { STATE_PASSWORD: "hunter2" } });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("`state_username` and `state_password`")]);
  expect(wrong.stderr).not.toContain("hunter2");
  expect((await world.run(["plan"])).stderr).toContain("STATE_PASSWORD is not set");
});
