import { sharedStore } from "../emulators/outscale/buckets.ts";
import { accountOf, key, lives, ofVm, origins, several, timeout } from "./accounts.ts";
import { conformance } from "./suite.ts";

const bucketOf = sharedStore(key);
const raw = (word: string) => new TextEncoder().encode(`${word}\n`.repeat(1000)).slice(0, 512 * 20);

await conformance("outscale", {
  plugin: "outscale",
  bytes: raw("a small image"),
  otherBytes: raw("another small image"),
  small: {},
  lives: { image_name: lives.image_name, description: lives.description },
  elsewhere: { ...origins, ...ofVm },
  several,
  timeout,
  place: () => accountOf(bucketOf()),
  // Nothing is sent there: only a bucket has to be declared.
  probe: async () => {
    const probed = await accountOf();
    return Object.assign(probed, { settings: { ...probed.settings, bucket: "probe" } });
  },
});
