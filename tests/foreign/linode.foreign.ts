import { expect, setDefaultTimeout, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { startLinode } from "../emulators/linode/start.ts";
import { TestDirectory } from "../harness.ts";
import { answer, call, clients } from "./kit.ts";

setDefaultTimeout(170_000);

const TOKEN = "sentinel-token-foreign";
const open = () => startLinode({ token: TOKEN, pace: { polls: 1 } });

test.skipIf(clients.go === undefined)("linodego: the calls of terraform's linode_image, and share groups", async () => {
  await using emulator = await open();
  const env = { LINODE_URL: emulator.url, LINODE_API_VERSION: "v4beta", LINODE_TOKEN: TOKEN };
  expect(await answer([`${clients.go}/linode`], env)).toEqual({
    types: expect.any(Number),
    profile: expect.any(String),
    pending: "pending_upload",
    capabilities: ["cloud-init"],
    tags: ["bar", "foo"],
    label: "renamed",
    group: "friends",
    shared: 1,
    member: "us",
    members: 1,
    missing: true,
    refused: "[400] [region] region is not valid",
    gone: true,
  });
});

test.skipIf(clients.python === undefined)("linode-cli: upload, list, view, update, replicate, delete", async () => {
  await using emulator = await open();
  await using directory = await TestDirectory.make({ "disk.img.gz": gzipSync("a disk") });
  const { host } = new URL(emulator.url);
  const env = {
    LINODE_CLI_TOKEN: TOKEN,
    LINODE_CLI_API_HOST: host,
    LINODE_CLI_API_SCHEME: "http",
    LINODE_CLI_API_VERSION: "v4",
    LINODE_CLI_SUPPRESS_VERSION_WARNING: "1",
  };
  const cli = (...words: readonly string[]) =>
    answer([`${clients.python}/bin/linode-cli`, ...words, "--json", "--no-defaults"], env);
  const file = directory.at("disk.img.gz");
  const regionsOf = (wanted: string) =>
    emulator.control
      .images()
      .flatMap(({ id, regions }) => (id === wanted ? (regions ?? []) : []))
      .map(({ region }) => region)
      .sort();
  const words = ["image-upload", "--label", "of-cli", "--region", "us-ord", file];
  const begun = await call([`${clients.python}/bin/linode-cli`, ...words], env);
  expect([begun.code, begun.stdout === ""]).toEqual([0, false]);
  emulator.control.settle();
  const [image] = emulator.control.images().filter(({ id }) => id.startsWith("private/"));
  const id = image?.id ?? "";
  expect(image?.status).toBe("available");
  expect(await cli("images", "view", id)).toMatchObject([{ id, label: "of-cli" }]);
  expect(await cli("images", "update", id, "--label", "renamed", "--tags", "foo", "--tags", "bar")).toMatchObject([
    { label: "renamed" },
  ]);
  expect(await cli("images", "list", "--is_public", "false")).toMatchObject([{ id, label: "renamed" }]);
  await cli("images", "replicate", id, "--regions", "us-ord", "--regions", "us-mia");
  emulator.control.settle();
  expect(regionsOf(id)).toEqual(["us-mia", "us-ord"]);
  const wrong = [`${clients.python}/bin/linode-cli`, "images", "view", "private/1", "--no-defaults"];
  const missing = await call(wrong, env);
  expect([missing.code === 0, `${missing.stdout}${missing.stderr}`.includes("Not found")]).toEqual([false, true]);
  await cli("images", "delete", id);
  expect(emulator.control.images().filter((one) => one.id === id)).toEqual([]);
});

test.skipIf(clients.python === undefined)("linode_api4: an image of bytes, and of a disk", async () => {
  await using emulator = await open();
  const { id, disks } = emulator.control.addInstance({ disks: [{}] });
  const program = `
import io, json, sys
from linode_api4 import LinodeClient
client = LinodeClient(${JSON.stringify(TOKEN)}, base_url=${JSON.stringify(`${emulator.url}/v4`)})
one = client.image_upload("of-python", "us-ord", io.BytesIO(bytes.fromhex("${gzipSync("a disk").toString("hex")}")), tags=["b2b", "a2a"])
two = client.images.create(${disks[0]}, label="of-a-disk")
print(json.dumps([one.label, one.status, two.label, two.status, [image.label for image in client.images() if not image.is_public]]))
`;
  expect(id).toBeGreaterThan(0);
  expect(await answer([`${clients.python}/bin/python`, "-c", program], {})).toEqual([
    "of-python",
    expect.any(String),
    "of-a-disk",
    "creating",
    expect.arrayContaining(["of-python", "of-a-disk"]),
  ]);
});
