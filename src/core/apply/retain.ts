import type { ImageId } from "../model/name.ts";
import type { Had, Retained } from "../model/state.ts";
import { canRename, canRetire, canTellUse } from "../plugin.ts";
import type { Site } from "./site.ts";

/** What becomes of a replaced image: it goes, or is kept as one of the last few that `retain` says. */
export async function retire(site: Site, old: Had): Promise<{ retained?: readonly Retained[] }> {
  const { retain } = site.resource.lifecycle;
  const before = site.known?.retained ?? [];
  if (retain === undefined) {
    await site.remove(old.id);
    return before.length === 0 ? {} : { retained: before };
  }
  const now = site.means.now();
  const context = site.context(site.means.hard);
  if (canRename(site.backend)) await site.backend.rename(old.id, version(now), context);
  const content = site.known?.content ?? { where: "unknown" };
  const all = [...before, { id: old.id, content, replaced: now.toISOString(), status: "kept" } as const];
  const surplus = new Set(tooMany(all, retain.last, retain.minAge ?? 0, now));
  const kept: Retained[] = [];
  for (const one of all) {
    if (!surplus.has(one)) kept.push(one);
    else if (retain.then === "delete") {
      const uses = canTellUse(site.backend) ? await site.backend.usedBy(one.id, context) : undefined;
      if (uses === undefined) await site.remove(one.id);
      else {
        site.note(`${one.id} is kept although it is superseded: it is in use (${uses})`);
        kept.push(one);
      }
    } else if (one.status === "kept" && canRetire(site.backend)) {
      await site.backend.retire(one.id, retain.then, context);
      kept.push({ ...one, status: retain.then });
    } else kept.push(one);
  }
  return { retained: kept };
}

/** The versions beyond the newest `last` that are old enough to go. Pure. */
export function tooMany(all: readonly Retained[], last: number, minAge: number, now: Date): readonly Retained[] {
  const newestFirst = [...all].sort((a, b) => (a.replaced < b.replaced ? 1 : -1));
  const age = (one: Retained) => (now.getTime() - Date.parse(one.replaced)) / 1000;
  return newestFirst.slice(last).filter((one) => age(one) >= minAge);
}

/** 20261120T151500Z */
const version = (at: Date): string => `${at.toISOString().replace(/[-:]|\.\d+/g, "")}`;

/** Every image that goes with an address: for a delete. */
export const versions = (retained: readonly Retained[] | undefined): readonly ImageId[] =>
  (retained ?? []).map(({ id }) => id);
