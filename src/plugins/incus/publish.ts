import { type Desired, Failure } from "images";
import { type IncusClient, isTwice } from "./client.ts";
import { type ImageScope, isSameOwner, type Notes, notesOf, ownMark, toProperties } from "./image.ts";
import type { OperationContext, Waiting } from "./operations.ts";
import { isUp, noted, powerOf, restarted, running } from "./power.ts";
import type { IncusImage } from "./schema.ts";

/** What Incus answers for bytes that it has: `The image already exists: FINGERPRINT`. */
const FINGERPRINT = /\b([0-9a-f]{64})\b/;
const ATTEMPTS = 3;

/** An image that the server is to make of an instance. */
export interface Publishing {
  /** Where the instance is, and the image comes to be. */
  readonly instances: IncusClient;
  readonly place: Pick<ImageScope, "self">;
  readonly want: Desired<IncusImage>;
  readonly notes: Notes;
  /** Whether an image of those bytes is there and is managed. */
  readonly isThere: (fingerprint: string) => Promise<boolean>;
  /** Called with the name of the operation: a run that comes after a killed one waits for its end. */
  readonly begun: (operation: string) => Promise<void>;
}

/**
 * The fingerprint of what the server makes of the instance. The publication of an interrupted run that came to its end meanwhile is the
 * image itself. With `force` an instance that is running is stopped for it, and started again whatever comes of it.
 * @throws Failure of `isThere` when those bytes belong to another
 */
export async function published(publishing: Publishing, context: OperationContext): Promise<string> {
  const { instances: client, notes, place } = publishing;
  const { signal } = context;
  const before = new Set((await client.images(signal)).map(({ fingerprint }) => fingerprint));
  const result = async () => {
    const all = await client.images(signal);
    return all.find((one) => !before.has(one.fingerprint) && isSameOwner(ownMark(one, place), notes.mark));
  };
  const fingerprint = await stopped(publishing, { ...context, found: result }).catch(async (thrown: unknown) => {
    await undone(publishing, before);
    throw thrown;
  });
  if (fingerprint === undefined)
    throw new Failure("backend.answer", "the server does not report which image it created");
  // The server publishes one after the other: what an interrupted run had begun is there by now. It is the image, and not a second one.
  const all = await client.images(signal);
  const first = all.find(
    (one) =>
      one.fingerprint !== fingerprint &&
      !before.has(one.fingerprint) &&
      isSameOwner(ownMark(one, place), notes.mark) &&
      notesOf(one).mark?.content === notes.mark?.content,
  );
  if (first === undefined || before.has(fingerprint) || !(await publishing.isThere(first.fingerprint)))
    return fingerprint;
  await client.remove(fingerprint, context);
  return first.fingerprint;
}

/** Removes the result of a publication that was cancelled too late: its id is unknown, and its marker is that of this creation. */
async function undone({ instances: client, notes }: Publishing, before: ReadonlySet<string>): Promise<void> {
  const { signal } = new AbortController();
  const self = notes.mark?.self;
  if (self?.startsWith("~") !== true) return;
  for (const one of await client.images(signal))
    if (!before.has(one.fingerprint) && notesOf(one).mark?.self === self)
      await client.remove(one.fingerprint, { signal, progress: () => undefined });
}

async function stopped(publishing: Publishing, waiting: Waiting): Promise<string | undefined> {
  const { instances: client, want } = publishing;
  const { name, snapshot } = want.source_instance ?? { name: "" };
  const found = snapshot === undefined ? await client.instances.find(name, undefined, waiting.signal) : undefined;
  const before = found === undefined ? undefined : powerOf(found);
  if (found === undefined || before === undefined) return await packed(publishing, waiting);
  const { text, hint } = running(name, found);
  if (isUp(found) && !want.force) throw new Failure("backend.refused", text, { hint });
  // What was stopped is started again, also after Ctrl-C; after a kill by the next run.
  const after = { ...waiting, signal: new AbortController().signal };
  await client.instances.set(name, noted(before), waiting);
  try {
    if (isUp(found)) await client.instances.set(name, "stop", after);
    return await packed(publishing, waiting);
  } finally {
    await restarted(client.instances, name, after, before);
  }
}

async function packed({ instances: client, want, notes, isThere, begun }: Publishing, waiting: Waiting) {
  const { compression, source_instance: { name, snapshot } = { name: "" } } = want;
  const source =
    snapshot === undefined ? { type: "instance", name } : { type: "snapshot", name: `${name}/${snapshot}` };
  const properties = { ...want.properties, ...toProperties(notes) };
  const packing = {
    ...(compression === undefined ? {} : { compression_algorithm: compression }),
    ...(want.format === undefined ? {} : { format: want.format }),
  };
  const body = { source, properties, public: false, ...packing };
  for (let attempt = 1; ; attempt++) {
    try {
      const operation = await client.make(body);
      await begun(operation);
      return (await client.operations.wait(operation, waiting)).fingerprint;
    } catch (thrown) {
      if (!(thrown instanceof Failure) || !isTwice(thrown.message) || attempt === ATTEMPTS) throw thrown;
      const fingerprint = FINGERPRINT.exec(thrown.message)?.[1] ?? (await waiting.found())?.fingerprint;
      if (fingerprint !== undefined && (await isThere(fingerprint))) return fingerprint;
    }
  }
}
