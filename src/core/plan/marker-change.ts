import type { Change } from "../model/plan.ts";
import { carries } from "./content-key.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { markerStatus } from "./ownership.ts";

/** The marker has to be written (again): it was taken off, or the address has another name now. */
export function markerChange({ marker }: DesiredImage, found: LiveImage): Change | undefined {
  if (marker === undefined || carries(found, marker)) return undefined;
  const after = { kind: "value", value: marker.owner } as const;
  const worth = markerStatus(found);
  if (found.marker === undefined || worth === "none") return { kind: "add", name: "marker", after, forces: "update" };
  const value = worth === "genuine" ? found.marker.owner : `${found.marker.owner} (${worth})`;
  return { kind: "edit", name: "marker", before: { kind: "value", value }, after, forces: "update" };
}
