import type { ImageId } from "../model/name.ts";
import type { Deletion, Step } from "../model/plan.ts";
import type { Recorded, Retained } from "../model/state.ts";
import type { DesiredImage } from "./input.ts";

/** Every image that a step deletes. Pure; a run deletes these, and what it made itself, and nothing else. */
export function deletionsOf(
  step: Step,
  known: Recorded | undefined,
  want: DesiredImage | undefined,
  now: Date,
): readonly Deletion[] {
  const leftovers = (step.leftovers ?? []).map((id): Deletion => ({ id, why: "leftover" }));
  switch (step.action) {
    case "delete":
      return distinct([
        { id: step.id, why: "removed" },
        ...leftovers,
        ...(known?.retained ?? []).map(({ id }): Deletion => ({ id, why: "superseded" })),
      ]);
    case "replace":
      return distinct([...leftovers, ...replaced(step.id, known, want, now)]);
    case "create":
    case "adopt":
    case "update":
      return distinct(leftovers);
    case "keep":
    case "verify":
    case "retire":
    case "forget":
    case "block":
      return [];
    default:
      return step satisfies never;
  }
}

/** What goes with a replace: the old image, or the kept versions that are too many once it is one of them. */
function replaced(
  old: ImageId,
  known: Recorded | undefined,
  want: DesiredImage | undefined,
  now: Date,
): readonly Deletion[] {
  const retain = want?.resource.lifecycle.retain;
  if (retain === undefined) return [{ id: old, why: "replaced" }];
  if (retain.then !== "delete") return [];
  const all: readonly Retained[] = [...(known?.retained ?? []), superseded(old, known, now)];
  return tooMany(all, retain.last, retain.minAge ?? 0, now).map(({ id }) => ({ id, why: "superseded" }));
}

/** The old image of a replace as a kept version. */
export const superseded = (id: ImageId, known: Recorded | undefined, now: Date): Retained => ({
  id,
  content: (known?.status === "replacing" ? known.former?.content : known?.content) ?? { where: "unknown" },
  replaced: now.toISOString(),
  status: "kept",
});

/** The versions beyond the newest `last` that are old enough to go. Pure. */
export function tooMany(all: readonly Retained[], last: number, minAge: number, now: Date): readonly Retained[] {
  const newestFirst = [...all].sort((a, b) => (a.replaced < b.replaced ? 1 : -1));
  const age = (one: Retained) => (now.getTime() - Date.parse(one.replaced)) / 1000;
  return newestFirst.slice(last).filter((one) => age(one) >= minAge);
}

const distinct = (all: readonly Deletion[]): readonly Deletion[] =>
  [...new Map(all.toReversed().map((one) => [one.id, one])).values()].toReversed();

/** What stands against deleting an image. */
interface Obstacles {
  /** What uses it, in words, by id. */
  readonly uses: ReadonlyMap<ImageId, string>;
  /** Protected on the backend. */
  readonly protected: ReadonlySet<ImageId>;
}

/**
 * The step with the deletions that can be done: a superseded version that cannot be deleted stays one, with a warning; a step that needs
 * the deletion is blocked. Pure.
 */
export function guarded(
  step: Step,
  obstacles: Obstacles,
): { readonly step: Step; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const deletes: Deletion[] = [];
  for (const one of step.deletes ?? []) {
    const why = obstacle(one.id, obstacles);
    if (why === undefined) deletes.push(one);
    else if (one.why === "superseded" && step.action !== "delete")
      warnings.push(`${step.address}: the superseded version ${one.id} is kept: ${why.text}`);
    else return { step: refused(step, one, why), warnings };
  }
  const { deletes: _, ...rest } = step;
  return { step: deletes.length === 0 ? rest : { ...rest, deletes }, warnings };
}

interface Obstacle {
  readonly because: "protected" | "refused";
  readonly text: string;
  readonly hint: string;
}

function obstacle(id: ImageId, { uses, protected: kept }: Obstacles): Obstacle | undefined {
  if (kept.has(id))
    return {
      because: "protected",
      text: "the image is protected on the backend",
      hint: "remove the protection there, or set protected = false and apply, then apply again",
    };
  const use = uses.get(id);
  if (use === undefined) return undefined;
  return {
    because: "refused",
    text: use,
    hint: 'stop using it, keep it with retain, or set on_remove = "forget"',
  };
}

const refused = ({ address }: Step, { id }: Deletion, { because, text, hint }: Obstacle): Step => ({
  action: "block",
  address,
  because,
  text: `deletion of ${id} blocked: ${text}`,
  hint,
});
