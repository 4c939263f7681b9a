import type { TerraformInstance } from "./document.ts";
import { incus } from "./incus.ts";
import { linode } from "./linode.ts";
import { glance } from "./openstack.ts";
import { outscale } from "./outscale.ts";
import type { Mapped } from "./values.ts";

/** An instance that is an image, and what becomes of it. */
export interface MappedInstance extends Mapped {
  readonly instance: TerraformInstance;
  readonly plugin: string;
}

interface Kind {
  readonly plugin: string;
  readonly map: (attributes: TerraformInstance["attributes"]) => Mapped;
}

/** The types of resources that are images of ours. */
const KINDS: Readonly<Record<string, Kind>> = {
  incus_image: { plugin: "incus", map: incus },
  vkcs_images_image: { plugin: "vkcs", map: glance },
  openstack_images_image_v2: { plugin: "openstack", map: glance },
  linode_image: { plugin: "linode", map: linode },
  outscale_image: { plugin: "outscale", map: outscale },
};

/** The image that an instance is; undefined: it is something else. */
export function mapInstance(instance: TerraformInstance): MappedInstance | undefined {
  const kind = instance.mode === "managed" && Object.hasOwn(KINDS, instance.type) ? KINDS[instance.type] : undefined;
  return kind === undefined ? undefined : { ...kind.map(instance.attributes), instance, plugin: kind.plugin };
}
