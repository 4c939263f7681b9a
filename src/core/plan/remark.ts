import type { Change } from "../model/plan.ts";
import { carries } from "./key.ts";
import type { LiveImage, Want } from "./sight.ts";
import { bearing } from "./standing.ts";

/** The marker has to be written (again): it was taken off, or the address has another name now. */
export function remark({ mark }: Want, found: LiveImage): Change | undefined {
  if (mark === undefined || carries(found, mark)) return undefined;
  const after = { kind: "value", value: mark.owner } as const;
  const worth = bearing(found);
  if (found.mark === undefined || worth === "none") return { kind: "add", name: "marker", after, forces: "update" };
  const value = worth === "genuine" ? found.mark.owner : `${found.mark.owner} (${worth})`;
  return { kind: "edit", name: "marker", before: { kind: "value", value }, after, forces: "update" };
}
