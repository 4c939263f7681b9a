import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { api, bytesOf, DIR, facts, type Json, Lab, names, project, unified } from "./incus-kit.ts";

// The attributes that only images of a remote can have, and all of them changed behind our back, one by one.

setDefaultTimeout(600_000);
if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main } = await facts();

const HEAD = '[image.a]\nbackend = "lab"\nsource = "images:alpine/edge"\n';
const ALL = `${HEAD}alias = "first"
aliases = ["second", { name = "third", description = "the third" }]
properties = { os = "Alpine", "requirements.secureboot" = "false" }
public = true
auto_update = true
profiles = ["default", "second"]
expires_at = "2031-01-01T00:00:00Z"
`;

/** The attributes that a saved plan says somebody else changed. */
async function drifted(lab: Lab): Promise<string[]> {
  const { resource_drift } = await Bun.file(lab.directory.at("plan.json")).json();
  const { before, after } = resource_drift[0].change;
  return Object.keys({ ...before, ...after })
    .filter((name) => !Bun.deepEquals(before[name], after[name]))
    .sort();
}

test("each attribute that somebody else changed is seen, and all are put back; they are imported as they are, and cleared", async () => {
  await using lab = await Lab.open();
  await lab.declare(ALL);
  await lab.apply();
  await lab.settled();
  const { fingerprint, update_source } = await lab.one();
  expect(update_source.alias).toBe("alpine/edge");
  const at = (path: string) => `/1.0/images/${path}?project=${lab.project.name}`;
  const change = async (method: string, path: string, body?: unknown) => await api(main.socket, method, at(path), body);
  const edit = async (attributes: Readonly<Record<string, unknown>>) =>
    await change("PUT", fingerprint, { ...(await lab.one()), ...attributes });
  const meddlings: readonly (readonly [attribute: string, () => Promise<unknown>])[] = [
    ["alias", () => change("DELETE", "aliases/first")],
    ["aliases", () => change("PUT", "aliases/third", { target: fingerprint, description: "another" })],
    ["properties", () => change("PATCH", fingerprint, { properties: { os: "theirs", more: "x" } })],
    ["public", () => edit({ public: false })],
    ["auto_update", () => edit({ auto_update: false })],
    ["profiles", () => edit({ profiles: ["default"] })],
    ["expires_at", () => edit({ expires_at: "2032-01-01T00:00:00Z" })],
  ];
  const seen: string[] = [];
  for (const [attribute, meddle] of meddlings) {
    await meddle();
    seen.push(attribute);
    const plan = await lab.run("plan", "--detailed-exitcode", "--out", "plan.json");
    expect([attribute, plan.code]).toEqual([attribute, 2]);
    expect(plan.stdout).toContain(attribute);
    expect(await drifted(lab)).toEqual(seen.toSorted());
  }
  await change("POST", "aliases", { name: "fourth", target: fingerprint });
  await lab.apply();
  await lab.settled();
  const isAsDeclared = async () => {
    const image = await lab.one();
    expect(image).toMatchObject({ fingerprint, public: true, auto_update: true, profiles: ["default", "second"] });
    expect(Date.parse(image.expires_at)).toBe(Date.parse("2031-01-01T00:00:00Z"));
    const own = Object.keys(image.properties).filter((key) => !key.startsWith("images."));
    expect(own.sort()).toEqual(["os", "requirements.secureboot"]);
    expect(names(image).filter((name) => !name.startsWith("images:"))).toEqual(["first", "second", "third"]);
    expect(image.aliases.find(({ name }: Json) => name === "third").description).toBe("the third");
  };
  await isAsDeclared();
  expect((await lab.run("state", "rm", "lab/a")).code).toBe(0);
  expect((await lab.run("import", "lab/a", "third")).code).toBe(0);
  await lab.settled();
  await isAsDeclared();
  await lab.declare(HEAD);
  await lab.apply();
  await lab.settled();
  const bare = await lab.one();
  expect(bare).toMatchObject({ fingerprint, public: false, auto_update: false, profiles: ["default"], aliases: [] });
  expect(Date.parse(bare.expires_at)).toBeLessThanOrEqual(0);
  expect(Object.keys(bare.properties).filter((key) => !key.startsWith("images."))).toEqual([]);
});

test("auto_update: set, changed, and of an image that is not copied by its alias", async () => {
  await using lab = await Lab.open();
  for (const wanted of [false, true, false]) {
    await lab.declare(`${HEAD}auto_update = ${wanted}\n`);
    await lab.apply(...(wanted ? ["--replace", "lab/a"] : []));
    await lab.settled();
    expect((await lab.one()).auto_update).toBe(wanted);
  }
  await lab.declare(`${HEAD}auto_update = true\nmode = "relay"\n`);
  const refused = await lab.run("validate");
  expect([refused.code, refused.stderr.includes("auto_update needs mode")]).toEqual([1, true]);
});

test("a fingerprint: checked before anything is made, and after where it is unknown before", async () => {
  await using lab = await Lab.open();
  await lab.declare(`${HEAD}fingerprint = "000000000000"\n`);
  const before = await lab.run("apply", "--yes");
  expect([before.code, before.stderr.includes("expected 000000000000")]).toEqual([1, true]);
  expect(await lab.images()).toEqual([]);
  lab.settings = `socket = "${main.socket}"\n`;
  await lab.declare('[image.a]\nbackend = "lab"\nsource_instance = { name = "c1" }\nfingerprint = "000000000000"\n');
  const all = async () => (await api(main.socket, "GET", "/1.0/images")).length;
  const count = await all();
  const after = await lab.run("apply", "--yes");
  expect([after.code, after.stderr.includes("expected 000000000000")]).toEqual([1, true]);
  expect(await all()).toBe(count);
});

test("project and target_project, changed and taken out again", async () => {
  await using lab = await Lab.open();
  await using second = await project(main.socket);
  await lab.directory.write("a.tar", await unified(second.name));
  const at = async (name: string) => (await api(main.socket, "GET", `/1.0/images?project=${name}`)).length;
  for (const [more, own, other] of [
    [`project = "${second.name}"\n`, 0, 1],
    ["", 1, 0],
    [`target_project = "${second.name}"\n`, 0, 1],
    ["", 1, 0],
  ] as const) {
    await lab.declare(`[image.a]\nbackend = "lab"\nsource = "./a.tar"\naliases = ["x"]\n${more}`);
    await lab.apply();
    await lab.settled();
    expect([await at(lab.project.name), await at(second.name)]).toEqual([own, other]);
  }
});

test("what no remote or instance has is told, with what there is", async () => {
  await using lab = await Lab.open();
  for (const [block, told] of [
    ['source_image = { remote = "images", name = "alpine/edge", architecture = "aarch64" }', "container x86_64"],
    ['source_image = { remote = "images", name = "debian/12", type = "virtual-machine" }', "container x86_64"],
    ['source_image = { remote = "remote", name = "pubvm" }', "virtual-machine"],
    ['source = "images:no/such"', "incus image list images:"],
    ['source_instance = { name = "nobody" }', "there is no instance nobody"],
  ]) {
    await lab.declare(`[image.a]\nbackend = "lab"\n${block}\n`);
    const said = await lab.run("plan");
    expect([block, (said.stdout + said.stderr).includes(told ?? "")]).toEqual([block, true]);
    expect((await lab.run("apply", "--yes")).code).toBe(1);
    expect(await lab.images()).toEqual([]);
  }
});

test("an image that is damaged on the server is not exported", async () => {
  await using lab = await Lab.open();
  await lab.directory.write("a.tar", await unified(lab.project.name));
  await lab.declare('[image.a]\nbackend = "lab"\nsource = "./a.tar"\n');
  await lab.apply();
  const { fingerprint } = await lab.one();
  const path = `${DIR}/main/images/${fingerprint}`;
  const bytes = await Bun.file(path).bytes();
  bytes[bytes.length - 1] = 1 ^ (bytes.at(-1) ?? 0);
  await Bun.write(path, bytes);
  const said = await lab.run("export", "lab/a", "--out", "out");
  expect([said.code, said.stderr.includes("fingerprint mismatch")]).toEqual([1, true]);
  expect(await Bun.file(lab.directory.at("out")).exists()).toBe(false);
});

test("bytes that come through here are told as they leave", async () => {
  await using lab = await Lab.open();
  for (const mode of ["push", "relay"]) {
    await lab.declare(`${HEAD}mode = "${mode}"\n`);
    const said = await lab.apply("--json");
    const lines: readonly Json[] = said
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
    const { size } = await lab.one();
    const told = lines.filter(({ type, hook }) => type.startsWith("transfer_") && hook.phase === "upload");
    expect([mode, told.length > 0, told.at(-1)?.hook.total_bytes >= size]).toEqual([mode, true, true]);
    expect((await lab.run("destroy", "--yes")).code).toBe(0);
  }
});

test("any source: a URL with a checksum, a raw disk, a packed disk", async () => {
  await using lab = await Lab.open();
  const disk = await bytesOf("disk.qcow2");
  const whole = await unified(lab.project.name);
  const sum = new Bun.CryptoHasher("sha256").update(whole).digest("hex");
  await lab.directory.write("disk.qcow2.gz", gzipSync(disk));
  await lab.directory.write("disk.raw", new Uint8Array(1 << 20));
  await using web = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(whole) });
  const url = `http://127.0.0.1:${web.port}/whole.tar`;
  for (const [source, type] of [
    [`{ url = "${url}", checksum = "sha256:${sum}" }`, "container"],
    ['{ file = "disk.qcow2.gz", decompress = true }', "virtual-machine"],
    ['"./disk.raw"', "virtual-machine"],
  ]) {
    await lab.declare(`[image.a]\nbackend = "lab"\nsource = ${source}\n`);
    await lab.apply();
    await lab.settled();
    expect([source, (await lab.one()).type]).toEqual([source, type]);
  }
  await lab.declare(`[image.a]\nbackend = "lab"\nsource = { url = "${url}", checksum = "sha256:${"0".repeat(64)}" }\n`);
  const wrong = await lab.run("apply", "--yes");
  expect(wrong.code).toBe(1);
  expect((await lab.one()).type).toBe("virtual-machine");
});

test("an image of an instance is packed as it says", async () => {
  await using lab = await Lab.open();
  lab.settings = `socket = "${main.socket}"\n`;
  for (const [compression, magic] of [
    ["none", [0x6d, 0x65]],
    ["gzip", [0x1f, 0x8b]],
  ] as const) {
    await lab.declare(
      `[image.a]\nbackend = "lab"\nsource_instance = { name = "c1" }\ncompression = "${compression}"\n[settings]\nname = "${lab.project.name}"\n`,
    );
    await lab.apply();
    expect((await lab.run("export", "lab/a", "--out", compression)).code).toBe(0);
    expect([...(await Bun.file(lab.directory.at(compression)).bytes()).subarray(0, 2)]).toEqual([...magic]);
  }
  expect((await lab.run("destroy", "--yes")).code).toBe(0);
});
