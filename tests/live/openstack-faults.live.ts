import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Folder, run, type Said } from "../harness.ts";
import { clouds, facts, Project, folder as servers, Watched } from "./glance.ts";

// What goes wrong with a real Glance, and what it does by itself: eval "$(tests/live/openstack-up DIR)" first.

setDefaultTimeout(600_000);
const mine = await Project.login(facts.other);
const env = { OS_CLIENT_CONFIG_FILE: clouds };
const bytes = new Uint8Array(3 << 20).map((_, i) => (i * 7 + (i >> 9)) & 0xff);
const sha512 = createHash("sha512").update(bytes).digest("hex");

beforeEach(() => mine.empty());
afterAll(() => mine.empty());

const toml = (image: string, settings = 'cloud = "other"') =>
  `[backend.x]\nplugin = "openstack"\n${settings}\n\n[image.big]\nbackend = "x"\n${image}\n`;

const FILE = 'source = { file = "./disk.img" }';

async function at(image: string, settings?: string): Promise<Folder> {
  return await Folder.make({ "images.toml": toml(image, settings), "disk.img": bytes });
}
const images = (place: Folder, ...args: readonly string[]): Promise<Said> => run(place, args, { env });
const apply = (place: Folder) => images(place, "apply", "--yes");
const settled = async (place: Folder) => expect((await images(place, "plan", "--detailed-exitcode")).code).toBe(0);
const live = async () => (await mine.images()).map(({ name, status }) => `${name} ${status}`).sort();

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
      if (request.method === "GET") agents.push(request.headers.get("user-agent") ?? "");
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
  expect((await images(other, "plan")).stdout).toContain("no checksum is declared");
  await using wrong = await at(source(`, checksum = "sha512:${"0".repeat(128)}"`));
  const said = await apply(wrong);
  expect(said.code).toBe(1);
  expect(said.stderr).toContain("other bytes than the declared ones");
  expect(await mine.images()).toEqual([]);
});

test("what Glance cannot fetch goes through here", async () => {
  await using web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) =>
      request.headers.get("user-agent") === "images" ? new Response(bytes) : new Response("no", { status: 404 }),
  });
  const source = `source = { url = "http://127.0.0.1:${web.port}/disk.img", checksum = "sha512:${sha512}" }`;
  await using place = await at(`${source}\ndisk_format = "raw"\nweb_download = true`);
  const said = await apply(place);
  expect(said.stderr).toContain("Glance did not fetch");
  expect(said.stdout).toContain("1 added");
  expect(await live()).toEqual(["big active"]);
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

test("versions: the newest has the plain name, one older keeps its version, the rest is hidden", async () => {
  const retain = 'retain = { last = 1, then = "hide" }';
  await using place = await at(`${FILE}\n${retain}`);
  await apply(place);
  for (const version of [1, 2]) {
    await place.write(
      "disk.img",
      bytes.map((byte) => byte ^ version),
    );
    expect((await apply(place)).code).toBe(0);
  }
  const all = await mine.images();
  expect(all.filter(({ name }) => name === "big").length).toBe(1);
  expect(all.filter(({ name }) => /^big \(\d{8}T\d{6}Z\)$/.test(name ?? "")).length).toBe(2);
  expect(all.filter((image) => Boolean(image["os_hidden"])).length).toBe(1);
  await settled(place);
});
