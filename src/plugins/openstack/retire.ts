import { type Desired, type Observed, versionName } from "images";
import type { Operation } from "./glance.ts";
import { entriesOf, MARKS } from "./properties.ts";
import type { OsImage } from "./schema.ts";
import type { GlanceAnswer } from "./wire.ts";

// An image whose block is gone is hidden or deactivated, and used again when the block is back.

type How = "hide" | "deactivate";

/** Characters of a name. */
const LONGEST = 255;

const RETIRED = "retired:";

/**
 * What takes an image out of use. The lineage is taken off its marker: no state manages it any more, so that the one that takes it back
 * writes the marker, and with it brings the image back into use.
 */
export function retiring(image: GlanceAnswer, how: How): readonly Operation[] {
  const others = entriesOf(image.images_declares).filter((entry) => !entry.startsWith(RETIRED));
  return [
    { op: "add", path: `/${MARKS.declares}`, value: [...others, `${RETIRED}${how}`].sort().join(",") },
    ...(MARKS.lineage in image ? [{ op: "remove", path: `/${MARKS.lineage}` } as const] : []),
    ...(how === "hide" ? [{ op: "replace", path: "/os_hidden", value: true } as const] : []),
  ];
}

/** The name of a kept version: as the file wants it, with the version that its publisher gave to it, else with the time of its replacement. */
export function keptName(
  image: GlanceAnswer | undefined,
  id: string,
  { time, template = `{name} (${time})` }: { readonly time: string; readonly template?: string | undefined },
): string {
  const name = (image?.name ?? id).replace(/ \((?:replaced|\d{8}T\d{6}Z)\)$/, "");
  const given = image?.["internal_version"];
  // As openstack-image-manager has it: where upstream's date was not known, that of the image counts.
  const own = given === "latest" ? /^\d{4}-\d{2}-\d{2}/.exec(image?.created_at ?? "")?.[0].replaceAll("-", "") : given;
  const version = typeof own === "string" && /^[\w.+-]+$/.test(own) ? own : time;
  const rest = versionName(template, { name: "", version }).length;
  return versionName(template, { name: name.slice(0, Math.max(0, LONGEST - rest)), version }).slice(0, LONGEST);
}

/** What an update brings back to its default, of an image that was taken out of use and is wanted again. */
export function restored(have: Pick<Observed<OsImage>, "attributes">, want: Desired<OsImage>): readonly string[] {
  const entries = entriesOf(have.attributes.metadata?.[MARKS.declares]);
  const how = entries.find((entry) => entry.startsWith(RETIRED))?.slice(RETIRED.length);
  if (how === undefined) return [];
  // Told what is so, as by an import, an update leaves it.
  const attribute = how === "hide" ? "hidden" : "status";
  return want[attribute] === undefined ? ["retired", attribute] : ["retired"];
}
