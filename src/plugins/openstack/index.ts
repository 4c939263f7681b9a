import { type ByteRequirements, type Desired, definePlugin, type Format } from "images";
import { accessOf } from "./access.ts";
import { OpenStack } from "./backend.ts";
import { OpenCloud } from "./cloud.ts";
import { chosenId } from "./ids.ts";
import { nameOf } from "./image.ts";
import { pulls } from "./import.ts";
import { rules } from "./rules.ts";
import { image, type OsImage, starter } from "./schema.ts";
import { config } from "./settings.ts";

/** The formats of bytes that Glance takes under the name of one. What it calls raw is whatever is no other format. */
const FORMATS: Readonly<Record<string, readonly Format[]>> = {
  raw: ["raw", "iso", "other"],
  qcow2: ["qcow2"],
  vmdk: ["vmdk"],
  vhd: ["vhd"],
  vhdx: ["vhdx"],
  vdi: ["vdi"],
  iso: ["iso"],
};

function wanted({
  disk_format: disk = "",
  container_format: container,
  verify_checksum,
}: Desired<OsImage>): ByteRequirements {
  const asIs = container !== undefined && container !== "bare" && container !== "ovf";
  return {
    formats: asIs ? "any" : (FORMATS[disk] ?? "any"),
    compressions: container === "compressed" || disk === "ari" || disk === "aki" ? "any" : ["none"],
    ...(verify_checksum ? { digests: ["sha512"] } : {}),
  };
}

export const openstack = definePlugin({
  api: 1,
  name: "openstack",
  doc: "The images of a project in an OpenStack cloud: Glance.",
  config,
  image,
  starter,
  bytes: wanted,
  pulls,
  labels: (want, address) => [nameOf(want, address)],
  chosenId,
  physical: (want) => chosenId(want),
  onRemove: ["delete", "forget", "hide", "deactivate"],
  check: rules,
  async open(written, host) {
    return new OpenStack(new OpenCloud(await accessOf(written, host), host), host, { visibility: "shared" });
  },
});
