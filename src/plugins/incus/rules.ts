import type { Complaint, Desired } from "images";
import { declared } from "./aliases.ts";
import { isOwn, NOTE } from "./image.ts";
import type { IncusImage } from "./schema.ts";

/** What no type can tell of an image. */
export function rules(want: Desired<IncusImage>): readonly Complaint[] {
  const found: Complaint[] = [];
  const say = (attribute: string, message: string, hint?: string) =>
    found.push({ code: "config.value", message, attribute, ...(hint === undefined ? {} : { hint }) });
  const seen = new Set<string>();
  for (const { name } of declared(want)) {
    if (seen.has(name)) say("aliases", `the alias ${name} is listed twice`);
    if (name.startsWith(NOTE)) say("aliases", `aliases that begin with ${NOTE} are reserved`);
    seen.add(name);
  }
  for (const key of Object.keys(want.properties ?? {})) {
    if (isOwn(key)) say(`properties.${key}`, `the property ${key} is reserved`);
  }
  if (want.refresh && !want.follow)
    say("refresh", "refresh = true and follow = false contradict each other", "remove one of them");
  if (want.source_image?.type === "virtual-machine" && want.vm === false)
    say("vm", 'vm = false and type = "virtual-machine" say the opposite', "remove one of them");
  if (want.auto_update && want.source_image === undefined && want.source === undefined)
    found.push({
      code: "config.value",
      severity: "warning",
      attribute: "auto_update",
      message: "auto_update needs an image that the server has copied from a remote",
    });
  if (want.auto_update && want.mode !== "pull")
    say("mode", `the server cannot update an image with mode = ${want.mode}`, 'auto_update needs mode = "pull"');
  if (want.target_project !== undefined && want.source_instance !== undefined)
    say(
      "target_project",
      "an image from an instance is kept in `project`",
      "set source_instance = { project = … } if the instance is in another project",
    );
  return found;
}
