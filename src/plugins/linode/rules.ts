import type { Complaint, Desired, Facts } from "images";
import { DESCRIPTION_ROOM, MARK_ROOM } from "./mark.ts";
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
      `Linode takes ${DESCRIPTION_ROOM.toLocaleString("en")}, and the rest is for our mark`,
    );
  if (new Set(tags).size > MOST_TAGS) say("tags", `tags: at most ${MOST_TAGS}`);
  if (replica_regions?.length === 0)
    say(
      "replica_regions",
      "replica_regions: an image is in one region at least",
      "name its regions, or take the line out",
    );
  if (disk_id !== undefined && region !== undefined)
    say("region", "region is where bytes are uploaded to; the image of a disk is made where the disk is");
  if (facts.source === true && region === undefined && disk_id === undefined)
    say("region", "region is missing: where are the bytes to be uploaded to?", 'region = "us-southeast"');
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
    const message = `${what} is ${inMB(bytes)} MB, and Linode takes images of at most ${inMB(bytes > most ? most : MOST_RAW)} MB`;
    if (bytes > most)
      return [
        {
          code: "backend.limits",
          message,
          hint: "make the disk smaller before it is uploaded (qemu-img resize --shrink, virt-sparsify); where Linode raised the limit of the account, write max_image_mb into the settings of the backend",
        },
      ];
    return [
      { code: "backend.limits", severity: "warning", message: `${message}, but for accounts whose limit was raised` },
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
    message: `the compressed image is ${inMB(bytes)} MB or more, and Linode takes ${inMB(MOST_PACKED)} MB`,
    hint: "take out what does not compress, or fill free space with zeros (virt-sparsify, fstrim)",
  }) as const;

export const inMB = (bytes: number): number => Math.ceil(bytes / MB);
