import { shortDigest } from "../model/digest.ts";
import type { Change, Step } from "../model/plan.ts";
import type { Content } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import { canonical } from "../model/value.ts";
import { compareContent } from "../source/content.ts";
import { ambiguous, contested, foreign, incomplete, limits, taken } from "./blocked.ts";
import { type Diff, diff, missingIn } from "./diff.ts";
import { carries, differs, liveOf } from "./key.ts";
import { leave } from "./leave.ts";
import type { Image, Sight, Want } from "./sight.ts";
import { bearing, isRecorded } from "./standing.ts";
import { unrecorded } from "./unrecorded.ts";

/** One address to one step: the whole decision, pure. Undefined: there is nothing to do and nothing to keep. */
export function decide(sight: Sight): Step | undefined {
  const step =
    sight.want === undefined || sight.absent || sight.mode === "destroy" ? leave(sight) : bring(sight, sight.want);
  if (step === undefined) return undefined;
  const leftovers = sight.leftovers.filter((id) => !("id" in step) || id !== step.id);
  return {
    ...step,
    ...(sight.previous === undefined ? {} : { previous: sight.previous }),
    ...(sight.after.length === 0 ? {} : { after: sight.after }),
    ...(leftovers.length === 0 || step.action === "block" || step.action === "forget" ? {} : { leftovers }),
  };
}

/** The image is wanted. */
function bring(sight: Sight, want: Want): Step {
  const { address, have, rival } = sight;
  const fatal = want.complaints.filter(({ severity }) => severity !== "warning");
  if (sight.ambiguous.length > 1) return ambiguous(address, sight.ambiguous);
  if (have === undefined && sight.incomplete !== undefined) return incomplete(address, sight.incomplete);
  if (have !== undefined && sight.standing === "taken") return taken(address, have);
  const found = have ?? (sight.adopt ? (rival ?? sight.namesake) : undefined);
  if (found === undefined) {
    if (rival !== undefined) return foreign(address, rival, "");
    if (fatal.length > 0) return limits(sight, want);
    return make(sight, want);
  }
  if (have !== undefined && rival !== undefined) return contested(sight, rival);
  if (have === undefined || !isRecorded(sight.standing)) return unrecorded(sight, want, found);
  return managed(sight, want, have, fatal.length > 0);
}

/** The image is the one that the state has. */
function managed(sight: Sight, want: Want, found: Image, tooMuch: boolean): Step {
  const { address, known } = sight;
  const recorded = recordedOf(known, found);
  const compared = diff(want.schema, {
    have: found.attributes,
    want: want.resource.want,
    recorded: recorded?.want,
    usual: found.usual,
    ignore: want.resource.lifecycle.ignoreChanges,
  });
  if (compared.refused.length > 0) {
    const text = `cannot be changed once the image is there: ${compared.refused.join(", ")}`;
    return {
      action: "block",
      address,
      because: "refused",
      text,
      hint: "put the former value back, or replace the image with --replace",
    };
  }
  const content = changedContent(want, found, recorded);
  const changes = [...changesOf(want, found, compared), ...(content === undefined ? [] : [content])];
  const because = [...changes.filter(({ forces }) => forces === "replace").map(({ name }) => name)];
  const isOld = known?.status === "replacing" && known.id === found.id;
  if (sight.replace || (isOld && known.requested === true)) because.push("requested");
  else if (isOld && known.former === undefined) because.push("interrupted");
  if (because.length > 0) return renew(sight, want, found, changes, because, tooMuch);
  return align(sight, want, found, changes, known?.status === "ready" && known.id === found.id);
}

/** What differs; an origin that is only written in another way asks for no new image, where the image is the very one that it stands for. */
function changesOf({ content, originNames = [] }: Want, found: Image, { changes }: Diff): readonly Change[] {
  const isIt = liveOf(content, found) === content?.digest && content?.digest !== undefined;
  const rest = changes.map((one) =>
    isIt && originNames.includes(one.name) ? { ...one, forces: "update" as const } : one,
  );
  return [...rest, ...missingIn(found)];
}

/** What an image was wanted to be, and made from, when it was recorded. */
type Before = Pick<Recorded & { status: "ready" }, "want" | "content" | "digests">;

/** Of an interrupted replace, the old image is compared with what was recorded before that began. */
function recordedOf(known: Recorded | undefined, { id }: Image): Before | undefined {
  if (known?.id !== id) return undefined;
  if (known.status === "ready") return known;
  return known.status === "replacing" ? known.former : undefined;
}

/** There is no image yet. */
function make({ address, known }: Sight, want: Want): Step {
  const { resource, content, transfer, blind } = want;
  if (blind !== undefined)
    return {
      action: "block",
      address,
      because: "source",
      text: blind.message,
      ...(blind.hint === undefined ? {} : { hint: blind.hint }),
    };
  if (resource.lifecycle.existing || !want.origin) {
    const text = "is not there, and nothing says what to make it from";
    return {
      action: "block",
      address,
      because: "missing",
      text,
      hint: `give it a source, or import it: images import ${address} ID`,
    };
  }
  const { changes } = diff(want.schema, { have: undefined, want: resource.want });
  const because = known === undefined ? "declared" : known.status === "ready" ? "vanished" : "unfinished";
  return {
    action: "create",
    address,
    changes,
    because,
    making: { ...(content === undefined ? {} : { content }), transfer },
  };
}

/** What is there has to be replaced by a new image. */
function renew(
  sight: Sight,
  want: Want,
  found: Image,
  changes: readonly Change[],
  because: readonly string[],
  tooMuch: boolean,
): Step {
  const { address } = sight;
  const reasons = because.join(", ");
  if (want.resource.lifecycle.protect) {
    const text = `is protected, and would have to be replaced (${reasons})`;
    return { action: "block", address, because: "protected", text, hint: "set protect = false for this change" };
  }
  if (want.blind !== undefined)
    return {
      action: "block",
      address,
      because: "source",
      text: want.blind.message,
      ...(want.blind.hint === undefined ? {} : { hint: want.blind.hint }),
    };
  if (want.resource.lifecycle.existing || !want.origin) {
    const text = `would have to be replaced (${reasons}), and nothing says what to make it from`;
    return {
      action: "block",
      address,
      because: "missing",
      text,
      hint: "give it a source, or put the former values back",
    };
  }
  if (tooMuch) return limits(sight, want);
  const order = want.resource.lifecycle.replace ?? want.order(found.attributes);
  const making = { ...(want.content === undefined ? {} : { content: want.content }), transfer: want.transfer };
  return { action: "replace", address, id: found.id, changes, because, order, making };
}

/** What is there can stay; its attributes may change in place. */
function align(sight: Sight, want: Want, found: Image, changes: readonly Change[], isKnown: boolean): Step {
  const { address } = sight;
  const { id } = found;
  if (!isKnown) {
    const content = want.content === undefined ? {} : { content: want.content };
    return { action: "adopt", address, id, changes, because: "mark", ...content };
  }
  const marked = remark(want, found);
  const all = marked === undefined ? changes : [...changes, marked];
  if (all.length > 0 || sight.leftovers.length > 0 || changesProtection(sight, want))
    return { action: "update", address, id, changes: all };
  const content = seenAgain(sight.known, want);
  return { action: "keep", address, id, ...(content === undefined ? {} : { content }) };
}

/** The same bytes, but the state should know something new of where they come from: a touched file, another mirror. */
function seenAgain(known: Recorded | undefined, { content }: Want): Content | undefined {
  if (known?.content === undefined || content === undefined || compareContent(known.content, content).kind !== "same")
    return undefined;
  const merged = { ...known.content, ...content };
  return canonical(merged) === canonical(known.content) ? undefined : merged;
}

/** `protect` and `on_remove` live in the state: a change of them alone is one too. */
const changesProtection = ({ known }: Sight, { resource: { lifecycle } }: Want): boolean =>
  known !== undefined && (known.protect !== lifecycle.protect || known.onRemove !== lifecycle.onRemove);

/** The mark has to be written (again): somebody took it off, or the address has another name now. */
function remark({ mark }: Want, found: Image): Change | undefined {
  if (mark === undefined || carries(found, mark)) return undefined;
  const after = { kind: "value", value: mark.owner } as const;
  const worth = bearing(found);
  if (found.mark === undefined || worth === "none") return { kind: "add", name: "marker", after, forces: "update" };
  const value = worth === "genuine" ? found.mark.owner : `${found.mark.owner} (${worth})`;
  return { kind: "edit", name: "marker", before: { kind: "value", value }, after, forces: "update" };
}

/** The bytes are to be others than those that the image was made from. */
function changedContent(want: Want, found: Image, recorded: Before | undefined): Change | undefined {
  if (want.resource.lifecycle.ignoreChanges.includes("content")) return undefined;
  const edit = (before: string, after: string): Change => ({
    kind: "edit",
    name: "content",
    before: { kind: "value", value: before },
    after: { kind: "value", value: after },
    forces: "replace",
  });
  if (recorded?.digests !== undefined && found.digests !== undefined) {
    for (const [algorithm, digest] of Object.entries(recorded.digests)) {
      const now = found.digests[algorithm as keyof typeof found.digests];
      if (now !== undefined && now !== digest) return edit(`${now} (changed on the backend)`, digest);
    }
  }
  if (want.content === undefined) return undefined;
  // Of an origin of the backend's own the digest is that of the image itself.
  const [live, { digest }] = [liveOf(want.content, found), want.content];
  if (live !== undefined && digest !== undefined)
    return live === digest ? undefined : edit(shortDigest(live), shortDigest(digest));
  if (recorded?.content !== undefined) {
    const compared = compareContent(recorded.content, want.content);
    return compared.kind === "changed" ? edit(compared.before, compared.after) : undefined;
  }
  const [before, after] = [found.mark?.content, want.mark?.content];
  if (before !== undefined && after !== undefined && differs(before, after)) return edit(before, after);
  return undefined;
}
