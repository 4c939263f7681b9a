import { Failure } from "../failure.ts";
import type { Event } from "../model/event.ts";
import type { Observed } from "../model/image.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import { compareBytes } from "../plan/compare.ts";
import { carries } from "../plan/key.ts";
import { physicalOf, withSent } from "../plan/physical.ts";
import type { Want } from "../plan/sight.ts";
import { bearing, names } from "../plan/standing.ts";
import { sentAsIs, Wants } from "../plan/wants.ts";
import { plain } from "../plugin.ts";
import type { Channel } from "../stream.ts";
import { asItIs } from "./asitis.ts";
import type { ApplyContext } from "./means.ts";
import { StepContext } from "./site.ts";

/**
 * Takes an image that exists into the state, and writes the marker on it. No attribute is changed: what differs from the file is the
 * next plan's. Its bytes are compared with the declared ones where both sides know a digest or a size; where they do not, it is taken to
 * be made from what the file says, and a note says so.
 * @throws Failure state.address, backend.missing, plan.foreign: another file manages it, or it is a copy; plan.differs: other bytes
 */
export async function importImage(
  address: Address,
  id: ImageId,
  {
    means,
    events,
    adopt,
    content,
  }: { means: ApplyContext; events: Channel<Event>; adopt: boolean; content: Content | undefined },
): Promise<Observed> {
  const site = await StepContext.open(address, means, events);
  const { known, resource, backend } = site;
  if (known !== undefined) {
    const hint = `remove that one from the state first: images state rm ${address}`;
    throw new Failure("state.address", `${address} is already in the state, as ${known.id ?? known.status}`, {
      address,
      hint,
    });
  }
  const context = site.context(means.hard, { mark: site.mark(content) });
  const image = await backend.read({ address, id }, context);
  if (image === undefined)
    throw new Failure("backend.missing", `there is no image ${id}`, {
      address,
      hint: `list images with: images info ${resource.backend}`,
    });
  refuseForeign(site, image, adopt);
  const bytes = compareBytes({ ...(await declaredBytes(site, image, content)), content }, image);
  if (bytes.kind === "differ")
    throw new Failure("plan.differs", `${id} is not as declared: ${bytes.text}`, {
      address,
      hint: "declare the source that it was made from, or remove the source",
    });
  if (bytes.kind === "unknown" && content !== undefined) site.note(bytes.text);
  const marked = context.mark === undefined || carries(image, context.mark);
  const after = marked ? image : await backend.update(image, asItIs(site, plain(image.attributes)), [], context);
  await site.put(site.ready(content, after));
  return after;
}

/** What is declared to be in the image. A local file is read where it has as many bytes as the image, on a backend where equal bytes are one image. */
async function declaredBytes(
  { plugin, resource, means, backend }: StepContext,
  { size }: Observed,
  content: Content | undefined,
): Promise<Pick<Want, "sentAsIs" | "physical" | "sends">> {
  const plain = { sentAsIs: sentAsIs(plugin, resource) };
  if (plugin.physical === undefined) return plain;
  const reading = { signal: means.signal, note: () => undefined };
  const want = await new Wants(means).want({ resource, later: [], missing: [] }, undefined, backend, reading, {
    quick: content === undefined,
  });
  // What the backend keeps up to date is the backend's.
  if (want.blind !== undefined || want.maintained === true) return plain;
  const read = await withSent(want, plugin, means, (bytes) => bytes === size);
  const physical = physicalOf(read, plugin);
  const { sends } = read;
  return {
    ...plain,
    ...(physical === undefined ? {} : { physical }),
    ...(sends === undefined ? {} : { sends }),
  };
}

function refuseForeign({ address, means }: StepContext, image: Observed, adopt: boolean): void {
  const { id, mark } = image;
  const worth = bearing(image);
  if (mark === undefined || worth === "none" || worth === "unsigned") return;
  if (worth === "inherited")
    throw new Failure(
      "plan.foreign",
      `${id} has an inherited marker: it is a copy of the image ${mark.owner} of ${mark.file}`,
      {
        address,
        hint: "remove the marker from the image first to manage it",
      },
    );
  if (adopt || names(mark, { file: means.config.settings.name, address, previous: undefined })) return;
  throw new Failure("plan.foreign", `${id} is managed by ${mark.file} as ${mark.owner}`, {
    address,
    hint: "pass --adopt to manage it from here",
  });
}
