import { expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { stateServer } from "../core/store/server.ts";
import type { Heard } from "../plugins/openstack/keystone.ts";
import { existing, bytes as known } from "../plugins/openstack/stage.ts";
import { clouded, debian, qcow2 } from "./kit.ts";
import { Reader } from "./page.ts";

// The pages of docs/tasks that are about OpenStack, against a Keystone and a Glance in this process.

setDefaultTimeout(300_000);

test("Upload a qcow2 to OpenStack", async () => {
  await using here = clouded();
  const files = { "debian-12.qcow2": await qcow2("first"), "rebuilt.raw": "second\n".repeat(1000) };
  await using reader = await Reader.open("upload-qcow2-openstack.md", { ...here.world, files });
  await reader.read();
  const [image, ...more] = here.glance.images.values();
  expect(more).toEqual([]);
  expect(image).toMatchObject({ name: "debian-12", status: "active", disk_format: "qcow2", min_disk: 3, min_ram: 512 });
  expect(image?.["size"]).toBe(files["debian-12.qcow2"].length);
});

test("Keep the last three", async () => {
  await using here = clouded();
  const builds = ["20260901", "20261001", "20261101", "20261201", "20270101"];
  const disks = await Promise.all(builds.map(async (one) => [`builds/${one}.qcow2`, await qcow2(one)] as const));
  const files = { "clouds.yaml": here.clouds, ...Object.fromEntries(disks) };
  await using reader = await Reader.open("keep-last-three.md", { ...here.world, files });
  await reader.read();
  const names = [...here.glance.images.values()].map(({ name }) => name);
  expect(names.toSorted()).toEqual(["debian-12", "debian-12 (20261001)", "debian-12 (20261101)"]);
});

test("Nightly in GitLab: the script of the job, with the state of the project and the token of the job", async () => {
  await using here = clouded();
  await using web = debian(await qcow2("debian"));
  await using states = stateServer("gitlab", "gitlab-ci-token");
  const env = {
    CI_API_V4_URL: states.url.replace(/\/projects\/.*/, ""),
    CI_PROJECT_ID: "7",
    CI_JOB_TOKEN: "secret",
    GITLAB_CI: "true",
  };
  await using reader = await Reader.open("nightly-gitlab.md", {
    hosts: [web.host],
    env,
    files: { "clouds.yaml": here.clouds },
  });
  await reader.read();
  const { nightly } = parse(await readFile(reader.at(".gitlab-ci.yml"), "utf8"));
  expect(nightly.before_script.join("\n")).toContain('"$IMAGES_FROM/install.sh"');
  const night = () => reader.run(nightly.script.join("\n"));
  expect(await night()).toContain("1 added");
  expect(await night()).toContain("No changes.");
  expect([...here.glance.images.values()].map(({ name }) => name)).toEqual(["debian-12"]);
  for (const path of [...nightly.artifacts.paths, nightly.artifacts.reports.junit])
    expect(await Bun.file(reader.at(path)).exists(), path).toBe(true);
  expect(states.log.some((line) => line.startsWith("POST "))).toBe(true);
  expect(await Bun.file(reader.at("images.state.json")).exists()).toBe(false);
  const id = [...here.glance.images.keys()][0] ?? "";
  Object.assign(here.glance.images.get(id) ?? {}, { min_disk: 9, images_owner: "gone" });
  await Bun.write(
    reader.at("images.toml"),
    (await readFile(reader.at("images.toml"), "utf8")).split("[image.")[0] ?? "",
  );
  await reader.run(`${nightly.script.join("\n").replace("--max-deletes 1", "--max-deletes 0")}  # exits with 1`);
  expect(here.glance.images.has(id)).toBe(true);
});

test("Take over from terraform", async () => {
  await using here = clouded();
  const id = "89c60255-9bd6-460c-822a-e2b959ede9d2";
  here.glance.images.set(id, existing(id, { name: "debian-12", min_disk: 3, tags: ["stable"], os_distro: "debian" }));
  const { checksum, os_hash_algo, os_hash_value } = existing(id);
  const attributes = {
    ...{ id, name: "debian-12", container_format: "bare", disk_format: "raw", local_file_path: "../disk.img" },
    ...{ min_disk_gb: 3, min_ram_mb: 0, protected: false, hidden: false, visibility: "private", region: "One" },
    ...{ tags: ["stable"], properties: { os_distro: "debian", os_hash_algo, os_hash_value }, checksum },
    ...{ size_bytes: known.length, status: "active", owner: "p1", verify_checksum: true },
  };
  const resource = {
    ...{ mode: "managed", type: "openstack_images_image_v2", name: "debian" },
    provider: 'provider["registry.terraform.io/terraform-provider-openstack/openstack"]',
    instances: [{ schema_version: 0, attributes }],
  };
  const state = {
    version: 4,
    terraform_version: "1.11.4",
    serial: 3,
    lineage: "l",
    outputs: {},
    resources: [resource],
  };
  await using reader = await Reader.open("from-terraform.md", {
    ...here.world,
    files: { "clouds.yaml": here.clouds, "disk.img": known, "infra/terraform.tfstate": JSON.stringify(state) },
    env: { OS_CLOUD: "mycloud" },
    programs: { terraform: 'echo "$@" >>terraform.log' },
  });
  await reader.read();
  expect([...here.glance.images.keys()]).toEqual([id]);
  expect(here.glance.images.get(id)).toMatchObject({ name: "debian-12", min_disk: 3, tags: ["stable"] });
  const asked = await readFile(reader.at("terraform.log"), "utf8");
  expect(asked).toBe("-chdir=infra state rm openstack_images_image_v2.debian\n");
});

test("Take over from openstack-image-manager", async () => {
  await using here = clouded();
  await using web = debian(await qcow2("debian"));
  const version = (of: string, more: Readonly<Record<string, unknown>>) => ({
    ...{
      disk_format: "qcow2",
      visibility: "private",
      min_disk: 3,
      min_ram: 512,
      tags: ["managed_by_osism", "os:debian"],
    },
    ...{ architecture: "x86_64", os_distro: "debian", os_version: "12", image_description: "Debian 12" },
    ...{ image_name: "Debian 12", image_original_user: "debian", internal_version: of },
    ...{ image_build_date: of.replace(/(....)(..)(..)/, "$1-$2-$3"), provided_until: "2028-06-10" },
    ...{ image_source: `${web.host[1]}/debian-12/${of}.qcow2`, replace_frequency: "monthly" },
    ...{ uuid_validity: "last-3", ...more },
  });
  const put = (id: string, of: string, more: Readonly<Record<string, unknown>>) =>
    here.glance.images.set(id, existing(id, version(of, more)));
  put("d1", "20260901", { name: "Debian 12 (20260901)", created_at: "2026-09-02T00:00:00Z" });
  put("d2", "20261001", { name: "Debian 12", created_at: "2026-10-02T00:00:00Z" });
  const before = structuredClone(here.glance.images);
  await using reader = await Reader.open("from-image-manager.md", {
    ...here.world,
    hosts: [...(here.world.hosts ?? []), ["https://images.example.org", web.host[1]]],
    files: { "clouds.yaml": here.clouds },
  });
  await reader.read();
  for (const [id, image] of before) expect(here.glance.images.get(id)).toMatchObject(image);
  expect(here.glance.images.get("d1")).toHaveProperty("images_owner");
});

test("Debug a failing upload", async () => {
  await using here = clouded();
  let isSmall = true;
  const { answer } = here.glance;
  here.cloud.glance = (heard: Heard) => {
    if (!isSmall || heard.method !== "PUT" || !heard.path.endsWith("/file")) return answer(heard);
    const text = "<html><head><title>413 Request Entity Too Large</title></head></html>";
    const headers = {
      "content-type": "text/html",
      "x-openstack-request-id": "req-5d0f2f8e-2f0c-4b7e-8a6c-2f5d3f1f8a11",
    };
    return new Response(text, { status: 413, headers });
  };
  const toml = `[settings]
name = "web-team-5b0d"
[backend.cloud]
plugin = "openstack"
cloud = "mycloud"
[image.debian-12]
source = "./debian-12.qcow2"
disk_format = "qcow2"
container_format = "bare"
`;
  const files = { "clouds.yaml": here.clouds, "images.toml": toml, "debian-12.qcow2": await qcow2("debian") };
  await using reader = await Reader.open("debug-failing-upload.md", { ...here.world, files });
  await reader.read({ until: "images apply --yes\n" });
  expect(here.glance.images.size).toBe(0);
  isSmall = false;
  await reader.read({ from: "images apply --yes\n" });
  expect(here.glance.images.size).toBe(1);
  const log = await readFile(reader.at("images.log"), "utf8");
  expect(log).toContain("req-5d0f2f8e");
  expect(log).not.toMatch(/token-\d+-secret|password/);
});
