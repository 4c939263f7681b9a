import type { Complaint, Desired, Facts } from "images";
import { rootOf } from "./image.ts";
import { isMarkTag } from "./marker.ts";
import type { Omi } from "./schema.ts";
import { tagsOf } from "./values.ts";

// What the API takes; its description of CreateImage.

const IOPS_PER_GIB = 300;
const GIB = 1024 ** 3;

/** Rules that no type can tell. */
export function rules(want: Desired<Omi>, facts: Facts): readonly Complaint[] {
  const wrong: Complaint[] = [];
  const say = (attribute: string, message: string, hint?: string) =>
    wrong.push({ code: "config.value", attribute, message, ...(hint === undefined ? {} : { hint }) });
  const mappings = want.block_device_mappings ?? [];
  const isOfBytes = facts.source === true;
  const root = mappings.find(({ device_name }) => device_name === (isOfBytes ? rootOf(want) : want.root_device_name));
  mappings.forEach((mapping, i) => {
    const { device_name, virtual_device_name, bsu } = mapping;
    const at = `block_device_mappings[${i}]`;
    const tell = (message: string) => say("block_device_mappings", `${at}: ${message}`);
    if (device_name === undefined) tell("device_name is missing");
    if (bsu === undefined && virtual_device_name === undefined) tell("bsu is missing");
    if (bsu === undefined) return;
    const { iops, volume_type, volume_size, snapshot_id } = bsu;
    if (iops !== undefined && volume_type !== "io1") tell('iops goes only with volume_type = "io1"');
    if (iops === undefined && volume_type === "io1") tell("an io1 volume needs iops");
    if (iops !== undefined && volume_size !== undefined && iops > volume_size * IOPS_PER_GIB)
      tell(`at most ${volume_size * IOPS_PER_GIB} iops for a volume of ${volume_size} GiB`);
    if (snapshot_id === undefined && volume_size === undefined && !(isOfBytes && mapping === root))
      tell("a volume needs snapshot_id or volume_size");
  });
  const names = mappings.flatMap(({ device_name }) => device_name ?? []);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) say("block_device_mappings", `two volumes have the device ${twice}`);
  const least = Math.ceil((facts.virtualSize ?? 0) / GIB);
  if (isOfBytes && mappings.length > 0) {
    if (root === undefined) say("block_device_mappings", `the root device ${rootOf(want)} is not among the volumes`);
    else if (root.bsu?.snapshot_id !== undefined)
      say("block_device_mappings", "the root volume comes from the source and cannot have a snapshot_id");
    else if ((root.bsu?.volume_size ?? least) < least)
      say("block_device_mappings", `the disk has ${least} GiB; volume_size is ${root.bsu?.volume_size}`);
  } else if (want.root_device_name !== undefined && mappings.length > 0) {
    if (root === undefined) say("root_device_name", `${want.root_device_name} is not among block_device_mappings`);
    else if (root.bsu?.snapshot_id === undefined)
      say("block_device_mappings", `the root device ${want.root_device_name} needs a snapshot_id`);
  }
  if (isOfBytes && facts.settings !== undefined && facts.settings["bucket"] === undefined)
    say(
      "source",
      "bytes reach Outscale through a bucket, and its backend has none",
      'write bucket = "NAME" into the settings of the backend',
    );
  const reserved = Object.keys(tagsOf(want.tags)).find((Key) => isMarkTag({ Key, Value: "" }));
  const odd = Object.keys(tagsOf(want.tags)).find((key) => key === "" || [...key].length > 255);
  if (odd !== undefined) say("tags", `invalid key ${JSON.stringify(odd.slice(0, 20))}: expected 1 to 255 characters`);
  if (reserved !== undefined)
    say("tags", `the tag ${reserved} is reserved for the ownership marker`, "use another key");
  if (want.file_location !== undefined && !/^(?:https?:\/\/|(?:env|file|cmd):)/i.test(want.file_location))
    say("file_location", "file_location is not a URL", "a pre-signed URL, or a reference to one: env:NAME");
  if (want.boot_modes?.length === 0) say("boot_modes", "boot_modes: expected at least one", "remove the attribute");
  return facts.size === 0 ? [...wrong, { code: "backend.limits", message: "the source is empty" }] : wrong;
}
