import { type Address, type BackendName, backendOf } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import { showPosition } from "../model/position.ts";
import type { DecisionInput, DesiredImage, LiveImage } from "./input.ts";
import { markerStatus } from "./ownership.ts";

/** An unmanaged image, or that of another file, is in the way. `differing`: why `--adopt` would be refused, where it would be. */
export function foreign(
  address: DecisionInput["address"],
  rival: LiveImage,
  lead: string,
  differing: readonly string[] = [],
): Step {
  const { id, name } = rival;
  const worth = markerStatus(rival);
  const unlike = differing.length === 0 ? "" : `, and it is not as declared: ${differing.join("; ")}`;
  const text = `${lead} ${name ?? id} (${id}) already exists and ${ownerOf(rival)}${unlike}`.trim();
  const hint =
    worth === "inherited" || worth === "incomplete"
      ? "no run touches it: choose another name, or rename or delete it yourself"
      : differing.length > 0
        ? `choose another name, declare it as it is, or delete it: images info ${backendOf(address)} shows it; --adopt takes no image that differs`
        : "pass --adopt to manage it from here, or choose another name";
  return { action: "block", address, because: "foreign", text, hint };
}

/** Another's image has the name, or the very bytes, that the image of the address is to have from now on. */
export function contested({ address, sameBytes }: DecisionInput, rival: LiveImage): Step {
  const { id, name } = rival;
  const owner = ownerOf(rival);
  const text = sameBytes
    ? `an image with the new bytes already exists as ${id}${name === undefined ? "" : ` (${name})`}, which ${owner}`
    : `the name ${name ?? id} is held by ${id}, which ${owner}`;
  const hint = sameBytes
    ? `delete that image, or manage it instead of this one: images state rm ${address}, then images import ${address} ${id}`
    : "remove the name from that image, or choose another name";
  return { action: "block", address, because: "foreign", text, hint };
}

function ownerOf(rival: LiveImage): string {
  const { marker } = rival;
  const worth = markerStatus(rival);
  const isCopy = worth === "inherited";
  return marker === undefined || worth === "unsigned"
    ? "is unmanaged"
    : isCopy
      ? `has an inherited marker (it is a copy of the image ${marker.owner} of ${marker.file})`
      : worth === "incomplete"
        ? `is incomplete (an interrupted run for ${marker.owner} of ${marker.file})`
        : `is managed by ${marker.file} as ${marker.owner}`;
}

/** The image of this file and address exists, but this state has no record of it, and it is not as declared. */
export function otherState(
  address: DecisionInput["address"],
  image: LiveImage,
  differing: string,
  hint = "restore that state, or pass --adopt once to adopt the image into this one (nothing else is changed in that run)",
): Step {
  const lineage = image.marker?.lineage === undefined ? "" : ` (lineage ${image.marker.lineage})`;
  return {
    action: "block",
    address,
    because: "foreign",
    text: `${image.id} was made by another state${lineage} and is not as declared: ${differing}`,
    hint,
  };
}

/** The state of another lineage has marked the image that this state knows by its id. */
export function taken(address: DecisionInput["address"], image: LiveImage): Step {
  const { file, owner, lineage } = image.marker ?? { file: "?", owner: address, lineage: "?" };
  return {
    action: "block",
    address,
    because: "foreign",
    text: `${image.id} is now managed by another state: ${file} as ${owner} (lineage ${lineage ?? "unknown"})`,
    hint: `remove it from one of the two states: images state rm ${address}`,
  };
}

/** Several images could be the one of the address: nothing is chosen. */
export function ambiguous(address: DecisionInput["address"], images: readonly LiveImage[]): Step {
  const ids = images.map(({ id }) => id);
  const what = images.every(({ marker }) => marker === undefined) ? "have its name" : "have the marker of this address";
  return {
    action: "block",
    address,
    because: "foreign",
    text: `${ids.length} images ${what}, and none of them is in the state: ${ids.join(", ")}`,
    hint: `choose one: images import ${address} ${ids[0]}`,
  };
}

/** An interrupted creation that this state knows nothing of. */
export function incomplete(address: DecisionInput["address"], { id }: LiveImage): Step {
  return {
    action: "block",
    address,
    because: "foreign",
    text: `${id} is incomplete: a run of another state that creates this image was interrupted or is still active`,
    hint: `wait for that run; if it no longer exists, delete ${id} on the backend`,
  };
}

/** The id that the file chooses is given already: to the image that would be replaced, or to another one. */
export function takenId(
  { address, idHolder, leftovers }: DecisionInput,
  { chosenId }: DesiredImage,
  found: LiveImage | undefined,
  reasons: string,
): Step | undefined {
  if (chosenId === undefined) return undefined;
  if (found !== undefined && (found.id === chosenId || found.id === idHolder?.id))
    return {
      action: "block",
      address,
      because: "refused",
      text: `would have to be replaced (${reasons}), and its id ${chosenId} cannot be given to another image, even after the deletion of this one`,
      hint: "choose another id, or take the id out of the file",
    };
  if (idHolder === undefined || leftovers.includes(idHolder.id)) return undefined;
  const { id, name } = idHolder;
  return {
    action: "block",
    address,
    because: "foreign",
    text: `the id ${id} belongs to ${name ?? "another image"}, which ${ownerOf(idHolder)}`,
    hint: `choose another id, or manage that image: images import ${address} ${id}`,
  };
}

/** The backend would not take it. */
export function limits({ address }: DecisionInput, { complaints, resource }: DesiredImage): Step {
  const [first] = complaints.filter(({ severity }) => severity !== "warning");
  const at = first?.attribute === undefined ? resource.at : (resource.places[first.attribute] ?? resource.at);
  const text = `${first?.message ?? "breaks a limit of the backend"} (${showPosition(at)})`;
  return {
    action: "block",
    address,
    because: "limits",
    text,
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
  };
}

/** A new image would have to be made, and its origin could not be looked at, or gives nothing now. */
export function unreachable(
  address: DecisionInput["address"],
  { originFailure, unavailable }: DesiredImage,
): Step | undefined {
  const why = originFailure === undefined ? unavailable : { text: originFailure.message, hint: originFailure.hint };
  if (why === undefined) return undefined;
  const { text, hint } = why;
  return { action: "block", address, because: "source", text, ...(hint === undefined ? {} : { hint }) };
}

/** The backend of an image that the state has is not declared any more. */
export const orphan = (address: Address, name: BackendName): Step => ({
  action: "block",
  address,
  because: "missing",
  text: `its backend ${name} is no longer in the configuration, so its images cannot be read`,
  hint: `put [backend.${name}] back, or remove it from the state: images state rm '${name}/*'`,
});
