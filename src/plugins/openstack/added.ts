import type { Additions, Desired, Reported } from "images";
import { isOwned } from "./properties.ts";
import type { OsImage } from "./schema.ts";
import type { Member } from "./wire.ts";

/** Names that a replace gives for its duration, and a kept version. */
const PASSING = / \((?:new|replaced|\d{8}T\d{6}Z)\)$/;
/** What Glance and its clients write about the very bytes. */
const ABOUT_BYTES =
  /^(?:internal_version$|image_build_date$|upstream_checksum$|img_signature|cinder_encryption_key|signature_verified|owner_specified\.openstack\.(?:md5|sha256)$)/;

/** What people gave to an image, by what is seen of it; `members` where it has any. Pure. */
export function additionsTo(have: Reported<OsImage>, want: Desired<OsImage>, members: readonly Member[]): Additions {
  const { visibility, tags = [], hidden, min_disk_gb, min_ram_mb, name } = have;
  const properties = Object.entries(have.properties ?? {}).filter(([key]) => !isOwned(key));
  const [about, others] = [true, false].map((is) => properties.filter(([key]) => ABOUT_BYTES.test(key) === is));
  const isNamed = name !== undefined && !PASSING.test(name);
  const isShared = (want.visibility ?? visibility) === "shared";
  const isPublished = visibility === "public" && want.visibility === undefined;
  const projects = members.map(({ member_id }) => member_id);
  return {
    attributes: {
      tags,
      ...(isNamed ? { name } : {}),
      ...(hidden === true ? { hidden } : {}),
      ...(visibility === undefined || isPublished ? {} : { visibility }),
      ...(min_disk_gb === undefined ? {} : { min_disk_gb }),
      ...(min_ram_mb === undefined ? {} : { min_ram_mb }),
      properties: Object.fromEntries(others ?? []),
      ...(isShared && projects.length > 0 ? { members: projects } : {}),
    },
    lost: [
      ...(isPublished ? ["visibility public, which an administrator set: declare it, or set it again"] : []),
      ...(have.status === "deactivated" && want.status === undefined
        ? ["status deactivated: the new image is active"]
        : []),
      ...(have.stores === undefined || want.stores !== undefined
        ? []
        : [`stores ${have.stores.join(", ")}: the new image is in the one that Glance chooses`]),
      ...(about ?? [])
        .filter(([key]) => !isDated(key, want))
        .map(([key]) => `the property ${key}: it describes the bytes of the old image`),
      ...(want.members !== undefined ? [] : members.flatMap((member) => lostOf(member, isShared))),
    ],
  };
}

/** The new image has a value of its own. */
const isDated = (key: string, { upstream_date, properties }: Desired<OsImage>): boolean =>
  properties?.[key] !== undefined ||
  (upstream_date === true && (key === "internal_version" || key === "image_build_date"));

function lostOf({ member_id, status }: Member, isShared: boolean): readonly string[] {
  if (!isShared) return [`the member ${member_id}: the new image is not shared`];
  return status === "pending"
    ? []
    : [`the status of the member ${member_id} (${status}): the member must accept again`];
}
