import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { run, TestDirectory } from "../harness.ts";
import { bytesOf, DIR, facts } from "./incus-kit.ts";

// The store of the `local` plugin, served by a web server, as a remote of the real incus client and of a real daemon.

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main } = await facts();

test("incus lists the store, and copies a container and a virtual machine from it into the daemon", async () => {
  await using directory = await TestDirectory.make();
  for (const name of ["unified.tar.gz", "meta.tar.xz", "rootfs.squashfs", "vm-meta.tar.xz", "disk.qcow2"])
    await directory.write(name, await bytesOf(name));
  await directory.write(
    "images.toml",
    `[backend.store]
plugin = "local"
path = "./store"
[image.whole]
source = "./unified.tar.gz"
os = "Whole"
[image.split]
source = { file = "./rootfs.squashfs", metadata = "./meta.tar.xz" }
os = "Split"
aliases = ["split/one"]
[image.bare]
source = "./rootfs.squashfs"
os = "Bare"
[image.machine]
source = { file = "./disk.qcow2", metadata = "./vm-meta.tar.xz" }
os = "Machine"
`,
  );
  const applied = await run(directory, ["apply", "--yes"]);
  expect([applied.code, applied.code === 0 ? "" : applied.stderr]).toEqual([0, ""]);
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: Bun.file(`${DIR}/tls/streams.crt`), key: Bun.file(`${DIR}/tls/streams.key`) },
    fetch: (request) => new Response(Bun.file(resolve(directory.at("store"), `.${new URL(request.url).pathname}`))),
    error: () => new Response("none", { status: 404 }),
  });
  const env = {
    ...process.env,
    INCUS_CONF: directory.at("conf"),
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
  for (const name of ["whole", "split", "bare", "machine"]) expect(listed).toContain(name);
  expect(listed).toContain("VIRTUAL-MACHINE");
  for (const [name, ...more] of [["whole"], ["split/one"], ["bare"], ["machine", "--vm"]] as const) {
    await incus("image", "copy", `x:${name}`, "local:", "--alias", `from-store-${name}`, ...more);
    const { fingerprint } = JSON.parse(
      await incus("query", `local:/1.0/images/aliases/${encodeURIComponent(`from-store-${name}`)}`).then((text) =>
        text.replace('"target"', '"fingerprint"'),
      ),
    );
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    // `whole` has the bytes of an image that the daemon has already: only its alias goes.
    if (name === "whole") await incus("image", "alias", "delete", `from-store-${name}`);
    else await incus("image", "delete", fingerprint);
  }
}, 180_000);
