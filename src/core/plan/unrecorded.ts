import type { Step } from "../model/plan.ts";
import { foreign, otherState } from "./blocked.ts";
import { compareBytes } from "./compare.ts";
import { diff } from "./diff.ts";
import type { DecisionInput, DesiredImage, LiveImage } from "./input.ts";
import { adoptedContent } from "./merged-content.ts";
import { markerStatus } from "./ownership.ts";

/**
 * An image that the state has no record of, and that is to become the image of the address: adopted where it is as declared, else
 * blocked. It is never replaced and never deleted in the same run. Pure.
 */
export function unrecorded(input: DecisionInput, want: DesiredImage, found: LiveImage): Step {
  const { address } = input;
  const worth = markerStatus(found);
  if (worth === "inherited" || worth === "incomplete") return foreign(address, found, "");
  const isOwn = input.have === found && input.ownership === "claimable";
  const isElsewhere = worth === "genuine" && !isOwn;
  const { changes, bytes, differing } = compared(input, want, found);
  if (isElsewhere && !input.adopt) return foreign(address, found, "", differing);
  if (differing.length > 0) {
    if (isOwn) return input.adopt ? adoptOnlyStep(input, found) : otherState(address, found, differing.join("; "));
    return {
      action: "block",
      address,
      because: "foreign",
      text: `${found.name ?? found.id} (${found.id}) is unmanaged and differs (${differing.join("; ")})`,
      hint: "declare it as it is, or delete it first: a run never adopts and replaces an image",
    };
  }
  const content = adoptedContent(want, found);
  const isImport = want.importId !== undefined && input.known === undefined;
  return {
    action: "adopt",
    address,
    id: found.id,
    changes,
    because: isImport ? "import" : isOwn ? "mark" : "adopt",
    ...(content === undefined ? {} : { content }),
    ...(input.kept.length === 0 ? {} : { kept: input.kept }),
    ...(bytes?.kind === "unknown" && want.content !== undefined ? { uncompared: bytes.text } : {}),
  };
}

/** What of an image is not as declared, and could only become so by replacing it. */
export const differences = (input: DecisionInput, want: DesiredImage, found: LiveImage): readonly string[] =>
  compared(input, want, found).differing;

function compared(input: DecisionInput, want: DesiredImage, found: LiveImage) {
  const { changes, refused } = diff(want.schema, {
    have: found.attributes,
    want: want.resource.want,
    ignore: want.resource.lifecycle.ignoreChanges,
    later: want.pendingReferences ?? [],
  });
  const isTheirs = want.maintained === true || want.resource.lifecycle.ignoreChanges.includes("content");
  const bytes = isTheirs ? undefined : compareBytes(want, found);
  const differing = [
    ...refused,
    ...changes.filter(({ forces }) => forces === "replace").map(({ name }) => name),
    ...(bytes?.kind === "differ" ? [bytes.text] : []),
    ...(input.replace ? ["--replace"] : []),
  ];
  return { changes, bytes, differing };
}

/** Taken into the state as it is; what differs is the next plan's. */
export const adoptOnlyStep = ({ address, kept }: DecisionInput, { id }: LiveImage): Step => ({
  action: "adopt",
  address,
  id,
  changes: [],
  because: "adopt",
  hold: true,
  ...(kept.length === 0 ? {} : { kept }),
});
