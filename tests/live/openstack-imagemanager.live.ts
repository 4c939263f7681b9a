import { afterAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { facts, Project } from "./glance.ts";
import { at, env, FILE, images, mine, settled } from "./openstack-kit.ts";

// The runs of openstack-image-manager itself on a real Glance, and what becomes of its images here. It comes from PyPI:
// IMAGES_IMAGE_MANAGER names its program.

setDefaultTimeout(600_000);
beforeEach(() => mine.empty());
afterAll(() => mine.empty());

const program = process.env["IMAGES_IMAGE_MANAGER"] ?? "";
/** The environment without the variables of the administrator's cloud. */
const others = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("OS_")));
const disk = (version: string) => Buffer.from(`disk ${version}\n`.repeat(50_000));
const sha256 = (version: string) => createHash("sha256").update(disk(version)).digest("hex");

const definitions = (url: string, versions: readonly string[]) => `---
images:
  - name: Debian 12
    enable: true
    shortname: debian-12
    format: raw
    login: debian
    min_disk: 1
    min_ram: 512
    status: active
    visibility: community
    multi: true
    meta: {architecture: x86_64, hw_disk_bus: scsi, hypervisor_type: qemu, os_distro: debian, os_version: '12', os_purpose: generic, replace_frequency: monthly, uuid_validity: last-3, provided_until: none}
    tags: []
    versions:
${versions.map((one) => `      - {version: '${one}', url: '${url}/${one}.img', checksum: 'sha256:${sha256(one)}', build_date: ${one.replace(/(....)(..)(..)/, "$1-$2-$3")}}`).join("\n")}
  - name: Cirros
    enable: true
    format: raw
    login: cirros
    min_disk: 1
    min_ram: 64
    status: active
    visibility: shared
    multi: false
    meta: {architecture: x86_64, hw_disk_bus: scsi, hypervisor_type: qemu, os_distro: cirros, os_purpose: minimal, replace_frequency: never, uuid_validity: none, provided_until: none}
    tags: [small]
    versions:
      - {version: '0.6.2', url: '${url}/0.6.2.img', build_date: 2023-05-30}
      - {version: '0.6.3', url: '${url}/0.6.3.img', build_date: 2024-09-26}
`;

const bare = (image: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(image).filter(([key]) => key !== "updated_at" && !key.startsWith("images_")));

const skipped = program === "" ? " (skipped: IMAGES_IMAGE_MANAGER is not set)" : "";
test.skipIf(program === "")(
  `its runs are adopted with an empty plan, and a new version replaces as it would${skipped}`,
  async () => {
    await using web = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => new Response(disk(new URL(request.url).pathname.slice(1).replace(/\.img$/, ""))),
    });
    const url = `http://127.0.0.1:${web.port}`;
    await using place = await at(FILE);
    const manage = async (versions: readonly string[]) => {
      await place.write("etc.yml", definitions(url, versions));
      const ran = Bun.spawn([program, "--no-check", "--cloud", "other", "--images", place.at("etc.yml")], {
        env: { ...others, ...env },
        stdout: "pipe",
        stderr: "pipe",
      });
      const said = await new Response(ran.stderr).text();
      expect([await ran.exited, said.includes("ERROR") || !said.includes("successfully") ? said : ""]).toEqual([0, ""]);
    };
    // Two runs, as a site has them over the months: the older version gets its version into its name.
    await manage(["20260701"]);
    await manage(["20260701", "20260801"]);
    const names = async () => (await mine.images()).map(({ name }) => name).sort();
    expect(await names()).toEqual(["Cirros 0.6.2", "Cirros 0.6.3", "Debian 12", "Debian 12 (20260701)"]);
    const text = await Bun.file(place.at("images.toml")).text();
    await place.write("images.toml", text.slice(0, text.indexOf("[image.")));
    const before = await mine.images();
    const said = await images(place, "import", "--from-image-manager", "etc.yml");
    expect([said.code, said.code === 0 ? "" : said.stderr]).toEqual([0, ""]);
    expect(said.stderr).toContain("1 older version kept");
    await settled(place);
    const after = new Map((await mine.images()).map((image) => [image["id"], bare(image)]));
    for (const image of before) expect(after.get(image["id"])).toEqual(bare(image));
    const toml = await Bun.file(place.at("images.toml")).text();
    const next = toml
      .replaceAll(sha256("20260801"), sha256("20260901"))
      .replaceAll("20260801", "20260901")
      .replaceAll("2026-08-01", "2026-09-01");
    await place.write("images.toml", next);
    const applied = await images(place, "apply", "--yes");
    expect([applied.code, applied.code === 0 ? "" : applied.stderr]).toEqual([0, ""]);
    expect(await names()).toEqual([
      "Cirros 0.6.2",
      "Cirros 0.6.3",
      "Debian 12",
      "Debian 12 (20260701)",
      "Debian 12 (20260801)",
    ]);
    await settled(place);
  },
);

const latest = (url: string) => `---
images:
  - name: Ubuntu 26.04
    enable: true
    shortname: ubuntu
    format: raw
    login: ubuntu
    min_disk: 1
    min_ram: 64
    status: active
    visibility: shared
    multi: true
    meta: {architecture: x86_64, hw_disk_bus: scsi, hypervisor_type: qemu, os_distro: ubuntu, os_purpose: generic, replace_frequency: daily, uuid_validity: last-3, provided_until: none}
    tags: []
    versions:
      - {version: 'latest', url: '${url}/now.img', checksums_url: '${url}/SHA256SUMS'}
`;

test.skipIf(program === "")(
  `a version that is called latest has the date that openstack-image-manager gives to it${skipped}`,
  async () => {
    let [now, date] = ["1", "Fri, 21 Aug 2026 10:00:00 GMT"];
    await using web = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        request.url.endsWith("SHA256SUMS")
          ? new Response(`${sha256(now)}  now.img\n`)
          : new Response(disk(now), { headers: { "last-modified": date } }),
    });
    await using place = await at(FILE);
    await place.write("etc.yml", latest(`http://127.0.0.1:${web.port}`));
    const manage = async (cloud: string) => {
      const ran = Bun.spawn([program, "--no-check", "--cloud", cloud, "--images", place.at("etc.yml")], {
        env: { ...others, ...env },
        stdout: "pipe",
        stderr: "pipe",
      });
      const said = await new Response(ran.stderr).text();
      expect([await ran.exited, said.includes("ERROR") ? said : ""]).toEqual([0, ""]);
    };
    const theirs = await Project.login(facts.demo);
    const seen = async (project: Project) =>
      (await project.images())
        .map(({ name, internal_version, image_build_date }) => ({ name, internal_version, image_build_date }))
        .sort((a, b) => String(a.name).localeCompare(String(b.name)));
    await theirs.empty();
    for (const cloud of ["demo", "other"]) await manage(cloud);
    const text = await Bun.file(place.at("images.toml")).text();
    await place.write("images.toml", text.slice(0, text.indexOf("[image.")));
    expect((await images(place, "import", "--from-image-manager", "etc.yml")).code).toBe(0);
    await settled(place);
    [now, date] = ["2", "Wed, 02 Sep 2026 23:59:59 GMT"];
    // Its own run in one project, ours in the other.
    await manage("demo");
    const applied = await images(place, "apply", "--yes");
    expect([applied.code, applied.code === 0 ? "" : applied.stderr]).toEqual([0, ""]);
    expect(await seen(mine)).toEqual(await seen(theirs));
    expect((await seen(mine)).map(({ name }) => name)).toEqual(["Ubuntu 26.04", "Ubuntu 26.04 (20260821)"]);
    await settled(place);
    await theirs.empty();
  },
);
