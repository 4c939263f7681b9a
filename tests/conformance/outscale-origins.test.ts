import { accountOf, inAccount, lives, mapping, ofVm, origins, several, timeout } from "./accounts.ts";
import { conformance } from "./suite.ts";

await conformance("outscale, of a VM", {
  plugin: "outscale",
  get small() {
    return { vm_id: inAccount().vm };
  },
  get lives() {
    return {
      ...lives,
      product_codes: { ...lives.product_codes, stays: true },
      vm_id: { set: inAccount().stoppedVm, change: inAccount().vm, replaces: true, clears: false },
      no_reboot: { set: true, change: false, replaces: true },
    };
  },
  elsewhere: origins,
  several,
  timeout,
  place: () => accountOf(),
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
    elsewhere: { ...toldThere, ...ofVm, description: "its life is that of an image of a VM" },
    several,
    timeout,
    place: () => accountOf(),
  },
  fewer,
);

await conformance(
  "outscale, of another image",
  {
    plugin: "outscale",
    get small() {
      return { source_image_id: inAccount().sharedImage, source_region_name: "eu-west-2" };
    },
    get lives() {
      const [first = ""] = inAccount().publicImages;
      return { source_image_id: { set: first, change: inAccount().sharedImage, replaces: true, clears: false } };
    },
    elsewhere: { ...toldThere, ...ofVm, description: "its life is that of an image of a VM" },
    several,
    timeout,
    place: () => accountOf(),
  },
  fewer,
);
