import { expect, test } from "bun:test";
import { versitygw } from "../core/store/servers.ts";
import { anonymously, BucketWorld } from "../plugins/s3/world.ts";
import { bytesOf, DIR, facts } from "./incus-kit.ts";

// A store in a bucket whose objects anybody may read, as a remote of the real incus client and of a real daemon.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main } = await facts();

const IMAGES = `[image.split]
source = { file = "./rootfs.squashfs", metadata = "./meta.tar.xz" }
os = "Split"
aliases = ["split/one"]
[image.machine]
source = { file = "./disk.qcow2", metadata = "./vm-meta.tar.xz" }
os = "Machine"
[image.secret]
source = "./unified.tar.gz"
visibility = "private"
`;

test("incus lists a store in a bucket, and copies a container and a virtual machine from it", async () => {
  await using store = await versitygw();
  await using world = await BucketWorld.make(store, IMAGES);
  for (const name of ["unified.tar.gz", "meta.tar.xz", "rootfs.squashfs", "vm-meta.tar.xz", "disk.qcow2"])
    await world.directory.write(name, await bytesOf(name));
  await world.ends(0, "apply", "--yes");
  await anonymously(world);
  // The daemon asks for TLS, which the object store of the test does not have; nothing is signed.
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: Bun.file(`${DIR}/tls/streams.crt`), key: Bun.file(`${DIR}/tls/streams.key`) },
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      return await fetch(`${store.url}/${world.bucket}/mirror${pathname}`, { method: request.method });
    },
  });
  const env = {
    ...process.env,
    INCUS_CONF: world.directory.at("conf"),
    INCUS_SOCKET: main.socket,
    SSL_CERT_FILE: `${DIR}/tls/bundle.crt`,
  };
  const incus = async (...args: string[]): Promise<string> => {
    const child = Bun.spawn(["incus", ...args], { env, stdout: "pipe", stderr: "pipe", stdin: "ignore" });
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code !== 0) throw new Error(`incus ${args.join(" ")}: ${err}`);
    return out;
  };
  await incus("remote", "add", "x", `https://127.0.0.1:${server.port}`, "--protocol=simplestreams");
  const listed = await incus("image", "list", "x:", "--format=csv", "--columns=lt");
  for (const name of ["split", "machine"]) expect(listed).toContain(name);
  expect(listed).not.toContain("secret");
  for (const [name, ...more] of [["split/one"], ["machine", "--vm"]] as const) {
    const alias = `from-bucket-${name}`;
    await incus("image", "copy", `x:${name}`, "local:", "--alias", alias, ...more);
    const { target } = JSON.parse(await incus("query", `local:/1.0/images/aliases/${encodeURIComponent(alias)}`));
    expect(target).toMatch(/^[0-9a-f]{64}$/);
    await incus("image", "delete", target);
  }
}, 180_000);
