import type { Step } from "../model/plan.ts";
import { foreign, otherState } from "./blocked.ts";
import { compareBytes } from "./compare.ts";
import { diff } from "./diff.ts";
import { adoptedContent } from "./evidence.ts";
import type { DecisionInput, LiveImage, Want } from "./sight.ts";
import { bearing } from "./standing.ts";

/**
 * An image that the state has no record of, and that is to become the image of the address: adopted where it is as declared, else
 * blocked. It is never replaced and never deleted in the same run. Pure.
 */
export function unrecorded(sight: DecisionInput, want: Want, found: LiveImage): Step {
  const { address } = sight;
  const worth = bearing(found);
  if (worth === "inherited" || worth === "incomplete") return foreign(address, found, "");
  const isOwn = sight.have === found && sight.standing === "claimable";
  const isElsewhere = worth === "genuine" && !isOwn;
  const { changes, bytes, differing } = compared(sight, want, found);
  if (isElsewhere && !sight.adopt) return foreign(address, found, "", differing);
  if (differing.length > 0) {
    if (isOwn) return sight.adopt ? held(sight, found) : otherState(address, found, differing.join("; "));
    return {
      action: "block",
      address,
      because: "foreign",
      text: `${found.name ?? found.id} (${found.id}) is unmanaged and differs (${differing.join("; ")})`,
      hint: "declare it as it is, or delete it first: a run never adopts and replaces an image",
    };
  }
  const content = adoptedContent(want, found);
  const isImport = want.importing !== undefined && sight.known === undefined;
  return {
    action: "adopt",
    address,
    id: found.id,
    changes,
    because: isImport ? "import" : isOwn ? "mark" : "adopt",
    ...(content === undefined ? {} : { content }),
    ...(sight.kept.length === 0 ? {} : { kept: sight.kept }),
    ...(bytes?.kind === "unknown" && want.content !== undefined ? { uncompared: bytes.text } : {}),
  };
}

/** What of an image is not as declared, and could only become so by replacing it. */
export const differences = (sight: DecisionInput, want: Want, found: LiveImage): readonly string[] =>
  compared(sight, want, found).differing;

function compared(sight: DecisionInput, want: Want, found: LiveImage) {
  const { changes, refused } = diff(want.schema, {
    have: found.attributes,
    want: want.resource.want,
    ignore: want.resource.lifecycle.ignoreChanges,
    later: want.later ?? [],
  });
  const isTheirs = want.maintained === true || want.resource.lifecycle.ignoreChanges.includes("content");
  const bytes = isTheirs ? undefined : compareBytes(want, found);
  const differing = [
    ...refused,
    ...changes.filter(({ forces }) => forces === "replace").map(({ name }) => name),
    ...(bytes?.kind === "differ" ? [bytes.text] : []),
    ...(sight.replace ? ["--replace"] : []),
  ];
  return { changes, bytes, differing };
}

/** Taken into the state as it is; what differs is the next plan's. */
export const held = ({ address, kept }: DecisionInput, { id }: LiveImage): Step => ({
  action: "adopt",
  address,
  id,
  changes: [],
  because: "adopt",
  hold: true,
  ...(kept.length === 0 ? {} : { kept }),
});
