import type { Step } from "../model/plan.ts";
import { ambiguous, foreign, otherState, taken } from "./blocked.ts";
import type { DecisionInput } from "./input.ts";
import { isRecorded, markerStatus } from "./ownership.ts";
import { adoptOnlyStep } from "./unrecorded.ts";

/** The image is not wanted, or not any more. */
export function decideUnwanted(input: DecisionInput): Step | undefined {
  const { address, known, want, mode, removed } = input;
  const because =
    mode === "destroy" ? "destroy" : want !== undefined ? "absent" : removed === "destroy" ? "removed" : "undeclared";
  if (removed === "keep") return known === undefined ? undefined : { action: "forget", address, because: "removed" };
  if (input.have !== undefined && input.ownership === "taken") return taken(address, input.have);
  const have = isRecorded(input.ownership) ? input.have : undefined;
  // What never became an image, or is none any more, goes as well: nobody would look for it once the address is forgotten.
  const [left] = input.leftovers;
  const isUnfinished = known !== undefined && known.status !== "ready";
  if (have === undefined && left !== undefined && isUnfinished) return { action: "delete", address, id: left, because };
  const id = have?.id ?? left;
  if (id === undefined) return known === undefined ? decideUnrecorded(input, because) : forgetVanished(input);
  const lifecycle = want?.resource.lifecycle;
  if (lifecycle === undefined ? known?.protect === true : lifecycle.protect) {
    const where = want === undefined ? "in the state (removing its block does not lift that)" : "in the file";
    const text = `deletion blocked: the image is protected ${where}`;
    return {
      action: "block",
      address,
      because: "protected",
      text,
      hint: "set protect = false and apply, then remove it",
    };
  }
  const how = lifecycle?.onRemove ?? known?.onRemove ?? "delete";
  if (how === "forget") return { action: "forget", address, because: "on_remove" };
  if (how === "hide" || how === "deactivate")
    return { action: "retire", address, id, how, because: because === "removed" ? "undeclared" : because };
  return { action: "delete", address, id, because };
}

/** The state has a record, and its image is gone. The kept versions of it are still there, and go as its image would have. */
function forgetVanished({ address, known }: DecisionInput): Step {
  const [oldest, ...rest] = known?.retained ?? [];
  if (oldest === undefined || known?.protect === true || known?.onRemove !== "delete")
    return { action: "forget", address, because: "vanished" };
  const leftovers = rest.length === 0 ? {} : { leftovers: rest.map(({ id }) => id) };
  return { action: "delete", address, id: oldest.id, because: "undeclared", ...leftovers };
}

/** A run that deletes everything adopts nothing. */
const ADOPT_FIRST = "restore that state, or adopt the image first, while it is declared: images apply --adopt";

/** The state has no record: nothing is deleted. An image that is in the way is named, and `--adopt` takes it into the state. */
function decideUnrecorded(
  input: DecisionInput,
  because: "destroy" | "absent" | "removed" | "undeclared",
): Step | undefined {
  const { address, have, rival, namesake, adopt } = input;
  if (input.ambiguous.length > 1) return ambiguous(address, input.ambiguous);
  if (have !== undefined && input.ownership === "claimable") {
    return adopt && because === "absent"
      ? adoptOnlyStep(input, have)
      : otherState(address, have, "it would be deleted", because === "absent" ? undefined : ADOPT_FIRST);
  }
  if (because !== "absent") return undefined;
  const other = adopt ? (rival ?? namesake) : undefined;
  const worth = other === undefined ? undefined : markerStatus(other);
  if (other !== undefined && worth !== "inherited" && worth !== "incomplete") return adoptOnlyStep(input, other);
  return rival === undefined ? undefined : foreign(address, rival, "it is to be absent, but");
}
