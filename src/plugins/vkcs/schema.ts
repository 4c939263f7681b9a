import { optional, type Starter } from "images";
import { choice, type OsImage, image as openstack } from "../openstack/schema.ts";

/** An image in VK Cloud: as in Glance, with what VK Cloud allows. */
export const image: OsImage = {
  ...openstack,
  disk_format: optional(
    choice("raw", "iso"),
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
