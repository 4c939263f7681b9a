import type { TestPlace } from "../../src/core/conformance.ts";
import { sharedStore } from "../emulators/outscale/buckets.ts";
import { startOutscale } from "../emulators/outscale/start.ts";
import { conformance } from "./suite.ts";

const SECRET = "sentinelSecret4f0c1bK7MDENGbPxRfiCYEXAMP";
const ACCESS = "AKIASENTINEL7EXAMPLE";

const key = { accessKey: ACCESS, secretKey: SECRET };
const bucketOf = sharedStore(key);

async function place(withStore: boolean): Promise<TestPlace> {
  const bucket = withStore ? bucketOf() : undefined;
  const emulator = await startOutscale({
    ...key,
    pace: { polls: 1 },
    ...(bucket === undefined ? {} : { store: bucket.store }),
  });
  const { control, log } = emulator;
  seeded = control.seeded;
  const settings = {
    endpoint: `${emulator.url}/api/v1`,
    access_key: ACCESS,
    secret_key: "env:OSC_SECRET",
    region: "eu-west-2",
    rate_limit: 1000,
    ...(bucket === undefined ? {} : { bucket: bucket.name, bucket_endpoint: bucket.store.endpoint }),
  };
  return {
    settings,
    env: { OSC_SECRET: SECRET },
    bad: { settings, env: { OSC_SECRET: "sentinelWrong55c0b7K7MDENGbPxRfiCYEXAMPL" } },
    plant: () => control.addImage("small", { Description: "somebody else's" }),
    meddle: async (image) => {
      control.changeImage(image, { Description: "meddled with" });
      return "description";
    },
    refuse: (status, times) => {
      const refusal = { status, code: "", type: "RequestLimitExceeded", details: "" };
      control.next({ kind: "refused", refusal }, "", { times });
    },
    requests: () => log.count(),
    async [Symbol.asyncDispose]() {
      await emulator[Symbol.asyncDispose]();
      // Whatever a clause did: all that was made on the way to an image is used by one, or gone.
      const left = [...control.orphans(), ...((await bucket?.left()) ?? [])];
      if (left.length > 0) throw new Error(`left over: ${left.join(", ")}`);
    },
  };
}

const raw = (word: string) => new TextEncoder().encode(`${word}\n`.repeat(1000)).slice(0, 512 * 20);
const lives = {
  image_name: { set: "first (really)", change: "it_is/2-a.b", replaces: true },
  description: { set: "one", change: "zwei\n\näö [images: not a mark]" },
  product_codes: { set: ["0001", "0003"], change: ["0002"] },
  tags: { set: { os: "debian", "a b": "" }, change: [{ key: "os", value: "äöü = *" }] },
  permissions: {
    set: { account_ids: ["987654321098"], global: true },
    change: { account_ids: ["555555555555", "111111111111"] },
  },
  architecture: { set: "i386", change: "x86_64", replaces: true },
  boot_modes: { set: ["uefi"], change: ["legacy", "uefi"], replaces: true },
  tpm_mandatory: { set: true, change: false, replaces: true },
};
/** What the place that was opened last has from the start; each test has a place of its own, one after the other. */
let seeded: Awaited<ReturnType<typeof startOutscale>>["control"]["seeded"];

const mapping = (volume_size: number | string) => ({
  device_name: "/dev/sda1",
  bsu: { snapshot_id: seeded.snapshot, volume_size, volume_type: "gp2", delete_on_vm_deletion: "false" },
});

const ofOrigin = "it goes with another origin";
const origins = {
  vm_id: ofOrigin,
  no_reboot: ofOrigin,
  source_image_id: ofOrigin,
  source_region_name: ofOrigin,
  file_location: ofOrigin,
  block_device_mappings: ofOrigin,
  root_device_name: ofOrigin,
};
const { image_name, description, ...further } = lives;
const told = Object.fromEntries(Object.keys(further).map((name) => [name, "its life is that of an image of a VM"]));
const several = (i: number) => ({ image_name: `small ${i}` });
const timeout = 600_000;

await conformance("outscale", {
  plugin: "outscale",
  bytes: raw("a small image"),
  otherBytes: raw("another small image"),
  small: {},
  lives: { image_name, description },
  elsewhere: { ...origins, ...told },
  several,
  timeout,
  place: () => place(true),
  // Nothing is sent there: only a bucket has to be declared.
  probe: async () => {
    const probed = await place(false);
    return Object.assign(probed, { settings: { ...probed.settings, bucket: "probe" } });
  },
});

await conformance("outscale, of a VM", {
  plugin: "outscale",
  get small() {
    return { vm_id: seeded.vm };
  },
  get lives() {
    return {
      ...lives,
      product_codes: { ...lives.product_codes, stays: true },
      vm_id: { set: seeded.stoppedVm, change: seeded.vm, replaces: true, clears: false },
      no_reboot: { set: true, change: false, replaces: true },
    };
  },
  elsewhere: origins,
  several,
  timeout,
  place: () => place(false),
});

const fewer = ["schema", "create", "law", "attribute lives", "replace", "import"] as const;
const toldThere = { image_name: "its life is that of an image of a VM", ...origins };

await conformance(
  "outscale, of snapshots",
  {
    plugin: "outscale",
    get small() {
      return { block_device_mappings: [mapping("20")], root_device_name: "/dev/sda1" };
    },
    get lives() {
      const data = { device_name: "/dev/xvdb", bsu: { volume_size: 10, volume_type: "io1", iops: 100 } };
      return {
        architecture: lives.architecture,
        block_device_mappings: { set: [mapping(30), data], change: [mapping(40)], replaces: true, clears: false },
      };
    },
    elsewhere: { ...toldThere, ...told, description: "its life is that of an image of a VM" },
    several,
    timeout,
    place: () => place(false),
  },
  fewer,
);

await conformance(
  "outscale, of another image",
  {
    plugin: "outscale",
    get small() {
      return { source_image_id: seeded.sharedImage, source_region_name: "eu-west-2" };
    },
    get lives() {
      const [first = ""] = seeded.publicImages;
      return { source_image_id: { set: first, change: seeded.sharedImage, replaces: true, clears: false } };
    },
    elsewhere: { ...toldThere, ...told, description: "its life is that of an image of a VM" },
    several,
    timeout,
    place: () => place(false),
  },
  fewer,
);
