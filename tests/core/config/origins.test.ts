import { expect, test } from "bun:test";
import { findPlugin } from "../../../src/cli/plugins.ts";
import { parseConfig } from "../../../src/core/config/load.ts";

// [policy] on the way of bytes that do not come through here: one row for each origin of each plugin.

const BACKENDS = {
  incus: 'url = "https://127.0.0.1:8443"',
  openstack: 'cloud = "x"',
  linode: 'token = "env:T"',
  outscale: 'access_key = "env:T"\nsecret_key = "env:T"\nregion = "eu-west-2"',
};
type Name = keyof typeof BACKENDS;

const NO_CHECKSUM = /reports no checksum|declares no checksum|no checksum/;
const ROWS: readonly (readonly [
  plugin: Name,
  image: string,
  checksum: RegExp | undefined,
  https: RegExp | undefined,
])[] = [
  ["incus", 'source_image = { remote = "images", name = "alpine/edge" }', undefined, undefined],
  ["incus", 'source = "images:alpine/edge"', undefined, undefined],
  ["incus", 'source_instance = { name = "vm" }', NO_CHECKSUM, undefined],
  ["incus", 'source = { url = "http://host/a.qcow2" }', NO_CHECKSUM, /not every URL is https/],
  [
    "openstack",
    'disk_format = "qcow2"\nweb_download = true\nsource = { url = "http://host/a.qcow2" }',
    NO_CHECKSUM,
    /not every URL is https/,
  ],
  [
    "openstack",
    'disk_format = "qcow2"\nweb_download = true\nsource = { url = "https://host/a.qcow2" }',
    NO_CHECKSUM,
    undefined,
  ],
  ["linode", "disk_id = 1\nlinode_id = 2", NO_CHECKSUM, undefined],
  ["outscale", 'source_image_id = "ami-12345678"\nsource_region_name = "eu-west-2"', NO_CHECKSUM, undefined],
  ["outscale", 'file_location = "http://bucket/manifest.xml"', NO_CHECKSUM, /not every URL is https/],
  ["outscale", 'file_location = "https://bucket/manifest.xml"', NO_CHECKSUM, undefined],
  ["outscale", 'vm_id = "i-12345678"', NO_CHECKSUM, undefined],
  [
    "outscale",
    'root_device_name = "/dev/sda1"\nblock_device_mappings = [{ device_name = "/dev/sda1", bsu = { snapshot_id = "snap-12345678" } }]',
    NO_CHECKSUM,
    undefined,
  ],
];

async function problems(plugin: Name, image: string, policy: string): Promise<string> {
  const text = `[settings]\nname = "n"\n[backend.b]\nplugin = "${plugin}"\n${BACKENDS[plugin]}\n[image.a]\n${image}\n[policy]\n${policy}\n`;
  try {
    await parseConfig(text, "/x/images.toml", {
      env: { T: "t" },
      lookup: (name, at) => findPlugin(name, at, { note: () => undefined }),
    });
    return "";
  } catch (thrown) {
    if (typeof thrown !== "object" || thrown === null || !("problems" in thrown)) throw thrown;
    return JSON.stringify(thrown.problems);
  }
}

for (const [plugin, image, checksum, https] of ROWS)
  test(`${plugin}: ${image}`, async () => {
    expect(await problems(plugin, image, "")).toBe("");
    for (const [requirement, expected] of [
      ["checksum", checksum],
      ["https", https],
    ] as const) {
      const found = await problems(plugin, image, `require = ["${requirement}"]`);
      if (expected === undefined) expect(found).toBe("");
      else expect(found).toMatch(expected);
    }
    expect(await problems(plugin, image, 'require = ["signature"]')).toMatch(/signature/);
  });
