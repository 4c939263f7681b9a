import { canRetire } from "../abilities.ts";
import { Failure } from "../failure.ts";
import type { Event } from "../model/event.ts";
import type { Observed } from "../model/image.ts";
import { backendOf, type ImageId } from "../model/name.ts";
import type { Drift, Step } from "../model/plan.ts";
import { withoutSensitive } from "../model/schema.ts";
import type { Content } from "../model/source.ts";
import type { Recorded } from "../model/state.ts";
import type { Attributes } from "../model/value.ts";
import { isSame } from "../model/value.ts";
import { carriedBy, withCarried } from "../plan/additions.ts";
import { carries, contentOfKey } from "../plan/content-key.ts";
import { defaultsOf, diff, missingIn } from "../plan/diff.ts";
import { withIds } from "../plan/references.ts";
import { resourceAt } from "../plan/resources.ts";
import { plain } from "../plugin.ts";
import type { Channel } from "../stream.ts";
import type { ApplyContext } from "./context.ts";
import { create, replace } from "./create.ts";
import { StepContext } from "./step-context.ts";
import { unchangedAttributes } from "./unchanged.ts";
import { compareWithSource, pinnedBy, readyRecord, sameText, verifyBytes } from "./verify-bytes.ts";

/** What came of a step. */
interface StepOutcome {
  /** The image that there is now. */
  readonly id?: ImageId;
  /** The bytes were read and are those of the image: it was kept. */
  readonly same?: true;
}

type Of<A extends Step["action"]> = Extract<Step, { action: A }>;

/**
 * Carries out one step: what is about to be done is on disk before each call that changes the backend, the id as soon as it is known,
 * and what came of it afterwards.
 * @throws what the backend threw, after everything that was begun has been taken back or written down.
 */
export async function runStep(step: Step, run: ApplyContext, events: Channel<Event>): Promise<StepOutcome> {
  if (step.action === "block") throw new Failure("plan.blocked", step.text, { hint: step.hint, address: step.address });
  if (step.action === "forget") {
    await run.records.put(step.address, undefined);
    return {};
  }
  if (step.action === "keep") return { id: step.id };
  const ctx = await StepContext.open(step.address, run, events, step.deletes);
  try {
    return await change(step, ctx);
  } finally {
    ctx.progress.end();
  }
}

async function change(step: Exclude<Step, Of<"keep" | "forget" | "block">>, ctx: StepContext): Promise<StepOutcome> {
  switch (step.action) {
    case "create":
      await removeLeftovers(step, ctx);
      return { id: await create(ctx, await ctx.origin(step.making.content)) };
    case "replace":
      return await replaceUnlessSame(step, ctx);
    case "verify": {
      const content = await verifyBytes(ctx, step.verifies, step.id);
      await ctx.put(withContent(readyRecord(ctx, step.id), content));
      return { id: step.id, same: true };
    }
    case "adopt":
    case "update": {
      const id = await updateInPlace(step, ctx);
      await removeLeftovers(step, ctx);
      return { id };
    }
    case "delete":
      await remove(step, ctx);
      return {};
    case "retire":
      if (!canRetire(ctx.backend)) throw new Failure("plan.retire", `${ctx.plugin.name} cannot ${step.how} an image`);
      await ctx.backend.retire(step.id, step.how, ctx.context(ctx.run.hard));
      await ctx.put(undefined);
      return {};
    default:
      return step satisfies never;
  }
}

/** A new image, unless the bytes turn out to be those of the old one where only a server's word of them had changed. */
async function replaceUnlessSame(step: Of<"replace">, ctx: StepContext): Promise<StepOutcome> {
  const planned = step.making.content;
  let making = step.making;
  if (step.unlessSame === true && planned !== undefined) {
    const known = readyRecord(ctx, step.id);
    const verdict = await compareWithSource(ctx, known, planned, true);
    if (verdict.kind === "same") {
      await ctx.put(withContent(known, verdict.content));
      ctx.note(`${sameText(verdict.content)}; it is kept`);
      return { id: step.id, same: true };
    }
    making = { ...making, content: pinnedBy(verdict.found) };
  }
  if (isAsBefore(step, ctx)) {
    await ctx.put(readyRecord(ctx, step.id));
    ctx.note("what it is made from is the same image as before; it is kept");
    return { id: step.id, same: true };
  }
  const content = await ctx.origin(making.content);
  await removeLeftovers(step, ctx);
  return { id: await replace(ctx, { ...step, making: { ...making, ...(content === undefined ? {} : { content }) } }) };
}

/** It was to be replaced only because an image that it is made from was, and that one was kept after all. */
function isAsBefore({ because, changes }: Of<"replace">, { resource, known }: StepContext): boolean {
  const { references = {}, want } = resource;
  if (known?.status !== "ready" || because.length === 0 || changes.length !== because.length) return false;
  return because.every((name) => Object.hasOwn(references, name) && isSame(known.want[name], want[name]));
}

/** The row of an image whose bytes were compared with its source: what is known of them now. */
function withContent({ upstream: _, ...known }: Recorded & { status: "ready" }, content: Content): Recorded {
  return { ...known, content };
}

/** Takes away what an interrupted run left behind. */
async function removeLeftovers(step: Step, ctx: StepContext): Promise<void> {
  for (const id of step.leftovers ?? []) await ctx.remove(id);
}

/** Brings the attributes of an image that stays to what is wanted, and takes it into the state. */
async function updateInPlace(step: Of<"adopt" | "update">, ctx: StepContext): Promise<ImageId> {
  const { resource, known, run, address } = ctx;
  const isUnknown = step.action === "update" && step.verifies !== undefined;
  const content = isUnknown ? await verifyBytes(ctx, step.verifies, step.id) : contentOf(step, ctx);
  const desiredMarker = ctx.markerFor(content);
  const context = ctx.context(ctx.deadline(run.hard), { desiredMarker });
  const have = await ctx.backend.read({ address, id: step.id }, context);
  if (have === undefined)
    throw new Failure("plan.moved", `${step.id} is gone since the plan was made`, { hint: "plan again", address });
  const { changes, cleared } = diff(ctx.plugin.image, {
    have: plain(have.attributes),
    want: resource.want,
    recorded: known?.status === "ready" && known.id === have.id ? known.want : undefined,
    usual: have.usual,
    ignore: resource.lifecycle.ignoreChanges,
    defaults: defaultsOf(ctx.plugin, address),
  });
  if (step.action === "adopt" && step.hold === true) return await adoptOnly(step, ctx, have);
  const marked = desiredMarker === undefined || carries(have, desiredMarker);
  // Only the image that takes the place of another gets what that one had.
  const carried = known?.id === have.id && known.status === "replacing" ? undefined : carriedBy(known);
  const isDone = changes.length === 0 && missingIn(have).length === 0 && marked && carried === undefined;
  const wanted = withCarried(withoutIgnored(ctx, plain(have.attributes)), carried);
  const after = isDone ? have : await ctx.backend.update(have, wanted, cleared, context);
  const kept = step.action === "adopt" && step.kept !== undefined ? { retained: step.kept } : {};
  await ctx.put({ ...ctx.ready(content, after), ...kept });
  return after.id;
}

/** Takes an image into the state that differs from what is declared. Its marker names this state from now on; nothing else changes. */
async function adoptOnly(step: Of<"adopt">, ctx: StepContext, have: Observed): Promise<ImageId> {
  const content = have.marker === undefined ? undefined : contentOfKey(have.marker.content);
  const wanted = ctx.markerFor(content);
  const desiredMarker = wanted === undefined ? undefined : { ...wanted, content: have.marker?.content ?? "unknown:" };
  const context = ctx.context(ctx.deadline(ctx.run.hard), { desiredMarker });
  const after =
    desiredMarker === undefined
      ? have
      : await ctx.backend.update(have, unchangedAttributes(ctx, plain(have.attributes)), [], context);
  const kept = step.kept === undefined ? {} : { retained: step.kept };
  await ctx.put({ ...ctx.ready(content, after), ...kept });
  return after.id;
}

/**
 * What an update receives. Of the attributes in `ignore_changes` that is what is there, so that it leaves them as they are; one that was
 * not read is no part of it.
 */
function withoutIgnored({ plugin, resource }: StepContext, have: Attributes): Attributes {
  const names = resource.lifecycle.ignoreChanges.filter((name) => (plugin.image[name]?.compare ?? "live") === "live");
  const rest = Object.entries(resource.want).filter(([name]) => !names.includes(name) || have[name] !== undefined);
  const there = names.flatMap((name) => (have[name] === undefined ? [] : [[name, have[name]] as const]));
  return Object.fromEntries([...rest, ...there]);
}

/** What an image that stays was made from: as recorded, or, when it comes into the state just now, as its origin is today. */
function contentOf(step: Of<"adopt" | "update">, { known }: StepContext): Content | undefined {
  return step.content ?? known?.content;
}

async function remove(step: Of<"delete">, ctx: StepContext): Promise<void> {
  const { known } = ctx;
  if (known !== undefined) {
    const { backend, plugin, want, protect, onRemove, content, retained } = known;
    const kept = { ...(content === undefined ? {} : { content }), ...(retained === undefined ? {} : { retained }) };
    await ctx.put({ backend, plugin, want, protect, onRemove, ...kept, status: "deleting", id: step.id });
  }
  for (const { id } of step.deletes ?? []) await ctx.remove(id);
  await ctx.put(undefined);
}

/** An image that is as it is wanted: only what the state remembers of that may be out of date. Nothing is called. */
export async function updateRecord(step: Of<"keep">, run: ApplyContext): Promise<void> {
  const known = run.records.recorded(step.address);
  const declared = resourceAt(run.config, step.address);
  const resource = declared && withIds(declared, run.records).resource;
  const schema = run.plugins.get(backendOf(step.address))?.image;
  if (known?.status !== "ready" || resource === undefined || schema === undefined) return;
  const want = withoutSensitive(schema, resource.want);
  if (step.content === undefined && isSame(known.want, want)) return;
  await run.records.put(step.address, {
    ...known,
    want,
    ...(step.content === undefined ? {} : { content: step.content }),
  });
}

/** `--refresh-only`: what another user changed is taken into the state; nothing is changed on the backend. */
export async function acceptDrift(drift: Drift, run: ApplyContext, events: Channel<Event>): Promise<void> {
  if (drift.kind === "vanished") return await run.records.put(drift.address, undefined);
  const ctx = await StepContext.open(drift.address, run, events);
  const image = await ctx.backend.read(
    { address: drift.address, id: drift.id },
    { signal: run.signal, note: (text) => ctx.note(text) },
  );
  if (image !== undefined && ctx.known?.status === "ready") await ctx.put({ ...ctx.known, have: ctx.have(image) });
}
