import { optional } from "images";
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
