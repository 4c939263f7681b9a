import { CLAUSES } from "../../src/core/conformance.ts";
import { FakeIncus } from "../emulators/incus/server.ts";
import { TestDirectory } from "../harness.ts";
import { conformance } from "./suite.ts";

// The contract on a server in memory: the real incusd is asked the same by tests/live/incus.live.ts.

const tarball = async (serial: string) =>
  new Uint8Array(
    await new Bun.Archive({
      "metadata.yaml": "architecture: x86_64\ncreation_date: 1700000000\nproperties: {}\n",
      "rootfs/etc/hostname": serial,
    }).bytes(),
  );

const place = async () => {
  const directory = await TestDirectory.make();
  const server = new FakeIncus(directory.at("socket"));
  return {
    settings: { socket: server.socket },
    refuse: (status: number, times: number) => server.refuse(status, times),
    requests: () => server.requests,
    plant: async () => server.plant(await tarball("planted"), "small"),
    meddle: async (id: string) => {
      server.meddle(id);
      return "properties";
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
};
const lives = {
  alias: { set: "first", change: "second" },
  aliases: { set: ["small", { name: "b/c", description: "one" }], change: ["small", "d"] },
  properties: { set: { os: "x" }, change: { os: "y" } },
  public: { set: true, change: false },
  profiles: { set: ["default", "second"], change: ["second"] },
  expires_at: { set: "2031-01-01T00:00:00Z", change: "2032-02-03T04:05:06+01:00" },
} as const;

// Equal bytes are one image, so that several images side by side, and the same one again, are not to be had.
const UNASKED = ["schema", "listing", "side by side", "names", "replace", "added by others", "attribute lives"];
await conformance(
  "incus",
  {
    plugin: "incus",
    place,
    small: { aliases: ["small"] },
    several: (i) => ({ aliases: [`small-${i}`] }),
    bytes: await tarball("one"),
    otherBytes: await tarball("another"),
    others: (n) => tarball(`of others, ${n}`),
    filename: "image.tar",
    lives,
  },
  CLAUSES.filter((clause) => !UNASKED.includes(clause)),
);
