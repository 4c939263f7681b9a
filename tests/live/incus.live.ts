import { conformance } from "../conformance/suite.ts";
import { TestDirectory } from "../harness.ts";
import { api, bytesOf, DIR, facts, project, tarball, unified } from "./incus-kit.ts";
import { Watch } from "./incus-watch.ts";

if (DIR === undefined) throw new Error("INCUS_LIVE names the directory that tests/live/incus-up was given");
const { main, client, stranger, images } = await facts();
const disk = await bytesOf("disk.qcow2");
const other = new Uint8Array([...disk, ...new Uint8Array(65_536)]);
const read = (path: string) => Bun.file(path).text();
const [key, strangerKey] = await Promise.all([read(client.key), read(stranger.key)]);

const place = async () => {
  const own = await project(main.socket);
  const settings = { url: main.url, server_cert: main.certificate, project: own.name, config: `${DIR}/conf` };
  return {
    settings: { ...settings, cert: client.certificate, key: "env:INCUS_KEY" },
    env: { INCUS_KEY: key, SSL_CERT_FILE: images.ca },
    bad: {
      settings: { ...settings, cert: stranger.certificate, key: "env:INCUS_KEY" },
      env: { INCUS_KEY: strangerKey },
    },
    plant: async () => {
      const { fingerprint } = await api(
        main.socket,
        "POST",
        `/1.0/images?project=${own.name}`,
        await unified(own.name),
      );
      await api(main.socket, "POST", `/1.0/images/aliases?project=${own.name}`, { name: "small", target: fingerprint });
      return fingerprint;
    },
    meddle: async (id: string) => {
      await api(main.socket, "PATCH", `/1.0/images/${id}?project=${own.name}`, { properties: { os: "meddled with" } });
      return "properties";
    },
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
};

const common = {
  plugin: "incus",
  place,
  small: { aliases: ["small"] },
  several: (i: number) => ({ aliases: [`small-${i}`] }),
  timeout: 600_000,
};
const lives = {
  alias: { set: "first", change: "second" },
  aliases: {
    set: ["small", { name: "b/c", description: "one" }],
    change: [{ name: "b/c", description: "two" }, "small", "d"],
  },
  properties: { set: { os: "x", "requirements.secureboot": "false" }, change: { os: "y äö&=" } },
  public: { set: true, change: false },
  profiles: { set: ["default", "second"], change: ["second"] },
  expires_at: { set: "2031-01-01T00:00:00Z", change: "2032-02-03T04:05:06+01:00" },
} as const;

await conformance("incus, a bare disk", {
  ...common,
  bytes: disk,
  otherBytes: other,
  // Equal disks are two images here: each gets metadata of its own.
  others: () => disk,
  filename: "disk.qcow2",
  page: 12,
  lives: { ...lives, architecture: { set: "x86_64", change: "aarch64", replaces: true } },
  elsewhere: {
    source_image: "from a remote",
    source: "from a remote",
    source_instance: "from an instance",
    compression: "from an instance",
    format: "from an instance",
    copy_aliases: "from a remote",
    auto_update: "from a remote",
    fingerprint: "of bytes that have one already",
    vm: "the disk decides",
    project: "another project makes another image: incus-origins",
    target_project: "another project makes another image: incus-origins",
    remote: "another server makes another image: incus-origins",
  },
});

// An image that is a file of its own, whose fingerprint is its sha256: equal bytes are one image, so that others have other bytes.
const serial = `${process.pid}`;
const plain = (text: string) => tarball("properties: {}\n", text);
await conformance(
  "incus, a whole image",
  {
    ...common,
    bytes: await plain(serial),
    otherBytes: await plain(`${serial}, other`),
    others: (n) => plain(`${serial}, of others, ${n}`),
    filename: "image.tar",
    lives,
  },
  [
    "create",
    "lost state",
    "another lineage",
    "another file",
    "copied marker",
    "lived-in world",
    "what is already so",
    "abort",
    "deleted",
    "foreign",
    "create twice",
    "broken bytes",
    "bytes back",
    "drift",
    "changed bytes",
    "import",
    "unmarked",
    "mark",
  ],
);

// By way of a socket that sees every request: what a server that fails does to a run, and which connections are left.
await conformance(
  "incus, over a socket",
  {
    ...common,
    place: async () => {
      const own = await project(main.socket);
      const directory = await TestDirectory.make();
      const watch = await Watch.open(directory.at("socket"), main.socket);
      return {
        settings: { socket: watch.socket, project: own.name, config: `${DIR}/conf` },
        refuse: (status, times) => watch.refuse(status, times),
        requests: () => watch.seen.length,
        connections: () => watch.connections,
        async [Symbol.asyncDispose]() {
          await watch[Symbol.asyncDispose]();
          await directory[Symbol.asyncDispose]();
          await own[Symbol.asyncDispose]();
        },
      };
    },
    bytes: disk,
    otherBytes: other,
    filename: "disk.qcow2",
    lives,
  },
  ["server errors", "dispose"],
);
