import { showPlace } from "../model/place.ts";
import type { Step } from "../model/plan.ts";
import type { Image, Sight, Want } from "./sight.ts";

/** Somebody else's image is in the way. */
export function foreign(address: Sight["address"], rival: Image, lead: string): Step {
  const owner = rival.mark === undefined ? "is not ours" : `belongs to ${rival.mark.owner} of ${rival.mark.file}`;
  const text = `${lead} ${rival.name ?? rival.id} (${rival.id}) is there already and ${owner}`.trim();
  return { action: "block", address, because: "foreign", text, hint: "`--adopt` takes it over" };
}

/** The backend would not take it. */
export function limits({ address }: Sight, { complaints, resource }: Want): Step {
  const [first] = complaints.filter(({ severity }) => severity !== "warning");
  const at = first?.attribute === undefined ? resource.at : (resource.places[first.attribute] ?? resource.at);
  const text = `${first?.message ?? "breaks a limit of the backend"} (${showPlace(at)})`;
  return {
    action: "block",
    address,
    because: "limits",
    text,
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
  };
}
