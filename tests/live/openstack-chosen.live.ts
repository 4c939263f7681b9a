import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { facts, Project, Watched } from "./glance.ts";
import { apply, at, bytes, env, FILE, images, live, mine, settled } from "./openstack-kit.ts";

// Ids of one's own on a real Glance, which gives each only once; and names of properties that a JSON pointer has to escape.

setDefaultTimeout(600_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

const fresh = () => `image_id = "${crypto.randomUUID()}"`;
const idIn = (line: string) => /"(.*)"/.exec(line)?.[1] ?? "";
const ids = async (region?: "RegionTwo") => (await mine.images(region)).map(({ id, status }) => `${id} ${status}`);

test("the program is killed in mid-upload: the next run fills the image under its id", async () => {
  for (const more of ["", "use_import = true"]) {
    await using glance = new Watched(facts.glance.RegionOne);
    const endpoint = await glance.listen();
    const line = fresh();
    await using place = await at(`${FILE}\n${line}\n${more}`, `cloud = "other"\nendpoint = "${endpoint}"`);
    glance.stall();
    const binary = process.env["IMAGES_BINARY"];
    const command =
      binary === undefined ? [process.execPath, join(import.meta.dir, "../../src/cli/main.ts")] : [binary];
    const killed = Bun.spawn([...command, "apply", "--yes"], {
      cwd: place.path,
      env: { ...process.env, ...env, HOME: place.path, IMAGES_CACHE: place.at("cache") },
      stdio: ["ignore", "ignore", "ignore"],
    });
    for (;;) if ((await ids()).some((one) => /saving|uploading/.test(one))) break;
    killed.kill("SIGKILL");
    await killed.exited;
    glance.release();
    const said = await apply(place);
    expect([more, said.code, said.code === 0 ? "" : said.stderr]).toEqual([more, 0, ""]);
    expect(await ids()).toEqual([`${idIn(line)} active`]);
    await settled(place);
    await mine.empty();
  }
});

test("an id that a deleted image had is told, and that of an image of another project too", async () => {
  const theirs = await Project.login(facts.demo);
  const line = fresh();
  const made = await theirs.call("POST", "images", { id: idIn(line), name: "theirs", visibility: "private" });
  expect(made.status).toBe(201);
  await using place = await at(`${FILE}\n${line}`);
  for (let round = 0; round < 2; round++) {
    const said = await apply(place);
    expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("Glance gives an id only once")]);
    expect((await images(place, "state", "list")).stdout.trim()).toBe("");
    if (round === 0) expect((await theirs.call("DELETE", `images/${idIn(line)}`)).status).toBe(204);
  }
  expect(await live()).toEqual([]);
});

test("over the quota under an id: nothing of the bytes is left, and the next run fills it with fewer", async () => {
  const line = fresh();
  await using place = await at(`${FILE}\n${line}`, 'cloud = "other"\nregion = "RegionTwo"');
  const said = await apply(place);
  expect([said.code, said.stderr]).toEqual([1, expect.stringContaining("quota")]);
  expect(await ids("RegionTwo")).toEqual([`${idIn(line)} queued`]);
  await place.write("disk.img", bytes.subarray(0, 4096));
  expect((await apply(place)).code).toBe(0);
  expect(await ids("RegionTwo")).toEqual([`${idIn(line)} active`]);
  await settled(place);
});

test("Glance fetches a URL into an image of one's own id", async () => {
  await using web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(bytes) });
  const line = fresh();
  await using place = await at(
    `source = { url = "http://127.0.0.1:${web.port}/disk.img" }\ndisk_format = "raw"\nweb_download = true\n${line}`,
  );
  expect((await apply(place)).code).toBe(0);
  expect(await ids()).toEqual([`${idIn(line)} active`]);
  await settled(place);
  await mine.empty();
  // What it is not to fetch comes through here, into the image that is begun already.
  const next = fresh();
  await using other = await at(
    `source = { url = "http://127.0.0.1:${web.port}/disk.img" }\ndisk_format = "qcow2"\nweb_download = true\n${next}`,
  );
  const said = await apply(other);
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  expect(said.stderr).toContain("Glance does not fetch");
  expect(await ids()).toEqual([`${idIn(next)} active`]);
  await settled(other);
});

test("a lost state finds the image under its id again, also in another region", async () => {
  for (const region of ["", 'region = "RegionTwo"']) {
    await using place = await at(`source = { file = "./small.img" }\n${fresh()}\n${region}`);
    await place.write("small.img", bytes.subarray(0, 4096));
    expect((await apply(place)).code).toBe(0);
    await settled(place);
    expect((await images(place, "state", "rm", "x/big")).code).toBe(0);
    const said = await apply(place);
    expect([said.code, said.stdout]).toEqual([0, expect.stringContaining("1 imported")]);
    await settled(place);
    await mine.empty();
  }
});

test("properties whose names have slashes and tildes, and empty values: set, drifted, changed, taken out", async () => {
  const line = (value: string) => `${FILE}\nproperties = { "a/b~c" = "${value}", "~1" = "", "x y" = "é" }`;
  await using place = await at(line("1"));
  expect((await apply(place)).code).toBe(0);
  await settled(place);
  const [image] = await mine.images();
  expect([image?.["a/b~c"], image?.["~1"], image?.["x y"]]).toEqual(["1", "", "é"]);
  await mine.call("PATCH", `images/${image?.["id"]}`, [{ op: "replace", path: "/a~1b~0c", value: "2" }]);
  expect((await images(place, "plan", "--detailed-exitcode")).code).toBe(2);
  expect((await apply(place)).code).toBe(0);
  await settled(place);
  const toml = await Bun.file(place.at("images.toml")).text();
  await place.write("images.toml", toml.replace(/^properties.*$/m, ""));
  expect((await apply(place)).code).toBe(0);
  expect(Object.keys((await mine.images())[0] ?? {}).filter((key) => /[/~ ]/.test(key))).toEqual([]);
  await settled(place);
});

test("an image that somebody protects, or deletes, between plan and apply: told, and nothing is doubled", async () => {
  await using place = await at(FILE);
  expect((await apply(place)).code).toBe(0);
  const [image] = await mine.images();
  await place.write("disk.img", bytes.subarray(9));
  expect((await images(place, "plan", "--out", "p.plan")).code).toBe(0);
  await mine.call("PATCH", `images/${image?.["id"]}`, [{ op: "replace", path: "/protected", value: true }]);
  const said = await images(place, "apply", "--yes", "p.plan");
  expect(said.code).toBe(1);
  // Whatever was made, the old image is there, and the next plan says what stands in the way.
  const left = await mine.images();
  expect(left.some(({ id }) => id === image?.["id"])).toBe(true);
  await mine.call("PATCH", `images/${image?.["id"]}`, [{ op: "replace", path: "/protected", value: false }]);
  const next = await apply(place);
  expect([next.code, next.code === 0 ? "" : next.stderr]).toEqual([0, ""]);
  expect(await live()).toEqual(["big active"]);
  await settled(place);
});
