import { gzipSync } from "node:zlib";
import type { TestPlace } from "../../src/core/conformance.ts";
import { startLinode } from "../emulators/linode/start.ts";
import { conformance } from "./suite.ts";

const TOKEN = "sentinel-token-8d21e7";
const REGION = "us-ord";

async function place(): Promise<TestPlace> {
  const emulator = await startLinode({ token: TOKEN, pace: { polls: 1 } });
  const { control, log } = emulator;
  const { id, disks } = control.addInstance({ disks: [{}, {}] });
  if (id !== LINODE || disks[0] !== DISKS[0] || disks[1] !== DISKS[1]) throw new Error("the numbers are other ones");
  const settings = { url: emulator.url, token: "env:LINODE_TOKEN", event_poll_ms: 5 };
  return {
    settings,
    env: { LINODE_TOKEN: TOKEN },
    bad: { settings, env: { LINODE_TOKEN: "sentinel-wrong-55c0" } },
    plant: async () => control.addImage({ label: "small", description: "somebody else's", tags: ["theirs"] }).id,
    meddle: async (image) => {
      control.changeImage(image, { label: "meddled with" });
      return "label";
    },
    refuse: (_, times) => control.next({ kind: "not-yet-available" }, { times }),
    requests: () => log.count(),
    [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose](),
  };
}

/** The emulator counts from here. */
const LINODE = 27_347_333;
const DISKS = [LINODE + 1, LINODE + 2] as const;

const raw = (word: string) => new TextEncoder().encode(`${word}\n`.repeat(1000)).slice(0, 512 * 20);
const lives = {
  label: { set: "First, really?", change: "it's_2-a.b" },
  description: { set: "one", change: "zwei\n\näö [images: not a mark]\n" },
  tags: { set: ["web", "prod"], change: ["prod", "äöü ß"] },
  cloud_init: { set: true, change: false, replaces: true },
  replica_regions: { set: [REGION, "us-mia"], change: [REGION, "us-iad"] },
};

await conformance("linode", {
  plugin: "linode",
  bytes: gzipSync(raw("a small image")),
  otherBytes: gzipSync(raw("another small image")),
  filename: "disk.img.gz",
  small: { region: REGION },
  lives: {
    ...lives,
    region: { set: "us-mia", change: "us-iad", replaces: true, clears: false },
  },
  elsewhere: { disk_id: "an image is made of bytes or of a disk", linode_id: "likewise" },
  several: (i) => ({ label: `small ${i}` }),
  timeout: 300_000,
  place,
});

await conformance("linode, of disks", {
  plugin: "linode",
  small: { linode_id: LINODE, disk_id: DISKS[0] },
  lives: { ...lives, disk_id: { set: DISKS[1], change: DISKS[0], replaces: true, clears: false } },
  elsewhere: { region: "it is where bytes go" },
  several: (i) => ({ label: `small ${i}` }),
  timeout: 300_000,
  place,
});
