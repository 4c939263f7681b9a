import { optional, type Starter, type Type } from "images";
import { choice, type OsImage, image as openstack } from "../openstack/schema.ts";

/** A line that other clouds need is an error here, with the way out. */
const format = ((): Type<string> => {
  const two = choice("raw", "iso");
  return {
    ...two,
    check: (written) => {
      const checked = two.check(written);
      const isDisk = checked.ok === false && typeof written === "string" && DISKS.has(written);
      if (!isDisk) return checked;
      const message = `expected ${two.label}: VK Cloud keeps disks as raw, and a ${written} source is converted to it`;
      return { ok: false, faults: [{ path: [], message, hint: "remove this line" }] };
    },
  };
})();
const DISKS: ReadonlySet<string> = new Set(["qcow2", "vmdk", "vhd", "vhdx", "vdi"]);

/** An image in VK Cloud: as in Glance, with what VK Cloud allows. */
export const image: OsImage = {
  ...openstack,
  disk_format: optional(
    format,
    "The disk format. A qcow2 source is converted to raw. Default: iso for an ISO, otherwise raw.",
    { onChange: "replace", compare: "recorded" },
  ),
  container_format: optional(choice("bare"), "The container format. Default: bare.", {
    onChange: "replace",
    unset: "bare",
  }),
  visibility: optional(choice("private", "shared", "community"), "Its visibility. Default: private.", {
    unset: "private",
  }),
};

/** What `images init` writes. */
export const starter: Starter = {
  backend: "vkcs",
  settings: [{ name: "cloud", question: "Cloud in clouds.yaml (empty: the OS_* variables)" }],
  attributes: "min_disk_gb = 3",
};
