import type { Complaint, Desired, Facts } from "images";
import { refusal } from "./properties.ts";
import { memberOf, type OsImage } from "./schema.ts";

const GB = 1024 ** 3;
const AMAZON = ["ami", "ari", "aki"];

/** Rules of Glance's that no type can tell. */
export function rules(want: Desired<OsImage>, facts: Facts): readonly Complaint[] {
  const found: Complaint[] = [];
  const say = (attribute: string, message: string, hint?: string, severity?: "warning") =>
    found.push({
      code: severity === "warning" ? "config.hint" : "config.value",
      attribute,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(severity === undefined ? {} : { severity }),
    });
  for (const key of Object.keys(want.properties ?? {})) {
    const no = refusal(key);
    if (no !== undefined) say(`properties.${key}`, no.message, no.hint);
  }
  const { container_format: container = "bare", disk_format: disk, visibility } = want;
  const isAmazon = (format: string | undefined) => format !== undefined && AMAZON.includes(format);
  if (disk !== undefined && (isAmazon(container) || isAmazon(disk)) && container !== disk)
    say(
      "disk_format",
      `the disk format ${disk} cannot be combined with the container ${container}`,
      "both must be the same one of ami, ari, aki",
    );
  const members = (want.members ?? []).map(memberOf);
  if (members.length > 0 && visibility !== undefined && visibility !== "shared")
    say("members", `an image that is ${visibility} has no members`, 'visibility = "shared"');
  if (members.some(({ project }) => project === "")) say("members", "a member has no project");
  const ids = members.map(({ project }) => project);
  if (new Set(ids).size < ids.length) say("members", "a project is listed twice");
  for (const { project, status, cloud } of members)
    if (cloud !== undefined && status === undefined)
      say("members", `${project}: \`cloud\` needs \`status\``, 'status = "accepted"');
  if (want.web_download && want.use_import) say("use_import", "web_download and use_import exclude each other");
  if (want.web_download && disk === undefined)
    say("web_download", "Glance needs the format of what it fetches", 'disk_format = "qcow2"');
  if (want.web_download && facts.source === false)
    say("web_download", "web_download needs a URL", "source = { url = … }");
  const { min_disk_gb } = want;
  const size = facts.virtualSize;
  if (min_disk_gb !== undefined && min_disk_gb > 0 && size !== undefined && size > min_disk_gb * GB)
    say("min_disk_gb", `the disk has ${Math.ceil(size / GB)} GB, more than min_disk_gb`, undefined, "warning");
  return found;
}
