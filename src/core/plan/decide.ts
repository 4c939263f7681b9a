import type { Change, Step, Verification } from "../model/plan.ts";
import type { Content } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import { ambiguous, contested, foreign, incomplete, limits, taken, takenId, unreachable } from "./blocked.ts";
import { liveOf } from "./content-key.ts";
import { type Diff, diff, missingIn } from "./diff.ts";
import { type Evidence, evidenceOf } from "./evidence.ts";
import type { DecisionInput, DesiredImage, LiveImage } from "./input.ts";
import { markerChange } from "./marker-change.ts";
import { adoptedContent, seenAgain } from "./merged-content.ts";
import { isRecorded } from "./ownership.ts";
import { differences, unrecorded } from "./unrecorded.ts";
import { decideUnwanted } from "./unwanted.ts";

/** One address to one step: the whole decision, pure. Undefined: there is nothing to do and nothing to keep. */
export function decide(input: DecisionInput): Step | undefined {
  const { want, absent, mode } = input;
  const step = want === undefined || absent || mode === "destroy" ? decideUnwanted(input) : decideWanted(input, want);
  if (step === undefined) return undefined;
  if (input.previous === undefined && input.after.length === 0 && input.leftovers.length === 0) return step;
  // What is left under an id that can be given only once is filled, not deleted.
  const filled = step.action === "create" || step.action === "replace" ? input.idHolder?.id : undefined;
  const leftovers = input.leftovers.filter((id) => id !== filled && (!("id" in step) || id !== step.id));
  return {
    ...step,
    ...(input.previous === undefined ? {} : { previous: input.previous }),
    ...(input.after.length === 0 ? {} : { after: input.after }),
    ...(leftovers.length === 0 || step.action === "block" || step.action === "forget" ? {} : { leftovers }),
  };
}

/** The image is wanted. */
function decideWanted(input: DecisionInput, want: DesiredImage): Step {
  const { address, have, rival } = input;
  const fatal = want.complaints.filter(({ severity }) => severity !== "warning");
  if (input.ambiguous.length > 1) return ambiguous(address, input.ambiguous);
  if (have === undefined && input.incomplete !== undefined) return incomplete(address, input.incomplete);
  if (have !== undefined && input.ownership === "taken") return taken(address, have);
  const found = have ?? (input.adopt ? (rival ?? input.namesake) : undefined);
  if (found === undefined) {
    if (rival !== undefined) return foreign(address, rival, "", differences(input, want, rival));
    if (fatal.length > 0) return limits(input, want);
    return createStep(input, want);
  }
  if (have !== undefined && rival !== undefined) return contested(input, rival);
  if (have === undefined || !isRecorded(input.ownership)) return unrecorded(input, want, found);
  return decideManaged(input, want, have, fatal.length > 0);
}

/** The image is the one that the state has. */
function decideManaged(input: DecisionInput, want: DesiredImage, found: LiveImage, tooMuch: boolean): Step {
  const { address, known } = input;
  const recorded = recordedOf(known, found);
  const compared = diff(want.schema, {
    have: found.attributes,
    want: want.resource.want,
    recorded: recorded?.want,
    usual: found.usual,
    ignore: [...want.resource.lifecycle.ignoreChanges, ...(want.missingReferences ?? [])],
    defaults: want.defaults,
    later: want.pendingReferences ?? [],
  });
  if (compared.refused.length > 0) {
    const text = `cannot be changed after creation: ${compared.refused.join(", ")}`;
    return {
      action: "block",
      address,
      because: "refused",
      text,
      hint: "restore the previous value, or replace the image with --replace",
    };
  }
  const evidence = evidenceOf(want, found, recorded);
  const isWeak = evidence.kind === "changed" && evidence.isWeak;
  const content = evidence.kind === "changed" ? contentChange(evidence) : undefined;
  const differing = changesOf(want, found, compared);
  const because = [
    ...differing.filter(({ forces }) => forces === "replace").map(({ name }) => name),
    ...(content === undefined ? [] : ["content"]),
  ];
  const changes = content === undefined ? differing : [...differing, content];
  if (tooMuch && changes.some(({ name }) => want.complaints.some(({ attribute }) => attribute === name)))
    return limits(input, want);
  const isOld = known?.status === "replacing" && known.id === found.id;
  if (input.replace || (isOld && known.requested === true)) because.push("requested");
  else if (isOld && known.former === undefined) because.push("interrupted");
  const isContentAlone = because.length === 1 && isWeak && known?.status === "ready";
  const isKnown = known?.status === "ready" && known.id === found.id;
  if (isContentAlone && want.resource.lifecycle.protect) {
    const why = `its source has changed (${shownChange(evidence)}), and the image is protected`;
    return updateStep(input, want, found, differing, isKnown, why);
  }
  if (because.length > 0) return replaceStep(input, want, found, { changes, because, isContentAlone, tooMuch });
  return updateStep(input, want, found, differing, isKnown, evidence.kind === "unknown" ? evidence.why : undefined);
}

/** What differs; an origin that is only written in another way asks for no new image, where the image is the very one that it means. */
function changesOf(want: DesiredImage, found: LiveImage, { changes }: Diff): readonly Change[] {
  const { content, originNames = [] } = want;
  const isIt = liveOf(content, found) === content?.digest && content?.digest !== undefined;
  const rest = changes.map((one) =>
    isIt && originNames.includes(one.name) ? { ...one, forces: "update" as const } : one,
  );
  return [...rest, ...missingIn(found)];
}

/** What an image was wanted to be, and made from, when it was recorded. */
type Before = Pick<Recorded & { status: "ready" }, "want" | "content" | "digests" | "upstream">;

/** Of an interrupted replace, the old image is compared with what was recorded before that began. */
function recordedOf(known: Recorded | undefined, { id }: LiveImage): Before | undefined {
  if (known?.id !== id) return undefined;
  if (known.status === "ready") return known;
  return known.status === "replacing" ? known.former : undefined;
}

/** There is no image yet. */
function createStep(input: DecisionInput, want: DesiredImage): Step {
  const { address, known } = input;
  const { resource, content, transfer } = want;
  const blocked = unreachable(address, want) ?? takenId(input, want, undefined, "");
  if (blocked !== undefined) return blocked;
  if (resource.lifecycle.existing || !want.hasOrigin) {
    const text = "does not exist and has no origin";
    return {
      action: "block",
      address,
      because: "missing",
      text,
      hint: `set a source, or import it: images import ${address} ID`,
    };
  }
  const { changes } = diff(want.schema, { have: undefined, want: resource.want, later: want.pendingReferences ?? [] });
  const because = known === undefined ? "declared" : known.status === "ready" ? "vanished" : "unfinished";
  return {
    action: "create",
    address,
    changes,
    because,
    making: { ...(content === undefined ? {} : { content }), transfer },
  };
}

/** What exists has to be replaced by a new image. */
function replaceStep(
  input: DecisionInput,
  want: DesiredImage,
  found: LiveImage,
  {
    changes,
    because,
    isContentAlone,
    tooMuch,
  }: {
    changes: readonly Change[];
    because: readonly string[];
    /** Nothing but weak evidence of other bytes makes the replace: they are compared before it begins. */
    isContentAlone: boolean;
    tooMuch: boolean;
  },
): Step {
  const { address } = input;
  const reasons = because.join(", ");
  if (want.resource.lifecycle.protect) {
    const text = `replacement blocked: the image is protected (${reasons})`;
    return { action: "block", address, because: "protected", text, hint: "set protect = false for this change" };
  }
  const blocked = unreachable(address, want) ?? takenId(input, want, found, reasons);
  if (blocked !== undefined) return blocked;
  if (want.resource.lifecycle.existing || !want.hasOrigin) {
    const text = `would have to be replaced (${reasons}) and has no origin`;
    return {
      action: "block",
      address,
      because: "missing",
      text,
      hint: "set a source, or restore the previous values",
    };
  }
  if (tooMuch) return limits(input, want);
  const order = want.resource.lifecycle.replace ?? want.order(found.attributes);
  const making = { ...(want.content === undefined ? {} : { content: want.content }), transfer: want.transfer };
  const unless = isContentAlone ? ({ unlessSame: true } as const) : {};
  return { action: "replace", address, id: found.id, changes, because, order, making, ...unless };
}

/** What exists can stay; its attributes may change in place. `unknown`: why its bytes have to be compared with the declared ones. */
function updateStep(
  input: DecisionInput,
  want: DesiredImage,
  found: LiveImage,
  changes: readonly Change[],
  isKnown: boolean,
  unknown: string | undefined,
): Step {
  const { address, known } = input;
  const { id } = found;
  if (!isKnown) {
    const adopted = adoptedContent(want, found);
    const content = adopted === undefined ? {} : { content: adopted };
    return { action: "adopt", address, id, changes, because: "mark", ...content };
  }
  const marked = markerChange(want, found);
  const all = marked === undefined ? changes : [...changes, marked];
  const isUpdate = all.length > 0 || input.leftovers.length > 0 || changesProtection(input, want);
  if (unknown !== undefined && want.content !== undefined) {
    const verifies = verificationOf(want, want.content, known?.content, unknown);
    if (isUpdate) return { action: "update", address, id, changes: all, verifies };
    return { action: "verify", address, id, verifies };
  }
  const seen = seenAgain(known, want);
  const content = seen === undefined ? {} : { content: seen };
  if (isUpdate) return { action: "update", address, id, changes: all, ...content };
  return { action: "keep", address, id, ...content };
}

function verificationOf(
  { resource }: DesiredImage,
  content: Content,
  known: Content | undefined,
  why: string,
): Verification {
  const bytes = content.size ?? content.validators?.length ?? known?.size;
  const how = resource.source?.kind === "file" ? "read" : "download";
  return { content, why, how, ...(bytes === undefined ? {} : { bytes }) };
}

/** `protect` and `on_remove` live in the state: a change of them alone is one too. */
const changesProtection = ({ known }: DecisionInput, { resource: { lifecycle } }: DesiredImage): boolean =>
  known !== undefined && (known.protect !== lifecycle.protect || known.onRemove !== lifecycle.onRemove);

const contentChange = ({ before, after }: { readonly before: string; readonly after: string }): Change => ({
  kind: "edit",
  name: "content",
  before: { kind: "value", value: before },
  after: { kind: "value", value: after },
  forces: "replace",
});

const shownChange = (evidence: Evidence): string =>
  evidence.kind === "changed" ? `${evidence.before} -> ${evidence.after}` : evidence.kind;
