import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startLinode } from "../emulators/linode/start.ts";
import { sharedStore } from "../emulators/outscale/buckets.ts";
import { startOutscale } from "../emulators/outscale/start.ts";
import { clouded, debian, qcow2 } from "./kit.ts";
import { Reader } from "./page.ts";

// The pages of docs/tasks that are about other backends than OpenStack, and the list of all of them.

setDefaultTimeout(300_000);

const key = { accessKey: "AKIASENTINEL3EXAMPLE", secretKey: "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" };
const bucketOf = sharedStore(key, 1);

test("every page of docs/tasks is in its table of contents, and run by a test", async () => {
  const pages = (await readdir(resolve("docs/tasks"))).filter((name) => name.endsWith(".md") && name !== "README.md");
  const contents = await readFile(resolve("docs/tasks/README.md"), "utf8");
  const tests = await Promise.all(
    ["openstack.test.ts", "others.test.ts"].map((name) => readFile(join(import.meta.dir, name), "utf8")),
  );
  expect(pages.length).toBeGreaterThan(8);
  for (const page of pages) {
    expect(contents).toContain(`](${page})`);
    expect(tests.join("\n")).toContain(`Reader.open("${page}"`);
  }
});

test("Mirror Debian for an air-gapped Incus", async () => {
  await using web = debian(await qcow2("debian"));
  const incus = Bun.which("incus");
  const root = { path: "" };
  await using inside = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: Bun.file("tests/fixtures/tls/server.crt"), key: Bun.file("tests/fixtures/tls/server.key") },
    fetch: ({ url }) => new Response(Bun.file(join(root.path, new URL(url).pathname))),
    error: () => new Response("none", { status: 404 }),
  });
  await using reader = await Reader.open("mirror-debian-incus.md", {
    hosts: [web.host, ["https://mirror.example.org", `https://127.0.0.1:${inside.port}`]],
    env: { SSL_CERT_FILE: resolve("tests/fixtures/tls/ca.crt") },
    programs: incus === null ? {} : { incus: `INCUS_CONF="$HOME/.config/incus" exec '${incus}' "$@"` },
  });
  root.path = reader.at("inside", "mirror");
  await reader.read({ until: "incus remote add" });
  const streams = await readFile(reader.at("inside", "mirror", "streams", "v1", "images.json"), "utf8");
  expect(streams).toContain("debian-12,debian/12");
  // The client of Incus is asked where there is one; with a daemon: tests/live/simplestreams.live.ts.
  if (incus !== null) await reader.read({ from: "incus remote add" });
  const before = web.log.length;
  expect(await reader.run("images apply --yes")).toContain("No changes.");
  expect(web.log.slice(before).filter((line) => line.startsWith("GET") && line.endsWith(".qcow2"))).toEqual([]);
});

test("One image on four clouds", async () => {
  await using web = debian(await qcow2("debian"));
  await using cloud = clouded();
  await using ru = clouded();
  await using linode = await startLinode({ token: "sentinel-token-77" });
  const bucket = bucketOf();
  await using outscale = await startOutscale({ ...key, store: bucket.store });
  const { endpoint } = bucket.store;
  await using reader = await Reader.open("one-image-four-clouds.md", {
    hosts: [web.host],
    files: { "clouds.yaml": cloud.clouds },
    inputs: [
      ["YOUR_LINODE_TOKEN", "sentinel-token-77"],
      ["YOUR_ACCESS_KEY", key.accessKey],
      ["YOUR_SECRET_KEY", key.secretKey],
      ['plugin = "vkcs"', `plugin = "vkcs"\nauth_url = "${ru.cloud.url}/v3"\nregion = "One"`],
      ['plugin = "linode"', `plugin = "linode"\nurl = "${linode.url}"\nevent_poll_ms = 5`],
      ['plugin = "outscale"', `plugin = "outscale"\nendpoint = "${outscale.url}/api/v1"\nrate_limit = 1000`],
      ['bucket = "images-in-transit"', `bucket = "${bucket.name}"\nbucket_endpoint = "${endpoint}"\n#`],
    ],
  });
  await reader.read();
  expect([...cloud.glance.images.values()].map(({ disk_format }) => disk_format)).toEqual(["qcow2"]);
  expect([...ru.glance.images.values()].map(({ disk_format }) => disk_format)).toEqual(["raw"]);
  expect(web.log.filter((line) => line.startsWith("GET") && line.endsWith(".qcow2"))).toHaveLength(1);
  expect(await bucket.left()).toEqual([]);
});

test("Recover a lost state", async () => {
  const toml = `[settings]
name = "web-team-5b0d"
[backend.store]
plugin = "local"
path = "./store"
[image.debian]
source = "./debian.img"
[image.rescue]
source = "./rescue.img"
`;
  const files = { "images.toml": toml, "debian.img": "one\n".repeat(9000), "rescue.img": "two\n".repeat(9000) };
  await using reader = await Reader.open("recover-lost-state.md", {
    files: { ...files, "new-build.img": "three\n".repeat(9000) },
  });
  await reader.run("images apply --yes");
  await Bun.write(reader.at("images.toml"), `${toml}description = "A disk"\n`);
  await reader.run("images apply --yes");
  const ids = (await readdir(reader.at("store", "images"))).toSorted();
  await reader.run("rm images.state.json");
  await reader.read();
  expect((await readdir(reader.at("store", "images"))).toSorted()).toEqual(ids);
});
