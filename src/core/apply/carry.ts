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
import { defaultsOf, diff, missingIn } from "../plan/diff.ts";
import { carries, contentOfKey } from "../plan/key.ts";
import { withIds } from "../plan/references.ts";
import { resourceAt } from "../plan/resources.ts";
import { plain } from "../plugin.ts";
import type { Channel } from "../stream.ts";
import { asItIs } from "./asitis.ts";
import { compareWithSource, pinnedBy, readyOf, sameText, verifyBytes } from "./bytes.ts";
import { create, replace } from "./create.ts";
import type { ApplyContext } from "./means.ts";
import { StepContext } from "./site.ts";

/** What came of a step. */
interface Carried {
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
export async function carry(step: Step, means: ApplyContext, events: Channel<Event>): Promise<Carried> {
  if (step.action === "block") throw new Failure("plan.blocked", step.text, { hint: step.hint, address: step.address });
  if (step.action === "forget") {
    await means.records.put(step.address, undefined);
    return {};
  }
  if (step.action === "keep") return { id: step.id };
  const site = await StepContext.open(step.address, means, events, step.deletes);
  try {
    return await change(step, site);
  } finally {
    site.progress.end();
  }
}

async function change(step: Exclude<Step, Of<"keep" | "forget" | "block">>, site: StepContext): Promise<Carried> {
  switch (step.action) {
    case "create":
      await sweep(step, site);
      return { id: await create(site, await site.origin(step.making.content)) };
    case "replace":
      return await renew(step, site);
    case "verify": {
      const content = await verifyBytes(site, step.verifies, step.id);
      await site.put(seen(readyOf(site, step.id), content));
      return { id: step.id, same: true };
    }
    case "adopt":
    case "update": {
      const id = await align(step, site);
      await sweep(step, site);
      return { id };
    }
    case "delete":
      await remove(step, site);
      return {};
    case "retire":
      if (!canRetire(site.backend)) throw new Failure("plan.retire", `${site.plugin.name} cannot ${step.how} an image`);
      await site.backend.retire(step.id, step.how, site.context(site.means.hard));
      await site.put(undefined);
      return {};
    default:
      return step satisfies never;
  }
}

/** A new image, unless the bytes turn out to be those of the old one where only a server's word of them had changed. */
async function renew(step: Of<"replace">, site: StepContext): Promise<Carried> {
  const planned = step.making.content;
  let making = step.making;
  if (step.unlessSame === true && planned !== undefined) {
    const known = readyOf(site, step.id);
    const verdict = await compareWithSource(site, known, planned, true);
    if (verdict.kind === "same") {
      await site.put(seen(known, verdict.content));
      site.note(`${sameText(verdict.content)}; it is kept`);
      return { id: step.id, same: true };
    }
    making = { ...making, content: pinnedBy(verdict.found) };
  }
  if (isAsBefore(step, site)) {
    await site.put(readyOf(site, step.id));
    site.note("what it is made from is the same image as before; it is kept");
    return { id: step.id, same: true };
  }
  const content = await site.origin(making.content);
  await sweep(step, site);
  return { id: await replace(site, { ...step, making: { ...making, ...(content === undefined ? {} : { content }) } }) };
}

/** It was to be replaced only because an image that it is made from was, and that one was kept after all. */
function isAsBefore({ because, changes }: Of<"replace">, { resource, known }: StepContext): boolean {
  const { references = {}, want } = resource;
  if (known?.status !== "ready" || because.length === 0 || changes.length !== because.length) return false;
  return because.every((name) => Object.hasOwn(references, name) && isSame(known.want[name], want[name]));
}

/** The row of an image whose bytes were compared with its source: what is known of them now. */
function seen({ upstream: _, ...known }: Recorded & { status: "ready" }, content: Content): Recorded {
  return { ...known, content };
}

/** Takes away what an interrupted run left behind. */
async function sweep(step: Step, site: StepContext): Promise<void> {
  for (const id of step.leftovers ?? []) await site.remove(id);
}

/** Brings the attributes of an image that stays to what is wanted, and takes it into the state. */
async function align(step: Of<"adopt" | "update">, site: StepContext): Promise<ImageId> {
  const { resource, known, means, address } = site;
  const isUnknown = step.action === "update" && step.verifies !== undefined;
  const content = isUnknown ? await verifyBytes(site, step.verifies, step.id) : contentOf(step, site);
  const mark = site.mark(content);
  const context = site.context(site.deadline(means.hard), { mark });
  const have = await site.backend.read({ address, id: step.id }, context);
  if (have === undefined)
    throw new Failure("plan.moved", `${step.id} is gone since the plan was made`, { hint: "plan again", address });
  const { changes, cleared } = diff(site.plugin.image, {
    have: plain(have.attributes),
    want: resource.want,
    recorded: known?.status === "ready" && known.id === have.id ? known.want : undefined,
    usual: have.usual,
    ignore: resource.lifecycle.ignoreChanges,
    defaults: defaultsOf(site.plugin, address),
  });
  if (step.action === "adopt" && step.hold === true) return await hold(step, site, have);
  const marked = mark === undefined || carries(have, mark);
  // Only the image that takes the place of another gets what that one had.
  const carried = known?.id === have.id && known.status === "replacing" ? undefined : carriedBy(known);
  const isDone = changes.length === 0 && missingIn(have).length === 0 && marked && carried === undefined;
  const wanted = withCarried(leftAlone(site, plain(have.attributes)), carried);
  const after = isDone ? have : await site.backend.update(have, wanted, cleared, context);
  const kept = step.action === "adopt" && step.kept !== undefined ? { retained: step.kept } : {};
  await site.put({ ...site.ready(content, after), ...kept });
  return after.id;
}

/** Takes an image into the state that differs from what is declared. Its marker names this state from now on; nothing else changes. */
async function hold(step: Of<"adopt">, site: StepContext, have: Observed): Promise<ImageId> {
  const content = have.mark === undefined ? undefined : contentOfKey(have.mark.content);
  const wanted = site.mark(content);
  const mark = wanted === undefined ? undefined : { ...wanted, content: have.mark?.content ?? "unknown:" };
  const context = site.context(site.deadline(site.means.hard), { mark });
  const after =
    mark === undefined ? have : await site.backend.update(have, asItIs(site, plain(have.attributes)), [], context);
  const kept = step.kept === undefined ? {} : { retained: step.kept };
  await site.put({ ...site.ready(content, after), ...kept });
  return after.id;
}

/**
 * What an update receives. Of the attributes in `ignore_changes` that is what is there, so that it leaves them as they are; one that was
 * not read is no part of it.
 */
function leftAlone({ plugin, resource }: StepContext, have: Attributes): Attributes {
  const names = resource.lifecycle.ignoreChanges.filter((name) => (plugin.image[name]?.compare ?? "live") === "live");
  const rest = Object.entries(resource.want).filter(([name]) => !names.includes(name) || have[name] !== undefined);
  const there = names.flatMap((name) => (have[name] === undefined ? [] : [[name, have[name]] as const]));
  return Object.fromEntries([...rest, ...there]);
}

/** What an image that stays was made from: as recorded, or, when it comes into the state just now, as its origin is today. */
function contentOf(step: Of<"adopt" | "update">, { known }: StepContext): Content | undefined {
  return step.content ?? known?.content;
}

async function remove(step: Of<"delete">, site: StepContext): Promise<void> {
  const { known } = site;
  if (known !== undefined) {
    const { backend, plugin, want, protect, onRemove, content, retained } = known;
    const kept = { ...(content === undefined ? {} : { content }), ...(retained === undefined ? {} : { retained }) };
    await site.put({ backend, plugin, want, protect, onRemove, ...kept, status: "deleting", id: step.id });
  }
  for (const { id } of step.deletes ?? []) await site.remove(id);
  await site.put(undefined);
}

/** An image that is as it is wanted: only what the state remembers of that may be out of date. Nothing is called. */
export async function settle(step: Of<"keep">, means: ApplyContext): Promise<void> {
  const known = means.records.recorded(step.address);
  const declared = resourceAt(means.config, step.address);
  const resource = declared && withIds(declared, means.records).resource;
  const schema = means.plugins.get(backendOf(step.address))?.image;
  if (known?.status !== "ready" || resource === undefined || schema === undefined) return;
  const want = withoutSensitive(schema, resource.want);
  if (step.content === undefined && isSame(known.want, want)) return;
  await means.records.put(step.address, {
    ...known,
    want,
    ...(step.content === undefined ? {} : { content: step.content }),
  });
}

/** `--refresh-only`: what another user changed is taken into the state; nothing is changed on the backend. */
export async function refresh(drift: Drift, means: ApplyContext, events: Channel<Event>): Promise<void> {
  if (drift.kind === "vanished") return await means.records.put(drift.address, undefined);
  const site = await StepContext.open(drift.address, means, events);
  const image = await site.backend.read(
    { address: drift.address, id: drift.id },
    { signal: means.signal, note: (text) => site.note(text) },
  );
  if (image !== undefined && site.known?.status === "ready") await site.put({ ...site.known, have: site.have(image) });
}
