import { canRename, canRetire } from "../abilities.ts";
import type { ImageId } from "../model/name.ts";
import type { Retained } from "../model/state.ts";
import { superseded, tooMany } from "../plan/deletions.ts";
import { plain } from "../plugin.ts";
import type { StepContext } from "./step-context.ts";
import { unchangedAttributes } from "./unchanged.ts";

/** What becomes of a replaced image: it goes, or is kept as one of the last few that `retain` says. Only what the plan names is deleted. */
export async function retireReplaced(ctx: StepContext, old: ImageId): Promise<{ retained?: readonly Retained[] }> {
  const { retain } = ctx.resource.lifecycle;
  const before = ctx.known?.retained ?? [];
  if (retain === undefined) {
    await ctx.remove(old);
    return before.length === 0 ? {} : { retained: before };
  }
  const now = ctx.run.now();
  const context = ctx.context(ctx.run.hard);
  if (canRename(ctx.backend)) await ctx.backend.rename(old, version(now), context, retain.name);
  const row = superseded(old, ctx.known, now);
  await markRetained(ctx, row);
  const all = [...before, row];
  const surplus = new Set(tooMany(all, retain.last, retain.minAge ?? 0, now).map(({ id }) => id));
  const kept: Retained[] = [];
  for (const one of all) {
    if (ctx.isDeletable(one.id)) await ctx.remove(one.id);
    else if (retain.then !== "delete" && surplus.has(one.id) && one.status === "kept" && canRetire(ctx.backend)) {
      await ctx.backend.retire(one.id, retain.then, context);
      kept.push({ ...one, status: retain.then });
    } else kept.push(one);
  }
  return { retained: kept };
}

/** The marker says that the image is a kept version, and since when: a lost state takes it back as one. */
export async function markRetained(ctx: StepContext, { id, content, replaced }: Retained): Promise<void> {
  const marker = ctx.markerFor(content);
  if (marker === undefined || ctx.isDeletable(id)) return;
  const context = ctx.context(ctx.run.hard, { desiredMarker: { ...marker, retained: replaced } });
  const image = await ctx.backend.read({ address: ctx.address, id }, context);
  if (image === undefined) return;
  const was = image.marker?.content ?? marker.content;
  const kept = ctx.context(ctx.run.hard, { desiredMarker: { ...marker, content: was, retained: replaced } });
  await ctx.backend.update(image, unchangedAttributes(ctx, plain(image.attributes)), [], kept);
}

/** 20261120T151500Z */
const version = (at: Date): string => `${at.toISOString().replace(/[-:]|\.\d+/g, "")}`;
