import type { ApplyContext } from "../../core/apply/context.ts";
import { importImage } from "../../core/apply/import.ts";
import { asFailure, Failure } from "../../core/failure.ts";
import type { Event } from "../../core/model/event.ts";
import { type Address, backendOf } from "../../core/model/name.ts";
import type { Content } from "../../core/model/source.ts";
import { resourceAt } from "../../core/plan/resources.ts";
import { Channel, inParallel } from "../../core/stream.ts";
import { plural } from "../render/format.ts";
import type { Session } from "../session.ts";
import type { Adoption } from "./draft.ts";

interface AdoptionPreview {
  /** Images that are there. */
  readonly there: readonly Adoption[];
  /** Images that are gone from their backends. */
  readonly gone: readonly Adoption[];
}

/**
 * Looks at every image before anything is written.
 * @throws Failure: of a backend that cannot be reached; plan.foreign where an image carries another mark
 */
export async function lookAtAll(
  images: readonly Adoption[],
  session: Session,
  { adopt, signal }: { readonly adopt: boolean; readonly signal: AbortSignal },
): Promise<AdoptionPreview> {
  const gone = new Set<Adoption>();
  const file = session.config.settings.name;
  await inParallel(images, session.config.settings.parallelism, async (one) => {
    const { address, id, from } = one;
    const backend = await session.backend(backendOf(address));
    const found = await backend.read({ address, id }, { signal, note: () => undefined }).catch((thrown: unknown) => {
      throw asFailure(thrown).with({ address });
    });
    if (found === undefined) gone.add(one);
    const marker = found?.marker;
    if (marker !== undefined && (marker.file !== file || marker.owner !== address) && !adopt)
      throw new Failure("plan.foreign", `${from} is managed as ${marker.owner} of ${marker.file}`, {
        address,
        hint: "`--adopt` adopts it anyway",
      });
  });
  return { there: images.filter((one) => !gone.has(one)), gone: [...gone] };
}

interface AdoptionOutput {
  /** One image is taken over; `blind`: why its source could not be looked at. */
  taken(one: Adoption, blind: Failure | undefined): void;
  /** What there is to say of some of them, once for all: that their bytes could not be compared. */
  noted(text: string): void;
}

/** Takes the images into the state, as `images import` does; one that fails does not stop the others. @throws the first failure, then */
export async function adoptAll(
  images: readonly Adoption[],
  context: ApplyContext,
  { adopt, said }: { readonly adopt: boolean; readonly said: AdoptionOutput },
): Promise<void> {
  const events = new Channel<Event>();
  try {
    await inParallel(images, context.parallelism, async (one) => {
      const { content, blind } = await contentOf(one, context);
      await importImage(one.address, one.id, { run: context, events, adopt, content });
      said.taken(one, blind);
    });
  } finally {
    events.close();
    const notes = new Map<string, Address[]>();
    for await (const event of events)
      if (event.type === "step.note") notes.set(event.text, [...(notes.get(event.text) ?? []), event.address]);
    for (const [text, addresses] of notes)
      said.noted(`${addresses.length > 3 ? plural(addresses.length, "image") : addresses.join(", ")}: ${text}`);
  }
}

/** What the source is now, where it can be looked at. */
async function contentOf(
  { address }: Adoption,
  context: ApplyContext,
): Promise<{ readonly content?: Content; readonly blind?: Failure }> {
  const source = resourceAt(context.config, address)?.source;
  if (source === undefined) return {};
  try {
    return { content: await context.look(source, undefined, context.signal) };
  } catch (thrown) {
    context.signal.throwIfAborted();
    return { blind: asFailure(thrown) };
  }
}
