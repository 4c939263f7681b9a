import type { Attributes } from "images";
import type { TestPlace } from "../../src/core/conformance.ts";
import { conformance } from "../conformance/suite.ts";
import { clouds, facts, Project, Watched } from "./glance.ts";

// Against a real Keystone and Glance: eval "$(tests/live/openstack-up DIR)" first.

async function place(login: Promise<Project>): Promise<TestPlace> {
  const project = await login;
  const { user } = project;
  await project.empty();
  const glance = new Watched(facts.glance.RegionOne);
  const endpoint = await glance.listen();
  const settings: Attributes = {
    auth_url: facts.auth_url,
    username: user.username,
    password: "env:CLOUD_PASSWORD",
    project_name: user.project,
    user_domain_name: "Default",
    region: "RegionOne",
    endpoint,
  };
  const env = { OS_CLIENT_CONFIG_FILE: clouds };
  return {
    settings,
    env: { ...env, CLOUD_PASSWORD: user.password },
    bad: { settings, env: { ...env, CLOUD_PASSWORD: "sentinel-wrong-5510" } },
    plant: async () => {
      const fields = { name: "small", disk_format: "raw", container_format: "bare" };
      const made: { id: string } = JSON.parse(await (await project.call("POST", "images", fields)).text());
      return made.id;
    },
    meddle: async (id) => {
      await project.call("PATCH", `images/${id}`, [{ op: "replace", path: "/min_ram", value: 77 }]);
      return "min_ram_mb";
    },
    refuse: (status, times) => glance.refuse(status, times),
    requests: () => glance.requests,
    connections: () => glance.connections,
    [Symbol.asyncDispose]: async () => {
      await glance[Symbol.asyncDispose]();
      await project.empty();
    },
  };
}

const bytes = new TextEncoder().encode("a small image\n".repeat(1024));
const otherBytes = new TextEncoder().encode("another small image\n".repeat(1024));
const other = facts.other.project_id;

const lives = {
  name: { set: "first", change: "zweiter äö" },
  min_disk_gb: { set: 1, change: 2 },
  min_ram_mb: { set: 64, change: 128 },
  protected: { set: true, change: false },
  hidden: { set: true, change: false },
  visibility: { set: "private", change: "community" },
  tags: { set: ["a", "b c"], change: ["b c", "ä/ö"] },
  properties: {
    set: { os_distro: "debian", hw_disk_bus: "virtio", "with/slash~": "1" },
    change: { os_distro: "ubuntu", "my.key": "v" },
  },
  members: {
    set: [other],
    change: [{ project: other, status: "accepted", cloud: "other" }],
    with: { visibility: "shared" },
  },
  status: { set: "deactivated", change: "active" },
  disk_format: { set: "raw", change: "qcow2", replaces: true },
  container_format: { set: "bare", change: "ovf", replaces: true },
  stores: { set: ["slow"], change: ["fast"] },
  // The last one: an image stays in its region when the line is taken out again.
  region: { set: "RegionOne", change: "RegionTwo", replaces: true },
};

const elsewhere = { image_id: "Glance gives an id only once: openstack-chosen.live.ts, openstack-args.live.ts" };

const projects = { admin: Project.login(facts.admin), demo: Project.login(facts.demo) };

await conformance("openstack", {
  plugin: "openstack",
  bytes,
  otherBytes,
  small: {},
  lives,
  elsewhere,
  place: () => place(projects.admin),
  timeout: 1_800_000,
});

const { stores: _, ...common } = lives;
await conformance("vkcs", {
  plugin: "vkcs",
  bytes,
  otherBytes,
  // Only an administrator may copy an image from store to store: it is made in one, and stays there.
  small: { stores: ["slow"], disk_format: "raw", container_format: "bare" },
  lives: {
    ...common,
    visibility: { set: "shared", change: "community" },
    disk_format: { set: "raw", change: "raw" },
    container_format: { set: "bare", change: "bare" },
  },
  elsewhere,
  place: () => place(projects.demo),
  timeout: 1_800_000,
});
