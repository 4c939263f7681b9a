import { randomUUID } from "node:crypto";
import { Failure } from "../failure.ts";
import { type Observed, passThrough } from "../model/image.ts";
import type { ImageId } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import type { Content } from "../model/source.ts";
import type { FormerContent, Recorded } from "../model/state.ts";
import type { Attributes } from "../model/value.ts";
import { carriedBy, withCarried } from "../plan/additions.ts";
import { isUnproven } from "../plan/content-key.ts";
import { pulledSource } from "../plan/pull.ts";
import { additionsBefore } from "./additions.ts";
import type { OpenedContent } from "./context.ts";
import { compareArrived, pullOf } from "./pulled.ts";
import { retireReplaced } from "./retain.ts";
import { sourceDate } from "./source-date.ts";
import type { StepContext } from "./step-context.ts";
import { madeFrom } from "./verify-bytes.ts";

type Ready = Recorded & { status: "ready" };

/** Makes the image of an address that has none. */
export async function create(ctx: StepContext, content: Content | undefined): Promise<ImageId> {
  const nonce = randomUUID();
  const carried = carriedBy(ctx.known);
  const common = ctx.common(content);
  const row = (id?: ImageId): Recorded & { status: "creating" } => ({
    ...common,
    status: "creating",
    nonce,
    ...(id === undefined ? {} : { id }),
    ...(carried === undefined ? {} : { carried }),
  });
  const ready = await make(ctx, content, { row, nonce, replaces: undefined, before: undefined, carried });
  await ctx.put(ready);
  return ready.id;
}

/** Puts a new image in the place of the old one, in the order that the step says. */
export async function replace(ctx: StepContext, step: Extract<Step, { action: "replace" }>): Promise<ImageId> {
  const { id, order, because, making } = step;
  const { known } = ctx;
  const carried = await additionsBefore(ctx, step);
  const nonce = randomUUID();
  const former = formerOf(known);
  const row = (next?: ImageId): Recorded & { status: "replacing" } => ({
    ...ctx.common(making.content),
    id,
    have: known?.status === "ready" || known?.status === "replacing" ? known.have : {},
    status: "replacing",
    nonce,
    ...(former === undefined ? {} : { former }),
    ...(because.includes("requested") ? { requested: true } : {}),
    ...(next === undefined ? {} : { next }),
    ...(carried === undefined ? {} : { carried }),
  });
  const deletesFirst = order === "delete-first";
  const before = known?.status === "ready" ? known : row();
  const ready = await make(ctx, making.content, { row, nonce, replaces: id, before, carried, deletesFirst });
  if (deletesFirst || ready.id === id) {
    await ctx.put(ready);
    return ready.id;
  }
  await ctx.put({ ...row(ready.id), finished: true });
  const retained = await retireReplaced(ctx, id);
  await ctx.put({ ...ready, ...retained });
  return ready.id;
}

/** What the old image was made from, also where an earlier replace of it did not come to its end. */
function formerOf(known: Recorded | undefined): FormerContent | undefined {
  if (known?.status === "replacing") return known.former;
  if (known?.status !== "ready") return undefined;
  return { want: known.want, ...(known.content === undefined ? {} : { content: known.content }) };
}

interface Creation {
  /** The row to write before the call, and again with the id as soon as that is known. */
  readonly row: (id?: ImageId) => Recorded & { status: "creating" | "replacing" };
  readonly nonce: string;
  readonly replaces: ImageId | undefined;
  /** The row that holds again when nothing comes of it. */
  readonly before: Recorded | undefined;
  /** What others had added to the image that is replaced. */
  readonly carried: Attributes | undefined;
  /** The old image goes before the new one is there. */
  readonly deletesFirst?: boolean;
}

/** Intent, call, id, result. What is left of a failure is removed again, or stays written down for the next run. */
async function make(ctx: StepContext, content: Content | undefined, making: Creation): Promise<Ready> {
  const { row, replaces } = making;
  const { run, backend, resource } = ctx;
  const signal = ctx.deadline(run.signal);
  const remains: Undo = {
    made: undefined,
    isCalled: false,
    isFinished: false,
    isOldGone: false,
    before: making.before,
  };
  const identified = async (id: ImageId) => {
    remains.made = id;
    if (id !== replaces) ctx.made(id);
    await ctx.put(row(id));
    ctx.events.send({ type: "step.identified", address: ctx.address, id });
  };
  const retireOld = async () => {
    if (replaces === undefined || remains.isOldGone) return;
    await ctx.remove(replaces);
    remains.isOldGone = true;
  };
  const restored = async (id: ImageId) => {
    ctx.made(id);
    remains.isOldGone = false;
    remains.before = making.before && { ...making.before, id };
    await ctx.put({ ...row(remains.made), id });
  };
  await ctx.put(row());
  let source: OpenedContent | undefined;
  try {
    const pull = pulledSource(ctx.plugin, resource.want, resource.source, content);
    source = pull === undefined ? await open(ctx, content, signal) : undefined;
    const desiredMarker = ctx.markerFor(content);
    const isLast = making.deletesFirst === true && ctx.plugin.deletesLast === true;
    if (making.deletesFirst === true && !isLast) {
      await proveBytes(source, signal);
      await retireOld();
    }
    const context = ctx.context(signal, {
      desiredMarker,
      identified,
      nonce: making.nonce,
      sourceDate: () => sourceDate(ctx, content),
      completed: () => {
        remains.isFinished = true;
      },
      ...(replaces === undefined ? {} : { replaces }),
      ...(isLast ? { retireOld, restored } : {}),
      ...(pull === undefined ? {} : { pull: pullOf(pull, async () => (source = await open(ctx, content, signal))) }),
    });
    remains.isCalled = true;
    const observed = await backend.create(withCarried(resource.want, making.carried), source, context);
    if (source === undefined) {
      remains.isFinished = false;
      compareArrived(ctx, pull, content, observed);
    }
    remains.isFinished = true;
    if (isLast) await retireOld();
    const found = source === undefined ? content : await madeFrom(source, resource.source, observed);
    const proven =
      desiredMarker !== undefined && isUnproven(desiredMarker.content) ? await prove(ctx, found, observed) : observed;
    return ctx.ready(found, proven);
  } catch (thrown) {
    const reason = ctx.explain(thrown);
    if (!run.hard.aborted) await undoCreation(ctx, making, remains, reason);
    throw reason;
  } finally {
    source?.release();
  }
}

/** Everything that can fail with the bytes has failed before the old image goes. */
async function proveBytes(source: OpenedContent | undefined, signal: AbortSignal): Promise<void> {
  if (source === undefined) return;
  for await (const _ of passThrough(source, signal)) signal.throwIfAborted();
}

/** The digest of the bytes is known only now: it goes into the marker, from which a lost state is made again. */
async function prove(ctx: StepContext, content: Content | undefined, observed: Observed): Promise<Observed> {
  try {
    const context = ctx.context(ctx.deadline(ctx.run.hard), { desiredMarker: ctx.markerFor(content) });
    return await ctx.backend.update(observed, ctx.resource.want, [], context);
  } catch (thrown) {
    ctx.run.hard.throwIfAborted();
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    ctx.note(
      `${observed.id} is complete, but its ownership marker could not be written (${why}); the next apply writes it`,
    );
    return observed;
  }
}

async function open(
  ctx: StepContext,
  content: Content | undefined,
  signal: AbortSignal,
): Promise<OpenedContent | undefined> {
  const { source, want } = ctx.resource;
  const wanted = source === undefined ? undefined : ctx.plugin.bytes?.(want);
  if (source === undefined || wanted === undefined) return undefined;
  const expected = content === undefined ? {} : { expected: content };
  return await ctx.run.fetch(source, wanted, {
    address: ctx.address,
    signal,
    progress: ctx.progress.report,
    ...expected,
  });
}

/** Failures after which a backend has nothing: the bytes were not sent, or it said no. */
const NOTHING_MADE = /^(source|config|plan)\.|^backend\.(refused|denied|auth|limits|conflict|missing)$/;

interface Undo {
  made: ImageId | undefined;
  /** The backend was asked; without an id it is unknown whether an image exists. */
  isCalled: boolean;
  /** The backend had finished the image, and its bytes were proven. */
  isFinished: boolean;
  /** The image that is replaced is deleted already. */
  isOldGone: boolean;
  /** The row that holds again when nothing comes of it; with another id where the old image had to be registered again. */
  before: Recorded | undefined;
}

/**
 * After a failed create: what this run made goes, unless the backend had finished it: then it stays, and the next run completes it. If
 * it cannot be deleted, the row stays, and the next run does it.
 */
async function undoCreation(ctx: StepContext, making: Creation, remains: Undo, reason: unknown): Promise<void> {
  const { made, isCalled, isFinished, isOldGone } = remains;
  const before = isOldGone ? making.row() : remains.before;
  if (made === undefined || made === making.replaces) {
    const isSurelyNothing = !isCalled || (reason instanceof Failure && NOTHING_MADE.test(reason.code));
    if (isSurelyNothing) await ctx.put(before);
    return;
  }
  if (isFinished) {
    await ctx.put({ ...making.row(made), finished: true });
    ctx.note(`${made} is kept; the next apply completes it`);
    return;
  }
  if (ctx.plugin.chosenId?.(ctx.resource.want) !== undefined) {
    await ctx.put(making.row(made));
    return ctx.note(`${made} is incomplete and stays, since its id cannot be given again; the next apply continues`);
  }
  try {
    await ctx.remove(made);
    await ctx.put(before);
  } catch (again) {
    const why = again instanceof Error ? again.message : String(again);
    ctx.note(`${made} is incomplete and could not be deleted (${why}); the next apply deletes it`);
  }
}
