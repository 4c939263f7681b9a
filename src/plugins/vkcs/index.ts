import { type ByteRequirements, type Complaint, type Desired, definePlugin, type Facts } from "images";
import { accessOf } from "../openstack/access.ts";
import { OpenStack } from "../openstack/backend.ts";
import { OpenCloud } from "../openstack/cloud.ts";
import { chosenId } from "../openstack/ids.ts";
import { nameOf } from "../openstack/image.ts";
import { pulls } from "../openstack/import.ts";
import { rules } from "../openstack/rules.ts";
import type { OsImage } from "../openstack/schema.ts";
import { config } from "../openstack/settings.ts";
import { image, starter } from "./schema.ts";

/** VK Cloud's public regions keep the bytes of images in an object store, and have to be asked to. */
const headersFor = (endpoint: string): Readonly<Record<string, string>> =>
  isPublic(endpoint) ? { "x-image-meta-store": "s3" } : {};

/** VK Cloud's own domains; its private installations have others, and stores of their own. */
const isPublic = (endpoint: string): boolean =>
  /(?:^|\.)(?:(?:mcs|infra)\.mail\.ru|cloud\.vk\.(?:ru|com|kz)|vkcloud\.kz)$/i.test(
    URL.parse(endpoint)?.hostname ?? "",
  );

const wanted = ({ disk_format, verify_checksum }: Desired<OsImage>): ByteRequirements => ({
  // What is no ISO is kept raw: qcow2 is turned into it on the way.
  formats: disk_format === "iso" ? ["iso"] : disk_format === "raw" ? ["raw", "iso", "other"] : ["raw", "iso"],
  compressions: ["none"],
  ...(verify_checksum ? { digests: ["sha512"] } : {}),
});

function check(want: Desired<OsImage>, facts: Facts): readonly Complaint[] {
  const found = [...rules(want, facts)];
  if (want.properties?.["store"] !== undefined)
    found.push({
      code: "config.value",
      attribute: "properties.store",
      message: "store is computed by VK Cloud and cannot be set as a property",
      hint: 'write stores = ["…"] beside properties',
    });
  if ((want.members ?? []).length > 0 && want.visibility === undefined)
    found.push({
      code: "config.value",
      attribute: "members",
      message: "a private image (the default here) has no members",
      hint: 'visibility = "shared"',
    });
  return found;
}

export const vkcs = definePlugin({
  api: 1,
  name: "vkcs",
  doc: "The images of a project in VK Cloud.",
  config,
  image,
  starter,
  bytes: wanted,
  pulls,
  labels: (want, address) => [nameOf(want, address)],
  chosenId,
  physical: (want) => chosenId(want),
  onRemove: ["delete", "forget", "hide", "deactivate"],
  check,
  async open(written, host) {
    const access = await accessOf(written, host, {
      auth_url: "https://infra.mail.ru:35357/v3",
      user_domain_name: "users",
      region: "RegionOne",
    });
    return new OpenStack(new OpenCloud(access, host, headersFor), host, { visibility: "private" });
  },
});
