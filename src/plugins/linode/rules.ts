import type { Complaint, Desired, Facts } from "images";
import { DESCRIPTION_ROOM, MARK_ROOM } from "./marker.ts";
import type { LinodeImage } from "./schema.ts";

// What Linode takes: @linode/validation, and the description of POST /images/upload.

const MB = 1024 * 1024;
export const MOST_RAW = 6144 * MB;
export const MOST_PACKED = 5 * 1024 * 1024 * 1024;
const MOST_TAGS = 500;

/** Rules that no type can tell. */
export function rules(want: Desired<LinodeImage>, facts: Facts): readonly Complaint[] {
  const { description = "", tags = [], replica_regions, region, disk_id } = want;
  const wrong: Complaint[] = [];
  const say = (attribute: string, message: string, hint?: string, code: Complaint["code"] = "config.value") =>
    wrong.push({ code, attribute, message, ...(hint === undefined ? {} : { hint }) });
  const room = DESCRIPTION_ROOM - MARK_ROOM;
  if ([...description].length > room)
    say(
      "description",
      `description: at most ${room.toLocaleString("en")} characters`,
      `Linode accepts ${DESCRIPTION_ROOM.toLocaleString("en")}; the rest is reserved for the ownership marker`,
    );
  if (new Set(tags).size > MOST_TAGS) say("tags", `tags: at most ${MOST_TAGS}`);
  if (replica_regions?.length === 0)
    say(
      "replica_regions",
      "replica_regions: an image needs at least one region",
      "set its regions, or remove the attribute",
    );
  if (disk_id !== undefined && region !== undefined)
    say("region", "region is for uploads; an image of a disk is created in the region of the disk");
  if (facts.source === true && region === undefined && disk_id === undefined)
    say("region", "region is missing: the upload needs one", 'region = "us-southeast"');
  return [...wrong, ...sizes(facts)];
}

/** Bytes of the largest image that the account may have: the setting, or what every account may have. */
export const mostOf = (settings: { readonly max_image_mb?: unknown } = {}): number =>
  typeof settings.max_image_mb === "number" ? settings.max_image_mb * MB : MOST_RAW;

/** Sizes that are known before a byte moves. */
function sizes({ size, virtualSize, format, untouched, settings }: Facts): readonly Complaint[] {
  const most = mostOf(settings);
  const packed = untouched === "gz" ? size : undefined;
  if (packed !== undefined && packed > MOST_PACKED) return [tooMuch(packed)];
  const tell = (bytes: number, what: string): readonly Complaint[] => {
    if (bytes <= MOST_RAW && bytes <= most) return [];
    const message = `${what} is ${inMB(bytes)} MB; Linode accepts images of at most ${inMB(bytes > most ? most : MOST_RAW)} MB`;
    if (bytes > most)
      return [
        {
          code: "backend.limits",
          message,
          hint: "shrink the disk before the upload (qemu-img resize --shrink, virt-sparsify); if Linode raised the limit of the account, set max_image_mb in the backend",
        },
      ];
    return [
      {
        code: "backend.limits",
        severity: "warning",
        message: `${message}, unless the limit of the account was raised`,
      },
    ];
  };
  if (virtualSize !== undefined) return tell(virtualSize, "the disk");
  // An archive may hold more than the image; all else only grows when it is unpacked.
  return size === undefined || format === "tar" || format === "other" ? [] : tell(size, "the source");
}

/** What is sent is more than Linode takes. */
export const tooMuch = (bytes: number) =>
  ({
    code: "backend.limits",
    message: `the compressed image is ${inMB(bytes)} MB or more; Linode accepts ${inMB(MOST_PACKED)} MB`,
    hint: "remove incompressible content, or fill free space with zeros (virt-sparsify, fstrim)",
  }) as const;

export const inMB = (bytes: number): number => Math.ceil(bytes / MB);
