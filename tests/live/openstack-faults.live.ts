import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { facts, directory as servers, Watched } from "./glance.ts";
import { apply, at, bytes, env, FILE, images, live, mine, settled, sha512 } from "./openstack-kit.ts";

// What goes wrong with a real Glance, and what it does by itself: eval "$(tests/live/openstack-up DIR)" first.

setDefaultTimeout(600_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

/** Waits until some image of the project has this status. */
async function until(status: string): Promise<void> {
  for (;;) if ((await mine.images()).some((image) => image["status"] === status)) return;
}

test("the program is killed in mid-upload: the next run leaves one good image", async () => {
  await using glance = new Watched(facts.glance.RegionOne);
  const endpoint = await glance.listen();
  await using place = await at(FILE, `cloud = "other"\nendpoint = "${endpoint}"`);
  glance.stall();
  const binary = process.env["IMAGES_BINARY"];
  const command = binary === undefined ? [process.execPath, join(import.meta.dir, "../../src/cli/main.ts")] : [binary];
  const killed = Bun.spawn([...command, "apply", "--yes"], {
    cwd: place.path,
    env: { ...process.env, ...env, HOME: place.path, IMAGES_CACHE: place.at("cache") },
    stdio: ["ignore", "ignore", "ignore"],
  });
  await until("saving");
  killed.kill("SIGKILL");
  await killed.exited;
  glance.release();
  const said = await apply(place);
  expect(said.stdout).toContain("1 added");
  expect(await live()).toEqual(["big active"]);
  await settled(place);
});

test("Glance is killed in mid-upload and started again: the run ends well", async () => {
  await using glance = new Watched(facts.glance.RegionOne);
  const endpoint = await glance.listen();
  await using place = await at(FILE, `cloud = "other"\nendpoint = "${endpoint}"`);
  glance.stall();
  const applying = apply(place);
  await until("saving");
  const pid = Number(await Bun.file(join(servers, "run/glance1.pid")).text());
  process.kill(pid, "SIGKILL");
  glance.release();
  const up = Bun.spawn([join(import.meta.dir, "openstack-up"), servers], { stdio: ["ignore", "ignore", "ignore"] });
  expect(await up.exited).toBe(0);
  const said = await applying;
  expect(said.stderr + said.stdout).toContain("1 added");
  expect(await live()).toEqual(["big active"]);
  await settled(place);
});

test("a quota is told, and nothing is left", async () => {
  await using place = await at(FILE, 'cloud = "other"\nregion = "RegionTwo"');
  const said = await apply(place);
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("too large");
  expect(said.stderr).toContain("quota");
  expect(said.stderr).not.toContain("<br");
  expect(await mine.images("RegionTwo")).toEqual([]);
  expect((await images(place, "state", "list")).stdout.trim()).toBe("");
});

test("Glance fetches a URL by itself, and what it fetched is proven", async () => {
  const agents: string[] = [];
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      if (request.method === "GET" && !request.headers.has("range"))
        agents.push(request.headers.get("user-agent") ?? "");
      return new Response(bytes);
    },
  });
  const source = (sum: string) =>
    `source = { url = "http://127.0.0.1:${web.port}/disk.img"${sum} }\ndisk_format = "raw"\nweb_download = true`;
  await using place = await at(source(`, checksum = "sha512:${sha512}"`));
  expect((await apply(place)).stdout).toContain("1 added");
  expect(agents.filter((agent) => agent === "images")).toEqual([]);
  expect(await live()).toEqual(["big active"]);
  await settled(place);
  await mine.empty();
  await using other = await at(source(""));
  expect((await images(other, "plan")).stdout).toContain("and it has no checksum");
  expect((await apply(other)).stdout).toContain("1 added");
  expect(agents.filter((agent) => agent === "images")).toEqual([]);
  await settled(other);
  await mine.empty();
  await using wrong = await at(source(`, checksum = "sha512:${"0".repeat(128)}"`));
  const said = await apply(wrong);
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("checksum mismatch of the bytes that Glance fetched");
  expect(await mine.images()).toEqual([]);
});

test("where the first of several URLs fails, Glance fetches the next", async () => {
  const agents: string[] = [];
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      if (request.method === "GET" && !request.headers.has("range"))
        agents.push(request.headers.get("user-agent") ?? "");
      return request.url.endsWith("/good") ? new Response(bytes) : new Response("no", { status: 404 });
    },
  });
  const urls = ["bad", "good"].map((name) => `"http://127.0.0.1:${web.port}/${name}"`).join(", ");
  await using place = await at(
    `source = { urls = [${urls}], checksum = "sha512:${sha512}" }\ndisk_format = "raw"\nweb_download = true`,
  );
  expect((await apply(place)).stdout).toContain("1 added");
  expect(agents.filter((agent) => agent === "images")).toEqual([]);
  expect(await live()).toEqual(["big active"]);
});

test("bytes that change on their way are told by Glance's digest, and nothing is left of them", async () => {
  await using glance = new Watched(facts.glance.RegionOne);
  const endpoint = await glance.listen();
  await using place = await at(FILE, `cloud = "other"\nendpoint = "${endpoint}"`);
  glance.spoil();
  const said = await apply(place);
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("checksum mismatch of the upload");
  expect(await mine.images()).toEqual([]);
});

test("a token that is revoked in mid-run is replaced by a new one", async () => {
  await using glance = new Watched(facts.glance.RegionOne);
  const endpoint = await glance.listen();
  await using place = await at(FILE, `cloud = "other"\nendpoint = "${endpoint}"`);
  const revoked: string[] = [];
  glance.beforeUpload = async (token) => {
    if (revoked.length > 0) return;
    revoked.push(token);
    const headers = { "x-auth-token": token, "x-subject-token": token };
    await fetch(`${facts.auth_url}/auth/tokens`, { method: "DELETE", headers });
  };
  const said = await apply(place);
  expect(said.stderr + said.stdout).toContain("1 added");
  expect(revoked.length).toBe(1);
  expect(await live()).toEqual(["big active"]);
});

test("what Glance cannot fetch goes through here, and nothing of it stays on disk", async () => {
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) =>
      request.headers.get("user-agent") === "images" ? new Response(bytes) : new Response("no", { status: 404 }),
  });
  const source = `source = { url = "http://127.0.0.1:${web.port}/disk.img", checksum = "sha512:${sha512}" }`;
  await using place = await at(`${source}\ndisk_format = "raw"\nweb_download = true`);
  const said = await apply(place, { env: { IMAGES_CACHE_MAX: "0" } });
  expect(said.stderr).toContain("Glance did not fetch");
  expect(said.stdout).toContain("1 added");
  expect(await live()).toEqual(["big active"]);
  const kept = await readdir(place.at("cache"), { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = kept
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => Bun.file(join(parentPath, name)).size);
  expect(sizes.filter((size) => size >= bytes.length)).toEqual([]);
  await settled(place);
});

test("staged and imported", async () => {
  await using place = await at(`${FILE}\nuse_import = true\nstores = ["slow", "fast"]`);
  expect((await apply(place)).stdout).toContain("1 added");
  expect((await mine.images())[0]?.["stores"]?.split(",").sort()).toEqual(["fast", "slow"]);
  await settled(place);
});

test("a protected image is not deleted, and what to do is told", async () => {
  await using place = await at(`${FILE}\nprotected = true`);
  await apply(place);
  const said = await images(place, "destroy", "--yes");
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("set protected = false");
  expect(await live()).toEqual(["big active"]);
});
