import type { TestPlace } from "../../src/core/conformance.ts";
import type { OneBucket } from "../emulators/outscale/buckets.ts";
import { startOutscale } from "../emulators/outscale/start.ts";

const SECRET = "sentinelSecret4f0c1bK7MDENGbPxRfiCYEXAMP";
const ACCESS = "AKIASENTINEL7EXAMPLE";

export const key = { accessKey: ACCESS, secretKey: SECRET };

let seeded: Awaited<ReturnType<typeof startOutscale>>["control"]["seeded"];
/** What the account that was opened last has from the start; each test has one of its own, one after the other. */
export const inAccount = () => seeded;

/** An account of an emulator of Outscale, with a bucket or without. */
export async function accountOf(bucket?: OneBucket): Promise<TestPlace> {
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

/** Of an image of a VM, where all of them can be said. */
export const lives = {
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

/** The first volume of an image, from a snapshot of the account. */
export const mapping = (volume_size: number | string) => ({
  device_name: "/dev/sda1",
  bsu: { snapshot_id: seeded.snapshot, volume_size, volume_type: "gp2", delete_on_vm_deletion: "false" },
});

const ofOrigin = "it goes with another origin";
/** What an image of bytes does not have, with the reason. */
export const origins = {
  vm_id: ofOrigin,
  no_reboot: ofOrigin,
  source_image_id: ofOrigin,
  source_region_name: ofOrigin,
  file_location: ofOrigin,
  block_device_mappings: ofOrigin,
  root_device_name: ofOrigin,
};

const OF_BYTES: readonly string[] = ["image_name", "description"];
/** What only an image of a VM is asked about. */
export const ofVm = Object.fromEntries(
  Object.keys(lives)
    .filter((name) => !OF_BYTES.includes(name))
    .map((name) => [name, "its life is that of an image of a VM"]),
);

export const several = (i: number) => ({ image_name: `small ${i}` });
export const timeout = 600_000;
