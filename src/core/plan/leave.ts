import type { Step } from "../model/plan.ts";
import { ambiguous, foreign, otherState, taken } from "./blocked.ts";
import type { DecisionInput } from "./sight.ts";
import { bearing, isRecorded } from "./standing.ts";
import { held } from "./unrecorded.ts";

/** The image is not wanted, or not any more. */
export function leave(sight: DecisionInput): Step | undefined {
  const { address, known, want, mode, removed } = sight;
  const because =
    mode === "destroy" ? "destroy" : want !== undefined ? "absent" : removed === "destroy" ? "removed" : "undeclared";
  if (removed === "keep") return known === undefined ? undefined : { action: "forget", address, because: "removed" };
  if (sight.have !== undefined && sight.standing === "taken") return taken(address, sight.have);
  const have = isRecorded(sight.standing) ? sight.have : undefined;
  // What never became an image, or is none any more, goes as well: nobody would look for it once the address is forgotten.
  const [left] = sight.leftovers;
  const isUnfinished = known !== undefined && known.status !== "ready";
  if (have === undefined && left !== undefined && isUnfinished) return { action: "delete", address, id: left, because };
  const id = have?.id ?? left;
  if (id === undefined) return known === undefined ? unknown(sight, because) : gone(sight);
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
function gone({ address, known }: DecisionInput): Step {
  const [oldest, ...rest] = known?.retained ?? [];
  if (oldest === undefined || known?.protect === true || known?.onRemove !== "delete")
    return { action: "forget", address, because: "vanished" };
  const leftovers = rest.length === 0 ? {} : { leftovers: rest.map(({ id }) => id) };
  return { action: "delete", address, id: oldest.id, because: "undeclared", ...leftovers };
}

/** A run that deletes everything adopts nothing. */
const ADOPT_FIRST = "restore that state, or adopt the image first, while it is declared: images apply --adopt";

/** The state has no record: nothing is deleted. An image that is in the way is named, and `--adopt` takes it into the state. */
function unknown(sight: DecisionInput, because: "destroy" | "absent" | "removed" | "undeclared"): Step | undefined {
  const { address, have, rival, namesake, adopt } = sight;
  if (sight.ambiguous.length > 1) return ambiguous(address, sight.ambiguous);
  if (have !== undefined && sight.standing === "claimable") {
    return adopt && because === "absent"
      ? held(sight, have)
      : otherState(address, have, "it would be deleted", because === "absent" ? undefined : ADOPT_FIRST);
  }
  if (because !== "absent") return undefined;
  const other = adopt ? (rival ?? namesake) : undefined;
  const worth = other === undefined ? undefined : bearing(other);
  if (other !== undefined && worth !== "inherited" && worth !== "incomplete") return held(sight, other);
  return rival === undefined ? undefined : foreign(address, rival, "it is to be absent, but");
}
