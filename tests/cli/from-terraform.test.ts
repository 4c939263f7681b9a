import { describe, expect, test } from "bun:test";
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { startLinode } from "../emulators/linode/start.ts";
import { startOutscale } from "../emulators/outscale/start.ts";
import { run, TestDirectory } from "../harness.ts";

const FIXTURES = resolve("tests/fixtures/terraform");
const fixture = (name: string) => readFile(resolve(FIXTURES, name), "utf8");
const SENTINEL = /sentinel/i;

/** The blocks that a fixture comes to, which `validate` takes; and what is told besides. */
async function blocks(name: string, more: readonly string[] = [], before = "") {
  await using directory = await TestDirectory.make({});
  await cp(resolve(FIXTURES, name), directory.at("state"), { recursive: true });
  if (before !== "") await directory.write("images.toml", before);
  const said = await run(directory, ["import", "--from-terraform", "state", "--dry-run", ...more]);
  expect(said.stderr + said.stdout).not.toMatch(SENTINEL);
  if (said.code !== 0) throw new Error(said.stderr);
  await directory.write("images.toml", `${before}\n${said.stdout}`);
  const valid = await run(directory, ["validate"]);
  expect([valid.code, valid.stderr.replaceAll(/^warning:.*\n/gm, "")]).toEqual([0, ""]);
  await directory.write("images.toml", said.stdout);
  if (before === "") expect((await run(directory, ["fmt", "--check"])).code).toBe(0);
  return { toml: said.stdout, told: said.stderr };
}

describe("what a state comes to:", () => {
  test("incus_image: remotes, projects, aliases of both spellings, for_each and modules", async () => {
    const { toml, told } = await blocks("incus.tfstate");
    expect(toml).toMatchSnapshot();
    expect(told).toContain("incus_image.golden is deposed: skipped");
    expect(told).toContain("skipped, not images: data.incus_project, incus_instance");
  });

  test("openstack_images_image_v2: the server's properties, a password, a signed URL, two regions", async () => {
    const { toml, told } = await blocks("openstack.tfstate");
    expect(toml).toMatchSnapshot();
    expect(told).toContain("openstack_images_image_v2.debian[1] is tainted: skipped");
    expect(told).toContain("set environment variable IMAGES_DEBIAN_0_PASSWORD to it");
    expect(told).toContain("openstack_images_image_v2.signed: its image_source_url contains a signature or a token");
    expect(told).toContain("skipped, not an image: openstack_images_image_access_v2");
  });

  test("openstack_images_image_access_v2 of a shared image: its members", async () => {
    const resource = (type: string, attributes: Readonly<Record<string, string>>) => ({
      ...{ mode: "managed", type, name: "a", provider: "p" },
      instances: [{ attributes }],
    });
    const image = { id: "i1", name: "a", disk_format: "raw", container_format: "bare", visibility: "shared" };
    const share = (member_id: string) => ({ id: `i1/${member_id}`, image_id: "i1", member_id, status: "accepted" });
    const resources = [
      resource("openstack_images_image_access_v2", share("p2")),
      resource("openstack_images_image_v2", { ...image, local_file_path: "./disk.img" }),
      resource("openstack_images_image_access_v2", share("p1")),
    ];
    await using directory = await TestDirectory.make({ "state.tfstate": JSON.stringify({ version: 4, resources }) });
    const said = await run(directory, ["import", "--from-terraform", "state.tfstate", "--dry-run"]);
    expect([said.code, said.stdout]).toEqual([0, expect.stringContaining('members = ["p1", "p2"]')]);
    expect(said.stderr).not.toContain("left alone");
  });

  test("outscale_image_launch_permission: the permissions of its image", async () => {
    const resource = (type: string, attributes: Readonly<Record<string, unknown>>) => ({
      ...{ mode: "managed", type, name: "a", provider: "p" },
      instances: [{ attributes }],
    });
    const launch = (added: unknown) =>
      resource("outscale_image_launch_permission", { image_id: "ami-00000001", permission_additions: added });
    const resources = [
      launch([{ account_ids: ["987654321098"], global_permission: null }]),
      resource("outscale_image", { image_id: "ami-00000001", image_name: "golden", vm_id: "i-12345678" }),
      launch([{ account_ids: ["123456789012"], global_permission: "true" }]),
    ];
    await using directory = await TestDirectory.make({ "state.tfstate": JSON.stringify({ version: 4, resources }) });
    const said = await run(directory, ["import", "--from-terraform", "state.tfstate", "--dry-run"]);
    const written = 'permissions = { account_ids = ["123456789012", "987654321098"], global = true }';
    expect([said.code, said.stdout]).toEqual([0, expect.stringContaining(written)]);
    expect(said.stderr).not.toContain("left alone");
  });

  test("vkcs_images_image, as show -json tells it: archives, a password in a URL, a format that VK Cloud does not take", async () => {
    const { toml, told } = await blocks("vkcs.json");
    expect(toml).toMatchSnapshot();
    expect(told).toContain("module.old.vkcs_images_image.win: disk_format was skipped");
  });

  test("linode_image: of a disk, of a file, imported; two provider configurations", async () => {
    const { toml } = await blocks("linode.tfstate");
    expect(toml).toMatchSnapshot();
  });

  test("outscale_image: of a VM, a manifest, another image, snapshots; a directory", async () => {
    const { toml, told } = await blocks("project");
    expect(toml).toMatchSnapshot();
    expect(told).toContain('outscale_image.image["manifest"]: the signature of its file_location is not stored');
  });
});

test("a backend that is there is used, but not for another provider configuration; a name that is taken is not used, for images neither", async () => {
  const before =
    '[backend.lin]\nplugin = "linode"\n[backend.linode]\nplugin = "local"\npath = "x"\n[image.bar]\nbackend = "linode"\nsource = "./x.img"\n';
  const { toml } = await blocks("linode.tfstate", [], before);
  expect(toml.match(/^\[backend\..*$/gm)).toEqual(["[backend.linode-second]"]);
  expect([...toml.matchAll(/^\[(.*)\]\nbackend = (.*)$/gm)].map(([, name, backend]) => `${name} ${backend}`)).toEqual([
    'image.bar-lin "lin"',
    'image.uploads-foobar-us-ord "lin"',
    'image.imported "linode-second"',
  ]);
});

test("of several backends that fit, one has to be named", async () => {
  const before = '[backend.a]\nplugin = "linode"\n[backend.b]\nplugin = "linode"\n';
  expect(blocks("linode.tfstate", [], before)).rejects.toThrow("there is more than one linode backend: a, b");
  const { toml } = await blocks("linode.tfstate", ["--backend", "b"], before);
  expect(toml.match(/^backend = "b"$/gm)?.length).toBe(3);
  expect(blocks("linode.tfstate", ["--backend", "c"], before)).rejects.toThrow("there is no backend c");
});

const refusals: readonly [what: string, text: string, said: string][] = [
  ["no JSON", "resource {}", "is not a Terraform or OpenTofu state"],
  ["another version", '{"version":3,"modules":[]}', "has format version 3, expected 4"],
  ["encrypted", '{"meta":{},"encrypted_data":"x","encryption_version":"v0"}', "tofu state pull"],
  ["kept elsewhere", '{"version":4,"backend":{"type":"s3"}}', "only contains the location of the state"],
];
for (const [what, text, said] of refusals)
  test(`a state that cannot be read is told: ${what}`, async () => {
    await using directory = await TestDirectory.make({ "x.tfstate": text });
    const ended = await run(directory, ["import", "--from-terraform", "x.tfstate"]);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining(said)]);
  });

test("a directory without a state says what to do: workspaces, a remote backend, nothing", async () => {
  await using directory = await TestDirectory.make({});
  const said = async () => (await run(directory, ["import", "--from-terraform", "."])).stderr;
  expect(await said()).toContain("pass a state file");
  await mkdir(directory.at(".terraform"));
  expect(await said()).toContain("terraform state pull > state.json");
  await mkdir(directory.at("terraform.tfstate.d"));
  expect(await said()).toContain("it has workspaces");
  expect((await run(directory, ["import", "--from-terraform", "nowhere"])).stderr).toContain("there is no");
});

const LINODE = "sentinel-token-8d21e7";

/** An account with the images of the fixture, and a directory with its state. */
async function linode() {
  const emulator = await startLinode({ token: LINODE, pace: { polls: 1 } });
  const { control } = emulator;
  control.addImage({ id: "private/15001", label: "foo-sda-image", description: "Image taken from foo" });
  const regions = ["us-ord", "us-mia"].map((region) => ({ region, status: "available" as const }));
  const tags = ["web", "prod"];
  control.addImage({ id: "private/15002", label: "foobar-image", tags, capabilities: ["cloud-init"], regions });
  control.addImage({ id: "private/15003", label: "taken over", description: "by hand" });
  const directory = await TestDirectory.make({ "terraform.tfstate": await fixture("linode.tfstate") });
  const env = { LINODE_TOKEN: LINODE, LINODE_URL: emulator.url, LINODE_EVENT_POLL_MS: "5" };
  return {
    control,
    directory,
    run: (...args: readonly string[]) => run(directory, args, { env }),
    runAs: (token: string, ...args: readonly string[]) =>
      run(directory, args, { env: { ...env, LINODE_TOKEN: token } }),
    [Symbol.asyncDispose]: async () => {
      await directory[Symbol.asyncDispose]();
      await emulator[Symbol.asyncDispose]();
    },
  };
}

const TAKE = ["import", "--from-terraform", "."];

test("Linode, the whole way: the blocks are written, the images adopted and marked, the plan is empty, and again is nothing", async () => {
  await using world = await linode();
  const { directory } = world;
  const said = await world.run(...TAKE);
  expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("3 images adopted")]);
  expect(said.stderr).toContain("linode/bar: Import complete [id=private/15001] (linode_image.bar)");
  expect(said.stderr).toContain("its source cannot be read");
  const plan = await world.run("plan", "--detailed-exitcode");
  expect([plan.code, plan.stdout]).toEqual([0, expect.stringContaining("No changes.")]);
  const live: readonly { id: string; ours: boolean }[] = JSON.parse(
    (await world.run("info", "linode", "--json")).stdout,
  );
  expect(live.filter(({ ours }) => ours).map(({ id }) => id)).toEqual(
    expect.arrayContaining(["private/15001", "private/15002"]),
  );
  const texts = [
    await readFile(directory.at("images.toml"), "utf8"),
    await readFile(directory.at("images.state.json"), "utf8"),
  ];
  for (const text of [...texts, said.stderr]) expect(text).not.toMatch(SENTINEL);
  const again = await world.run(...TAKE);
  expect([again.code, again.stderr]).toEqual([
    0,
    expect.stringContaining("linode_image.bar: already managed as linode/bar"),
  ]);
  expect(await readFile(directory.at("images.toml"), "utf8")).toBe(texts[0] ?? "");
}, 300_000);

test("what is changed in the file afterwards is a plan, and so is what others change", async () => {
  await using world = await linode();
  await world.run(...TAKE);
  const text = await readFile(world.directory.at("images.toml"), "utf8");
  await world.directory.write("images.toml", text.replace('"by hand"', '"by file"'));
  world.control.changeImage("private/15001", { label: "meddled" });
  const plan = await world.run("plan", "--detailed-exitcode");
  expect(plan.code).toBe(2);
  expect(plan.stdout).toContain("0 to add, 2 to change, 0 to destroy");
}, 300_000);

test("the file that is there is only added to; a block that is there stays as it is, and its image is adopted", async () => {
  await using world = await linode();
  const before =
    '# mine\n[backend.linode]\nplugin = "linode" # kept\n[image.bar]\nbackend = "linode"\nexisting = true\n';
  await world.directory.write("images.toml", before);
  const said = await world.run(...TAKE);
  expect([said.code, said.stderr]).toEqual([
    0,
    expect.stringContaining("[image.bar] already exists and is not changed"),
  ]);
  const after = await readFile(world.directory.at("images.toml"), "utf8");
  expect(after.startsWith(before)).toBe(true);
  expect(after.match(/^\[image\./gm)?.length).toBe(3);
  expect((await world.run("plan", "--detailed-exitcode")).code).toBe(0);
}, 300_000);

test("an image that is gone is left out", async () => {
  await using world = await linode();
  world.control.removeImage("private/15001");
  const said = await world.run(...TAKE);
  expect(said.stderr).toContain("linode_image.bar: image private/15001 no longer exists; skipped");
  expect(await readFile(world.directory.at("images.toml"), "utf8")).not.toContain("[image.bar]");
  expect((await world.run("plan", "--detailed-exitcode")).code).toBe(0);
}, 300_000);

test("an image of another file's is refused, and nothing is written; --adopt takes it over", async () => {
  await using world = await linode();
  await world.run(...TAKE);
  await rm(world.directory.at("images.state.json"));
  const other = '[settings]\nname = "other"\n';
  await world.directory.write("images.toml", other);
  const refused = await world.run(...TAKE);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("is managed as linode")]);
  expect(await readFile(world.directory.at("images.toml"), "utf8")).toBe(other);
  expect(await Bun.file(world.directory.at("images.state.json")).exists()).toBe(false);
  expect((await world.run(...TAKE, "--adopt")).code).toBe(0);
  expect((await world.run("plan", "--detailed-exitcode")).code).toBe(0);
}, 300_000);

test("a backend that does not let us in is a clear error, and nothing is written", async () => {
  await using world = await linode();
  const said = await world.runAs("sentinel-wrong-55c0", ...TAKE);
  expect([said.code, said.stderr]).toEqual([1, expect.stringMatching(/linode\/.*LINODE_TOKEN/s)]);
  expect(said.stderr).not.toMatch(SENTINEL);
  for (const name of ["images.toml", "images.state.json"])
    expect(await Bun.file(world.directory.at(name)).exists()).toBe(false);
}, 300_000);

const KEYS = { accessKey: "AKIASENTINEL7EXAMPLE", secretKey: "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" };

test("Outscale, the whole way: a directory's state, images of all four origins, the plan after it is empty", async () => {
  await using emulator = await startOutscale({ ...KEYS, pace: { polls: 1 } });
  const { control } = emulator;
  let state = await fixture("project/terraform.tfstate");
  const make = async (n: number, ...[name, traits]: Parameters<typeof control.addImage>) => {
    state = state.replaceAll(`ami-0000000${n}`, await control.addImage(name, traits));
  };
  const tags = [
    { Key: "os", Value: "debian" },
    { Key: "a b", Value: "" },
  ];
  await make(1, "terraform-omi-create", { Tags: tags });
  await make(2, "terraform-omi-register", {
    Description: "Terraform register OMI",
    ProductCodes: ["0001", "0002"],
    TpmMandatory: true,
  });
  await make(3, "terraform-omi-copy", { Description: "Terraform copy OMI" });
  const root = { SnapshotId: "snap-12345678", VolumeSize: 120, VolumeType: "io1", Iops: 150, DeleteOnVmDeletion: true };
  const data = { VolumeSize: 8, VolumeType: "gp2", Iops: 100, DeleteOnVmDeletion: false };
  await make(4, "terraform-omi-bsu", {
    Description: "Terraform OMI with BSU",
    Architecture: "i386",
    BlockDeviceMappings: [
      { DeviceName: "/dev/sda1", Bsu: root },
      { DeviceName: "/dev/sdb", Bsu: data },
    ],
  });
  await using directory = await TestDirectory.make({});
  await mkdir(directory.at("infra"));
  await directory.write("infra/terraform.tfstate", state);
  const env = {
    OSC_ACCESS_KEY: KEYS.accessKey,
    OSC_SECRET_KEY: KEYS.secretKey,
    OSC_ENDPOINT_API: `${emulator.url}/api/v1`,
  };
  const said = await run(directory, ["import", "--from-terraform", "infra"], { env });
  expect([said.code, said.stderr]).toEqual([0, expect.stringContaining("4 images adopted")]);
  const plan = await run(directory, ["plan", "--detailed-exitcode"], { env });
  expect([plan.code, plan.stdout]).toEqual([0, expect.stringContaining("No changes.")]);
  const kept = [
    await readFile(directory.at("images.toml"), "utf8"),
    await readFile(directory.at("images.state.json"), "utf8"),
  ];
  for (const text of [...kept, said.stderr, plan.stdout]) expect(text).not.toMatch(/sentinel/i);
}, 300_000);
