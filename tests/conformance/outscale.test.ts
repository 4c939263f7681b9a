import { startObjectStore } from "../emulators/outscale/bucket.ts";
import { startOutscale } from "../emulators/outscale/start.ts";
import type { Place } from "./place.ts";
import { conformance } from "./suite.ts";

const SECRET = "sentinelSecret4f0c1bK7MDENGbPxRfiCYEXAMP";
const ACCESS = "AKIASENTINEL7EXAMPLE";

/** With `{…}` in attributes standing for what the emulator has from the start. */
async function place(withStore: boolean): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const key = { accessKey: ACCESS, secretKey: SECRET };
  const store = withStore ? stack.use(await startObjectStore({ keys: [key] })) : undefined;
  const emulator = stack.use(
    await startOutscale({ ...key, pace: { polls: 1 }, ...(store === undefined ? {} : { store }) }),
  );
  const { control, log } = emulator;
  const settings = {
    endpoint: `${emulator.url}/api/v1`,
    access_key: ACCESS,
    secret_key: "env:OSC_SECRET",
    region: "eu-west-2",
    ...(store === undefined ? {} : { bucket: "images", bucket_endpoint: store.endpoint }),
  };
  const owned = stack.move();
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
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
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
const other = "it goes with another origin";
const elsewhere = Object.fromEntries(
  [
    "vm_id",
    "no_reboot",
    "source_image_id",
    "source_region_name",
    "file_location",
    "block_device_mappings",
    "root_device_name",
  ].map((name) => [name, other]),
);

conformance("outscale", {
  plugin: "outscale",
  bytes: raw("a small image"),
  otherBytes: raw("another small image"),
  small: {},
  lives,
  elsewhere,
  several: (i) => ({ image_name: `small ${i}` }),
  place: () => place(true),
});
