import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { run, TestDirectory } from "../harness.ts";
import { facts, Project } from "./glance.ts";
import { apply, at, bytes, env, FILE, images, live, mine, settled, toml } from "./openstack-kit.ts";

// What users do with images over time, on a real Glance: eval "$(tests/live/openstack-up DIR)" first.

setDefaultTimeout(600_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

const DAY = 86_400_000;
const later = (days: number) => () => new Date(Date.now() + days * DAY);

/** Other bytes each time. */
async function change(place: TestDirectory, version: number): Promise<void> {
  await place.write(
    "disk.img",
    bytes.subarray(0, 4096).map((byte) => byte ^ version),
  );
}

/** Applies versions one after the other, each some days after today. */
async function versions(place: TestDirectory, days: readonly number[], first = 1): Promise<string> {
  let told = "";
  for (const [i, day] of days.entries()) {
    await change(place, first + i);
    const said = await apply(place, { now: later(day) });
    expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
    told += said.stdout + said.stderr;
  }
  return told;
}

test("an application credential, by id and by clouds.yaml, and a token", async () => {
  const { id, secret } = facts.application_credential;
  const settings = {
    credential: `auth_url = "${facts.auth_url}"\napplication_credential_id = "${id}"\napplication_credential_secret = "env:SECRET"`,
    cloud: 'cloud = "appcred"',
    token: `auth_url = "${facts.auth_url}"\nauth_token = "env:TOKEN"`,
  };
  const { token } = await Project.login(facts.demo);
  for (const [name, lines] of Object.entries(settings)) {
    await using place = await TestDirectory.make({ "images.toml": `[backend.x]\nplugin = "openstack"\n${lines}\n` });
    const said = await run(place, ["info", "x", "--json"], { env: { ...env, SECRET: secret, TOKEN: token } });
    expect([name, said.stderr, said.code]).toEqual([name, "", 0]);
  }
});

test("drift of every attribute is seen and set right, and all of them are imported", async () => {
  const member = facts.demo.project_id;
  const image = `${FILE}
name = "first"
disk_format = "raw"
container_format = "bare"
min_disk_gb = 1
min_ram_mb = 64
protected = true
hidden = true
visibility = "shared"
members = ["${member}"]
tags = ["a", "b"]
properties = { os_distro = "debian", hw_disk_bus = "virtio" }
status = "active"
region = "RegionOne"`;
  await using place = await at(image);
  const made = await apply(place);
  expect(made.stdout).toContain("1 added");
  await settled(place);
  const id = (await mine.images())[0]?.["id"] ?? "";
  const changes = Object.entries({
    name: "second",
    min_disk: 2,
    min_ram: 65,
    protected: false,
    os_hidden: false,
    visibility: "community",
    tags: ["c"],
    os_distro: "ubuntu",
  });
  const operations = changes.map(([key, value]) => ({ op: "replace", path: `/${key}`, value }));
  expect((await mine.call("DELETE", `images/${id}/members/${member}`)).status).toBe(204);
  expect((await mine.call("PATCH", `images/${id}`, operations)).status).toBe(200);
  expect((await mine.call("POST", `images/${id}/actions/deactivate`)).status).toBe(204);
  const plan = await images(place, "plan", "--detailed-exitcode");
  expect(plan.code).toBe(2);
  const attributes = ["name", "min_disk_gb", "min_ram_mb", "protected", "hidden", "visibility", "members", "tags"];
  for (const name of [...attributes, "properties", "status"])
    expect([name, plan.stdout.includes(name)]).toEqual([name, true]);
  expect((await apply(place)).stdout).toContain("1 changed");
  await settled(place);
  expect((await images(place, "state", "rm", "x/big")).code).toBe(0);
  expect((await images(place, "import", "x/big", id)).code).toBe(0);
  await settled(place);
});

test("the arguments of the seed, by their own names", async () => {
  await using web = await TestDirectory.make({ "disk.img": bytes });
  await Bun.spawn(["tar", "-czf", web.at("disk.tar.gz"), "-C", web.path, "disk.img"]).exited;
  const basic = `Basic ${btoa("ann:pw-source")}`;
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ headers }) =>
      headers.get("authorization") === basic
        ? new Response(Bun.file(web.at("disk.tar.gz")))
        : new Response("no", { status: 401, headers: { "www-authenticate": "Basic" } }),
  });
  const image = (tags: string) => `name = "RancherOS"
image_source_url = "http://127.0.0.1:${server.port}/disk.tar.gz"
image_source_username = "ann"
image_source_password = "env:SOURCE_PW"
image_cache_path = "./kept"
archiving_format = "tar"
compression_format = "gzip"
container_format = "bare"
disk_format = "raw"
min_disk_gb = 3
min_ram_mb = 512
protected = false
region = "RegionOne"
tags = ${tags}
verify_checksum = false
visibility = "private"
properties = { key = "value" }`;
  const more = { env: { ...env, SOURCE_PW: "pw-source" } };
  await using place = await at(image('["a"]'), 'cloud = "other"', "vkcs");
  const said = await apply(place, more);
  expect(said.stderr + said.stdout).toContain("1 added");
  expect((await mine.images())[0]).toMatchObject({
    name: "RancherOS",
    checksum: createHash("md5").update(bytes).digest("hex"),
    min_disk: 3,
    min_ram: 512,
    visibility: "private",
    tags: ["a"],
    key: "value",
  });
  await place.write("images.toml", toml(image("[]"), 'cloud = "other"', "vkcs"));
  expect((await apply(place, more)).stdout).toContain("1 changed");
  expect(String((await mine.images())[0]?.["tags"])).toBe("");
  expect((await run(place, ["plan", "--detailed-exitcode"], more)).code).toBe(0);
});

test("versions: the newest has the plain name, one older keeps its version, the rest is hidden or deactivated", async () => {
  for (const how of ["hide", "deactivate"]) {
    await mine.empty();
    await using place = await at(`${FILE}\nretain = { last = 1, then = "${how}" }`);
    await versions(place, [0, 0, 0]);
    const all = await mine.images();
    expect(all.filter(({ name }) => name === "big").length).toBe(1);
    expect(all.filter(({ name }) => /^big \(\d{8}T\d{6}Z\)$/.test(name ?? "")).length).toBe(2);
    const gone = all.filter(({ status, os_hidden }) =>
      how === "hide" ? Boolean(os_hidden) : status === "deactivated",
    );
    expect(gone.map(({ name }) => name === "big")).toEqual([false]);
    await settled(place);
  }
});

test("versions beyond the last go when they are old enough; one that a server uses is kept and told", async () => {
  let used = "";
  await using nova = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url, headers }) => {
      if (headers.get("x-auth-token") === null) return new Response("who?", { status: 401 });
      const isUsed = new URL(url).searchParams.get("image") === used;
      return Response.json({ servers: isUsed ? [{ id: "server-1" }] : [] });
    },
  });
  await using compute = await Service.add("compute", `http://127.0.0.1:${nova.port}/v2.1`);
  expect(compute.id).not.toBe("");
  await using place = await at(`${FILE}\nretain = { last = 1, then = "delete", min_age = "7d" }`);
  await versions(place, [0]);
  used = (await mine.images())[0]?.["id"] ?? "";
  await versions(place, [0, 1], 2);
  expect((await live()).length).toBe(3);
  const told = await versions(place, [9], 4);
  expect(told).toContain(`the superseded version ${used} is kept: the image is in use (the server server-1)`);
  const left = await mine.images();
  expect(left.length).toBe(3);
  expect(left.some(({ id }) => id === used)).toBe(true);
  used = "";
  await versions(place, [10], 5);
  expect((await live()).length).toBe(3);
  await settled(place);
});

/** A service in the catalogue of Keystone, as long as a test takes. */
class Service implements AsyncDisposable {
  readonly id: string;
  readonly #token: string;

  private constructor(id: string, token: string) {
    this.id = id;
    this.#token = token;
  }

  static async add(type: string, url: string): Promise<Service> {
    const { token } = await Project.login(facts.admin);
    const post = async (path: string, body: unknown) => {
      const headers = { "x-auth-token": token, "content-type": "application/json" };
      const answer = await fetch(`${facts.auth_url}/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      return await answer.text();
    };
    const made: { service: { id: string } } = JSON.parse(await post("services", { service: { type, name: type } }));
    const { id } = made.service;
    await post("endpoints", { endpoint: { service_id: id, interface: "public", region_id: "RegionOne", url } });
    return new Service(id, token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const headers = { "x-auth-token": this.#token };
    await fetch(`${facts.auth_url}/services/${this.id}`, { method: "DELETE", headers });
  }
}
