import { canRename, canRetire } from "../abilities.ts";
import type { ImageId } from "../model/name.ts";
import type { Retained } from "../model/state.ts";
import { superseded, tooMany } from "../plan/deletions.ts";
import { plain } from "../plugin.ts";
import { asItIs } from "./asitis.ts";
import type { StepContext } from "./site.ts";

/** What becomes of a replaced image: it goes, or is kept as one of the last few that `retain` says. Only what the plan names is deleted. */
export async function retire(site: StepContext, old: ImageId): Promise<{ retained?: readonly Retained[] }> {
  const { retain } = site.resource.lifecycle;
  const before = site.known?.retained ?? [];
  if (retain === undefined) {
    await site.remove(old);
    return before.length === 0 ? {} : { retained: before };
  }
  const now = site.means.now();
  const context = site.context(site.means.hard);
  if (canRename(site.backend)) await site.backend.rename(old, version(now), context, retain.name);
  const row = superseded(old, site.known, now);
  await markRetained(site, row);
  const all = [...before, row];
  const surplus = new Set(tooMany(all, retain.last, retain.minAge ?? 0, now).map(({ id }) => id));
  const kept: Retained[] = [];
  for (const one of all) {
    if (site.isDeletable(one.id)) await site.remove(one.id);
    else if (retain.then !== "delete" && surplus.has(one.id) && one.status === "kept" && canRetire(site.backend)) {
      await site.backend.retire(one.id, retain.then, context);
      kept.push({ ...one, status: retain.then });
    } else kept.push(one);
  }
  return { retained: kept };
}

/** The marker says that the image is a kept version, and since when: a lost state takes it back as one. */
export async function markRetained(site: StepContext, { id, content, replaced }: Retained): Promise<void> {
  const mark = site.mark(content);
  if (mark === undefined || site.isDeletable(id)) return;
  const context = site.context(site.means.hard, { mark: { ...mark, retained: replaced } });
  const image = await site.backend.read({ address: site.address, id }, context);
  if (image === undefined) return;
  const was = image.mark?.content ?? mark.content;
  const kept = site.context(site.means.hard, { mark: { ...mark, content: was, retained: replaced } });
  await site.backend.update(image, asItIs(site, plain(image.attributes)), [], kept);
}

/** 20261120T151500Z */
const version = (at: Date): string => `${at.toISOString().replace(/[-:]|\.\d+/g, "")}`;
