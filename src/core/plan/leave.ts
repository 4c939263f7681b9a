import type { Step } from "../model/plan.ts";
import { foreign } from "./blocked.ts";
import type { Sight } from "./sight.ts";

/** The image is not wanted, or not any more. */
export function leave(sight: Sight): Step | undefined {
  const { address, known, want, mode, removed, rival, uses } = sight;
  const have = sight.have ?? (sight.absent && sight.adopt ? (rival ?? sight.namesake) : undefined);
  const because =
    mode === "destroy" ? "destroy" : want !== undefined ? "absent" : removed === "destroy" ? "removed" : "undeclared";
  if (removed === "keep") return known === undefined ? undefined : { action: "forget", address, because: "removed" };
  // What never became an image, or is none any more, goes as well: nobody would look for it once the address is forgotten.
  const [left] = sight.leftovers;
  const isUnfinished = known !== undefined && known.status !== "ready";
  if (have === undefined && left !== undefined && isUnfinished) return { action: "delete", address, id: left, because };
  const id = have?.id ?? left;
  if (id === undefined) {
    if (known !== undefined) return { action: "forget", address, because: "vanished" };
    if (rival === undefined || because !== "absent") return undefined;
    return foreign(address, rival, "it is to be absent, but");
  }
  const lifecycle = want?.resource.lifecycle;
  if (lifecycle === undefined ? known?.protect === true : lifecycle.protect) {
    const where =
      want === undefined ? "in the state (taking its block out of the file does not lift that)" : "in the file";
    const text = `is protected ${where}, and would be deleted`;
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
  if (uses !== undefined) {
    const text = `is in use (${uses}), so it is not deleted`;
    return { action: "block", address, because: "refused", text, hint: 'free it, or say on_remove = "forget"' };
  }
  if (how === "hide" || how === "deactivate")
    return { action: "retire", address, id, how, because: because === "removed" ? "undeclared" : because };
  return { action: "delete", address, id, because };
}
