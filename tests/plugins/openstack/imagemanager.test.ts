import { expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { bytes, existing, type Stage, staged } from "./stage.ts";

// Coming from openstack-image-manager: its definitions, and the images that it makes of them.

setDefaultTimeout(300_000);

const sha256 = createHash("sha256").update(bytes).digest("hex");

const definitions = (versions: readonly string[]) => `---
images:
  - name: Debian 12
    enable: true
    shortname: debian-12
    format: raw
    login: debian
    min_disk: 8
    min_ram: 512
    status: active
    visibility: public
    multi: true
    meta:
      architecture: x86_64
      hw_qemu_guest_agent: yes
      os_distro: debian
      os_version: 12.10
      os_purpose: generic
      replace_frequency: monthly
      uuid_validity: last-3
      provided_until: 2028-06-10
    tags: [stable]
    versions:
${versions.map((one) => `      - {version: '${one}', url: 'file:///DIR/disk.img', checksum: 'sha256:${sha256}', build_date: ${one.replace(/(....)(..)(..)/, "$1-$2-$3")}}`).join("\n")}
  - name: Cirros
    enable: true
    format: raw
    login: cirros
    password: gocubsgo
    min_ram: 64
    status: active
    visibility: private
    multi: false
    meta: {os_distro: cirros, hw_disk_bus: null}
    tags: []
    versions:
      - {version: '0.6.9', url: 'file:///DIR/disk.img', hidden: true}
      - {version: '0.6.10', url: 'file:///DIR/disk.img', visibility: shared}
  - name: Old
    enable: false
    format: raw
    login: x
    visibility: public
    meta: {}
    versions: [{version: '1', url: 'https://example.org/x'}]
`;

const debian = (version: string) => ({
  architecture: "x86_64",
  hw_qemu_guest_agent: "True",
  image_build_date: version.replace(/(....)(..)(..)/, "$1-$2-$3"),
  image_description: "Debian 12",
  image_name: "Debian 12",
  image_original_user: "debian",
  image_source: "file:disk.img",
  internal_version: version,
  os_distro: "debian",
  os_purpose: "generic",
  os_version: "12.1",
  provided_until: "2028-06-10",
  replace_frequency: "monthly",
  uuid_validity: "last-3",
});

const cirros = (version: string) => ({
  hw_disk_bus: "None",
  image_description: "Cirros",
  image_name: "Cirros",
  image_original_user: "cirros",
  image_source: "file:disk.img",
  internal_version: version,
  os_distro: "cirros",
  os_version: version,
});

/** The images as openstack-image-manager leaves them. */
function made({ glance }: Stage): void {
  const put = (id: string, more: Readonly<Record<string, unknown>>) => glance.images.set(id, existing(id, more));
  const of = (version: string) => ({
    ...debian(version),
    visibility: "public",
    min_disk: 9,
    min_ram: 512,
    tags: ["stable", "managed_by_osism", "os:debian"],
  });
  put("d3", { name: "Debian 12", ...of("20260801"), created_at: "2026-08-02T00:00:00Z" });
  put("d2", { name: "Debian 12 (20260701)", ...of("20260701"), created_at: "2026-07-02T00:00:00Z" });
  put("d1", { name: "Debian 12 (20260601)", ...of("20260601"), created_at: "2026-06-02T00:00:00Z", os_hidden: true });
  const c = (version: string, visibility: string) => ({
    name: `Cirros ${version}`,
    ...cirros(version),
    visibility,
    min_ram: 64,
    tags: ["managed_by_osism", "os:cirros"],
  });
  put("c1", { ...c("0.6.9", "private"), os_hidden: true });
  put("c2", c("0.6.10", "shared"));
  glance.members.set("c2", new Map([["p7", "accepted"]]));
  put("other", { name: "Debian 12 of somebody" });
}

const bare = (image: Record<string, unknown> | undefined) =>
  Object.fromEntries(Object.entries(image ?? {}).filter(([key]) => !/^images_/.test(key)));

async function imported(versions: readonly string[]): Promise<Stage> {
  const stage = await staged("");
  await mkdir(stage.directory.at("etc"));
  await stage.directory.write("etc/images.yml", definitions(versions).replaceAll("/DIR", stage.directory.path));
  return stage;
}

test("the images of openstack-image-manager are adopted with their older versions; the plan is empty, and nothing but markers is written", async () => {
  await using stage = await imported(["20260601", "20260701", "20260801"]);
  made(stage);
  const before = new Map([...stage.glance.images].map(([id, image]) => [id, { ...image }]));
  const said = await stage.images("import", "--from-image-manager", "etc");
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  expect(said.stderr).toContain("skipped 1 definition with enable: false");
  expect(said.stderr).toContain("x/debian-12: 2 older versions kept");
  for (const [id, image] of before) expect([id, bare(stage.glance.images.get(id))]).toEqual([id, image]);
  expect(stage.glance.images.get("other")).toEqual(before.get("other") ?? {});
  expect(stage.glance.images.get("d2")).toMatchObject({
    images_owner: "x/debian-12",
    images_retained: "2026-07-02T00:00:00Z",
  });
  const plan = await stage.images("plan", "--detailed-exitcode");
  expect([plan.code, plan.code === 0 ? "" : plan.stdout + plan.stderr]).toEqual([0, ""]);
  expect([...(stage.glance.members.get("c2") ?? [])]).toEqual([["p7", "accepted"]]);
  const toml = await Bun.file(stage.directory.at("images.toml")).text();
  expect(toml).not.toContain("gocubsgo");
  const again = await stage.images("import", "--from-image-manager", "etc");
  expect([again.code, await Bun.file(stage.directory.at("images.toml")).text()]).toEqual([0, toml]);
});

test("after new bytes the older version has upstream's date in its name, and the oldest goes by the plan", async () => {
  await using stage = await imported(["20260601", "20260701", "20260801"]);
  made(stage);
  expect((await stage.images("import", "--from-image-manager", "etc")).code).toBe(0);
  const toml = await Bun.file(stage.directory.at("images.toml")).text();
  const other = "other\n".repeat(1000);
  await stage.directory.write("new.img", other);
  const next = toml
    .replace("./disk.img", "./new.img")
    .replace(sha256, createHash("sha256").update(other).digest("hex"))
    .replaceAll("20260801", "20260901");
  await stage.directory.write("images.toml", next);
  const plan = await stage.images("plan");
  expect(plan.stdout).toContain("d1");
  expect((await stage.images("apply", "--yes")).code).toBe(0);
  const names = [...stage.glance.images.values()]
    .map(({ name }) => String(name))
    .filter((name) => name.startsWith("Debian 12"));
  expect(names.sort()).toEqual(["Debian 12", "Debian 12 (20260701)", "Debian 12 (20260801)", "Debian 12 of somebody"]);
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("an image of an older version than the newest that is defined is adopted as what it is", async () => {
  await using stage = await imported(["20260701", "20260801", "20260901"]);
  made(stage);
  const said = await stage.images("import", "--from-image-manager", "etc/images.yml");
  expect(said.stderr).toContain("its image has version 20260801; 20260901 is newer and skipped");
  expect((await stage.images("plan", "--detailed-exitcode")).code).toBe(0);
});

test("two images of one name, or a version that is not defined: not adopted, and named", async () => {
  await using stage = await imported(["20260901"]);
  made(stage);
  stage.glance.images.set("c3", existing("c3", { name: "Cirros 0.6.10" }));
  const said = await stage.images("import", "--from-image-manager", "etc");
  expect(said.stderr).toContain("its image has version 20260801, which is not defined: not adopted");
  expect(said.stderr).toContain("2 images have the name Cirros 0.6.10: none of them is adopted");
  const marked = [...stage.glance.images].flatMap(([id, image]) => ("images_owner" in image ? [id] : []));
  expect(marked).toEqual(["c1"]);
});

test("on an empty project the blocks are written, and apply makes the images", async () => {
  await using stage = await imported(["20260801"]);
  expect((await stage.images("import", "--from-image-manager", "etc")).code).toBe(0);
  const said = await stage.images("apply", "--yes");
  expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
  const byName = new Map([...stage.glance.images.values()].map((image) => [image["name"], image]));
  expect(byName.get("Debian 12")).toMatchObject({ ...debian("20260801"), visibility: "public", min_disk: 8 });
  expect(byName.get("Cirros 0.6.9")).toMatchObject({ ...cirros("0.6.9"), os_hidden: true });
});

test.each([
  ["nothing.yml", undefined, "there is no "],
  ["a.yml", "images: [{name: a", "is not valid YAML"],
  ["a.yml", "images: [{name: 3}]", "is not an image definition"],
  ["a.yml", "- 1", "is not an image definition"],
])("what is no definition is refused with its path: %s", async (name, text, words) => {
  await using stage = await staged("");
  if (text !== undefined) await stage.directory.write(name, text);
  const said = await stage.images("import", "--from-image-manager", name);
  expect([said.code, said.stderr.includes(words), said.stderr.includes(name)]).toEqual([1, true, true]);
  expect(stage.cloud.heard).toEqual([]);
});
