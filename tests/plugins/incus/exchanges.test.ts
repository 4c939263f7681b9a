import { expect, test } from "bun:test";
import { Failure } from "images";
import { IncusClient } from "../../../src/plugins/incus/client.ts";
import { ClientConfig } from "../../../src/plugins/incus/clientconfig.ts";
import { explain } from "../../../src/plugins/incus/explain.ts";
import { Operations } from "../../../src/plugins/incus/operations.ts";
import { Streams } from "../../../src/plugins/incus/streams.ts";
import { never, opened, served } from "../../core/net/kit.ts";
import { TestDirectory } from "../../harness.ts";

// What a server says that a real one cannot be brought to say at will; against a real one: tests/live.

const sync = (metadata: unknown) => Response.json({ type: "sync", metadata });
const refused = (status: number, error: string) =>
  Response.json({ type: "error", error_code: status, error }, { status });
const operation = (status_code: number, more: Readonly<Record<string, unknown>> = {}) => ({
  id: "1",
  status_code,
  ...more,
});
const IMAGE = {
  fingerprint: "ab",
  properties: {},
  public: false,
  auto_update: false,
  profiles: ["default"],
  aliases: [],
  architecture: "x86_64",
  expires_at: "1970-01-01T00:00:00Z",
  created_at: "2026-01-01T00:00:00Z",
  uploaded_at: "2026-01-01T00:00:00Z",
  filename: "a",
  size: 1,
  type: "container",
};
const EDIT = { properties: {}, public: true, auto_update: false };

test("412 on a change: read anew and tried again with the new ETag; given up after some tries", async () => {
  const sent: (string | null)[] = [];
  let refusals = 2;
  let version = 0;
  await using server = served((request) => {
    if (request.method === "GET") {
      const answer = sync(IMAGE);
      answer.headers.set("etag", `v${++version}`);
      return answer;
    }
    sent.push(request.headers.get("if-match"));
    return refusals-- > 0 ? refused(412, "Precondition failed") : sync({});
  });
  await using way = opened({ url: server.url, explain });
  const client = new IncusClient(way.door, undefined);
  await client.change("ab", () => EDIT, never);
  expect(sent).toEqual(["v1", "v2", "v3"]);
  refusals = Number.POSITIVE_INFINITY;
  await expect(client.change("ab", () => EDIT, never)).rejects.toThrow("Precondition failed");
});

test("a server that was restarted has forgotten the operation: its result counts, and where there is none another try does", async () => {
  await using server = served(() => refused(404, "Operation not found"));
  await using way = opened({ url: server.url, explain });
  const operations = new Operations(way.door);
  const waiting = { signal: never, progress: () => undefined };
  const found = async () => ({ fingerprint: "ab" });
  expect(await operations.wait("/1.0/operations/1", { ...waiting, found })).toEqual({ fingerprint: "ab" });
  const lost = await operations
    .wait("/1.0/operations/1", { ...waiting, found: async () => undefined })
    .catch((thrown: unknown) => thrown);
  expect(lost).toBeInstanceOf(Failure);
  expect(lost).toMatchObject({ code: "backend.lost", retry: true });
});

test("progress of an operation is told in bytes, its failure in the server's words", async () => {
  let asked = 0;
  await using server = served((request) => {
    if (request.url.includes("/wait")) {
      asked++;
      return asked < 3
        ? refused(500, "context deadline exceeded")
        : sync(operation(400, { err: "no space left on device" }));
    }
    return sync(
      operation(103, {
        metadata: { download_progress: asked === 1 ? "metadata: 100% (1MB/s)" : "rootfs: 40% (1MB/s)" },
      }),
    );
  });
  await using way = opened({ url: server.url, explain });
  const told: number[][] = [];
  const waiting = {
    signal: never,
    total: 1000,
    progress: (_: string, done: number, total = 0) => void told.push([done, total]),
    found: async () => undefined,
  };
  const failed = await new Operations(way.door).wait("/1.0/operations/1", waiting).catch((thrown: unknown) => thrown);
  expect(told).toEqual([
    [0, 1000],
    [400, 1000],
  ]);
  expect(failed).toMatchObject({ code: "backend.limits", hint: "the disk of the server is full" });
});

test("a stream: the newest version, by alias, type, architecture or fingerprint; read once", async () => {
  const items = (serial: string) => ({
    "incus.tar.xz": {
      ftype: "incus.tar.xz",
      path: `${serial}/m`,
      sha256: "0",
      size: 1,
      combined_squashfs_sha256: `${serial}${"c".repeat(56)}`,
      "combined_disk-kvm-img_sha256": `${serial}${"d".repeat(56)}`,
    },
    squashfs: { ftype: "squashfs", path: `${serial}/r`, sha256: "1", size: 2 },
    disk: { ftype: "disk-kvm.img", path: `${serial}/d`, sha256: "2", size: 3 },
  });
  const product = {
    aliases: "alpine/edge, alpine",
    arch: "amd64",
    versions: { "20260102": { items: items("20260102") }, "20260101": { items: items("20260101") } },
  };
  let requests = 0;
  await using server = served((request) => {
    requests++;
    return request.url.endsWith("index.json")
      ? Response.json({ index: { images: { path: "streams/v1/images.json", datatype: "image-downloads" } } })
      : Response.json({ products: { "alpine:edge:amd64:default": product } });
  });
  await using way = opened({ url: server.url });
  const streams = new Streams(way.door, "images");
  const all = (name: string, type: "container" | "virtual-machine", architecture = "x86_64") =>
    streams.find({ name, type, architecture }, never);
  const find = async (...asked: Parameters<typeof all>) => (await all(...asked))[0];
  // The versions before it are known as well: a server may still take one of them for it.
  expect((await all("alpine/edge", "container")).map(({ fingerprint }) => fingerprint.slice(0, 8))).toEqual([
    "20260102",
    "20260101",
  ]);
  expect((await find("alpine/edge", "container")).fingerprint).toBe(`20260102${"c".repeat(56)}`);
  expect((await find("alpine/edge/amd64", "virtual-machine")).files.map(({ path }) => path)).toEqual([
    "20260102/m",
    "20260102/d",
  ]);
  expect((await find("20260101cccc", "container")).fingerprint).toStartWith("20260101");
  await expect(find("alpine", "container", "aarch64")).rejects.toMatchObject({
    hint: expect.stringContaining("container x86_64"),
  });
  await expect(find("debian", "container")).rejects.toMatchObject({ code: "backend.missing" });
  expect(requests).toBe(2);
});

test("the incus client's configuration: its remotes, those it knows from the start, its default, its pinned certificates", async () => {
  await using directory = await TestDirectory.make({
    "config.yml": `default-remote: lab
remotes:
  lab: {addr: "https://10.0.0.5:8443", project: web, protocol: incus}
  mirror: {addr: "https://mirror.example", protocol: simplestreams, public: true}
  several: {addrs: ["https://a:1", "https://b:2"], protocol: incus}
  docker: {addr: "https://docker.io", protocol: oci, public: true}
`,
  });
  const config = new ClientConfig(undefined, { directory: "/", env: { INCUS_CONF: directory.path } });
  expect(await config.first()).toBe("lab");
  expect(await config.remote("lab")).toMatchObject({
    addresses: ["https://10.0.0.5:8443"],
    project: "web",
    protocol: "incus",
  });
  expect((await config.remote("mirror")).protocol).toBe("simplestreams");
  expect((await config.remote("images")).addresses).toEqual(["https://images.linuxcontainers.org"]);
  expect((await config.remote("several")).addresses).toEqual(["https://a:1", "https://b:2"]);
  expect((await config.remote("docker")).protocol).toBe("oci");
  await expect(config.remote("nobody")).rejects.toMatchObject({
    hint: expect.stringContaining("docker, images, lab, local, mirror, several"),
  });
  expect(await config.serverCertificate("lab")).toBeUndefined();
  const none = new ClientConfig("./none", { directory: directory.path, env: {} });
  expect(await none.first()).toBeUndefined();
  await directory.write("config.yml", "remotes: [");
  await expect(new ClientConfig(directory.path, { directory: "/", env: {} }).first()).rejects.toThrow("is not YAML");
});
