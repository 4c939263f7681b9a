import { randomUUID } from "node:crypto";
import { Failure } from "../failure.ts";
import { type Observed, passing } from "../model/image.ts";
import type { ImageId } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import type { Content } from "../model/source.ts";
import type { Former, Recorded } from "../model/state.ts";
import type { Attributes } from "../model/value.ts";
import { carriedBy, withCarried } from "../plan/additions.ts";
import { isUnproven } from "../plan/key.ts";
import { pulled } from "../plan/pull.ts";
import { addedBefore } from "./added.ts";
import { compareArrived, pullOf } from "./arrived.ts";
import { madeFrom } from "./bytes.ts";
import { sourceDate } from "./dated.ts";
import type { OpenedContent } from "./means.ts";
import { retire } from "./retain.ts";
import type { StepContext } from "./site.ts";

type Ready = Recorded & { status: "ready" };

/** Makes the image of an address that has none. */
export async function create(site: StepContext, content: Content | undefined): Promise<ImageId> {
  const nonce = randomUUID();
  const carried = carriedBy(site.known);
  const row = (id?: ImageId): Recorded & { status: "creating" } => ({
    ...site.common(content),
    status: "creating",
    nonce,
    ...(id === undefined ? {} : { id }),
    ...(carried === undefined ? {} : { carried }),
  });
  const ready = await make(site, content, { row, nonce, replaces: undefined, before: undefined, carried });
  await site.put(ready);
  return ready.id;
}

/** Puts a new image in the place of the old one, in the order that the step says. */
export async function replace(site: StepContext, step: Extract<Step, { action: "replace" }>): Promise<ImageId> {
  const { id, order, because, making } = step;
  const { known } = site;
  const carried = await addedBefore(site, step);
  const nonce = randomUUID();
  const former = formerOf(known);
  const row = (next?: ImageId): Recorded & { status: "replacing" } => ({
    ...site.common(making.content),
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
  const ready = await make(site, making.content, { row, nonce, replaces: id, before, carried, deletesFirst });
  if (deletesFirst || ready.id === id) {
    await site.put(ready);
    return ready.id;
  }
  await site.put({ ...row(ready.id), finished: true });
  const retained = await retire(site, id);
  await site.put({ ...ready, ...retained });
  return ready.id;
}

/** What the old image was made from, also where an earlier replace of it did not come to its end. */
function formerOf(known: Recorded | undefined): Former | undefined {
  if (known?.status === "replacing") return known.former;
  if (known?.status !== "ready") return undefined;
  return { want: known.want, ...(known.content === undefined ? {} : { content: known.content }) };
}

interface Making {
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
async function make(site: StepContext, content: Content | undefined, making: Making): Promise<Ready> {
  const { row, replaces } = making;
  const { means, backend, resource } = site;
  const signal = site.deadline(means.signal);
  const remains: Remains = {
    made: undefined,
    isCalled: false,
    isFinished: false,
    isOldGone: false,
    before: making.before,
  };
  const identified = async (id: ImageId) => {
    remains.made = id;
    if (id !== replaces) site.made(id);
    await site.put(row(id));
    site.events.send({ type: "step.identified", address: site.address, id });
  };
  const retireOld = async () => {
    if (replaces === undefined || remains.isOldGone) return;
    await site.remove(replaces);
    remains.isOldGone = true;
  };
  const restored = async (id: ImageId) => {
    site.made(id);
    remains.isOldGone = false;
    remains.before = making.before && { ...making.before, id };
    await site.put({ ...row(remains.made), id });
  };
  await site.put(row());
  let source: OpenedContent | undefined;
  try {
    const pull = pulled(site.plugin, resource.want, resource.source, content);
    source = pull === undefined ? await open(site, content, signal) : undefined;
    const mark = site.mark(content);
    const isLast = making.deletesFirst === true && site.plugin.deletesLast === true;
    if (making.deletesFirst === true && !isLast) {
      await proveBytes(source, signal);
      await retireOld();
    }
    const context = site.context(signal, {
      mark,
      identified,
      nonce: making.nonce,
      sourceDate: () => sourceDate(site, content),
      completed: () => {
        remains.isFinished = true;
      },
      ...(replaces === undefined ? {} : { replaces }),
      ...(isLast ? { retireOld, restored } : {}),
      ...(pull === undefined ? {} : { pull: pullOf(pull, async () => (source = await open(site, content, signal))) }),
    });
    remains.isCalled = true;
    const observed = await backend.create(withCarried(resource.want, making.carried), source, context);
    if (source === undefined) {
      remains.isFinished = false;
      compareArrived(site, pull, content, observed);
    }
    remains.isFinished = true;
    if (isLast) await retireOld();
    const found = source === undefined ? content : await madeFrom(source, resource.source, observed);
    const proven = mark !== undefined && isUnproven(mark.content) ? await prove(site, found, observed) : observed;
    return site.ready(found, proven);
  } catch (thrown) {
    const reason = site.explain(thrown);
    if (!means.hard.aborted) await takeBack(site, making, remains, reason);
    throw reason;
  } finally {
    source?.release();
  }
}

/** Everything that can fail with the bytes has failed before the old image goes. */
async function proveBytes(source: OpenedContent | undefined, signal: AbortSignal): Promise<void> {
  if (source === undefined) return;
  for await (const _ of passing(source, signal)) signal.throwIfAborted();
}

/** The digest of the bytes is known only now: it goes into the marker, from which a lost state is made again. */
async function prove(site: StepContext, content: Content | undefined, observed: Observed): Promise<Observed> {
  try {
    const context = site.context(site.deadline(site.means.hard), { mark: site.mark(content) });
    return await site.backend.update(observed, site.resource.want, [], context);
  } catch (thrown) {
    site.means.hard.throwIfAborted();
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    site.note(
      `${observed.id} is complete, but its ownership marker could not be written (${why}); the next apply writes it`,
    );
    return observed;
  }
}

async function open(
  site: StepContext,
  content: Content | undefined,
  signal: AbortSignal,
): Promise<OpenedContent | undefined> {
  const { source, want } = site.resource;
  const wanted = source === undefined ? undefined : site.plugin.bytes?.(want);
  if (source === undefined || wanted === undefined) return undefined;
  const expected = content === undefined ? {} : { expected: content };
  return await site.means.fetch(source, wanted, {
    address: site.address,
    signal,
    progress: site.progress.tell,
    ...expected,
  });
}

/** Failures after which a backend has nothing: the bytes were not sent, or it said no. */
const NOTHING_MADE = /^(source|config|plan)\.|^backend\.(refused|denied|auth|limits|conflict|missing)$/;

interface Remains {
  made: ImageId | undefined;
  /** The backend was asked; without an id nobody knows whether it has something by now. */
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
async function takeBack(site: StepContext, making: Making, remains: Remains, reason: unknown): Promise<void> {
  const { made, isCalled, isFinished, isOldGone } = remains;
  const before = isOldGone ? making.row() : remains.before;
  if (made === undefined || made === making.replaces) {
    const isSurelyNothing = !isCalled || (reason instanceof Failure && NOTHING_MADE.test(reason.code));
    if (isSurelyNothing) await site.put(before);
    return;
  }
  if (isFinished) {
    await site.put({ ...making.row(made), finished: true });
    site.note(`${made} is kept; the next apply completes it`);
    return;
  }
  if (site.plugin.chosenId?.(site.resource.want) !== undefined) {
    await site.put(making.row(made));
    return site.note(`${made} is incomplete and stays, since its id cannot be given again; the next apply continues`);
  }
  try {
    await site.remove(made);
    await site.put(before);
  } catch (again) {
    const why = again instanceof Error ? again.message : String(again);
    site.note(`${made} is incomplete and could not be deleted (${why}); the next apply deletes it`);
  }
}
