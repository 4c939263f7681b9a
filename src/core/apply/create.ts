import { Failure } from "../failure.ts";
import type { Observed } from "../model/image.ts";
import type { ImageId } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import type { Content } from "../model/source.ts";
import type { Had, Recorded } from "../model/state.ts";
import { isUnproven } from "../plan/key.ts";
import { type Pulled, pulled } from "../plan/pull.ts";
import type { Pull } from "../plugin.ts";
import type { Opened } from "./means.ts";
import { retire } from "./retain.ts";
import type { Site } from "./site.ts";

type Ready = Recorded & { status: "ready" };

/** Makes the image of an address that has none. */
export async function create(site: Site, content: Content | undefined): Promise<ImageId> {
  const row = (id?: ImageId): Recorded => ({
    ...site.common(content),
    status: "creating",
    ...(id === undefined ? {} : { id }),
  });
  const ready = await make(site, content, { row, replaces: undefined, before: undefined });
  await site.put(ready);
  return ready.id;
}

/** Puts a new image in the place of the old one, in the order that the step says. */
export async function replace(
  site: Site,
  { id, order, making }: Extract<Step, { action: "replace" }>,
): Promise<ImageId> {
  if (order === "delete-first") {
    await site.put({ ...site.common(making.content), status: "deleting", id });
    await site.remove(id);
    return await create(site, making.content);
  }
  const old: Had = { id, have: site.known?.status === "ready" ? site.known.have : {} };
  const row = (next?: ImageId): Recorded => ({
    ...site.common(making.content),
    ...old,
    status: "replacing",
    ...(next === undefined ? {} : { next }),
  });
  const ready = await make(site, making.content, { row, replaces: id, before: site.known });
  if (ready.id !== id) await site.put(row(ready.id));
  const retained = ready.id === id ? {} : await retire(site, old);
  await site.put({ ...ready, ...retained });
  return ready.id;
}

interface Making {
  /** The row to write before the call, and again with the id as soon as that is known. */
  readonly row: (id?: ImageId) => Recorded;
  readonly replaces: ImageId | undefined;
  /** The row that holds again when nothing comes of it. */
  readonly before: Recorded | undefined;
}

/** Intent, call, id, result. What is left of a failure is taken away again, or stays written down for the next run. */
async function make(site: Site, content: Content | undefined, { row, replaces, before }: Making): Promise<Ready> {
  const { means, backend, resource } = site;
  const signal = site.deadline(means.signal);
  let made: ImageId | undefined;
  let isCalled = false;
  const identified = async (id: ImageId) => {
    made = id;
    await site.put(row(id));
    site.events.send({ type: "step.identified", address: site.address, id });
  };
  await site.put(row());
  try {
    const pull = pulled(site.plugin, resource.want, resource.source, content);
    let source = pull === undefined ? await open(site, content, signal) : undefined;
    const mark = site.mark(content);
    const context = site.context(signal, {
      mark,
      identified,
      ...(replaces === undefined ? {} : { replaces }),
      ...(pull === undefined ? {} : { pull: pullOf(pull, async () => (source = await open(site, content, signal))) }),
    });
    isCalled = true;
    const observed = await backend.create(resource.want, source, context);
    const found = source === undefined ? content : await source.content();
    const proven = mark !== undefined && isUnproven(mark.content) ? await prove(site, found, observed) : observed;
    return site.ready(found, proven);
  } catch (thrown) {
    const reason = site.explain(thrown);
    if (!means.hard.aborted)
      await takeBack(site, { made: made === replaces ? undefined : made, isCalled, before, reason });
    throw reason;
  }
}

/** The digest of the bytes is known only now: it goes into the mark, from which a lost state is made again. */
async function prove(site: Site, content: Content | undefined, observed: Observed): Promise<Observed> {
  try {
    const context = site.context(site.deadline(site.means.hard), { mark: site.mark(content) });
    return await site.backend.update(observed, site.resource.want, [], context);
  } catch (thrown) {
    site.means.hard.throwIfAborted();
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    site.note(`${observed.id} is good, but its mark could not be completed (${why}); the next apply does it`);
    return observed;
  }
}

function pullOf({ source, digest }: Pulled, open: () => Promise<Opened | undefined>): Pull {
  return {
    urls: source.urls,
    ...(digest === undefined ? {} : { digest }),
    open: async () => {
      const opened = await open();
      if (opened !== undefined) return opened;
      throw new Failure("source.format", "the backend takes no bytes, and could not fetch them by itself");
    },
  };
}

async function open(site: Site, content: Content | undefined, signal: AbortSignal): Promise<Opened | undefined> {
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
  readonly made: ImageId | undefined;
  /** The backend was asked; without an id nobody knows whether it has something by now. */
  readonly isCalled: boolean;
  readonly before: Recorded | undefined;
  readonly reason: unknown;
}

/** After a failed create: what the backend has of it goes. If that fails as well, the row stays, and the next run does it. */
async function takeBack(site: Site, { made, isCalled, before, reason }: Remains): Promise<void> {
  if (made === undefined) {
    const isSurelyNothing = !isCalled || (reason instanceof Failure && NOTHING_MADE.test(reason.code));
    if (isSurelyNothing) await site.put(before);
    return;
  }
  try {
    await site.remove(made);
    await site.put(before);
  } catch (again) {
    const why = again instanceof Error ? again.message : String(again);
    site.note(`${made} is half made and could not be deleted (${why}); the next apply does it`);
  }
}
