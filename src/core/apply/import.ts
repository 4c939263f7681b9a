import { Failure } from "../failure.ts";
import type { Event } from "../model/event.ts";
import type { Observed } from "../model/image.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import { compareBytes } from "../plan/compare.ts";
import { carries } from "../plan/content-key.ts";
import { DesiredImages } from "../plan/desired.ts";
import type { DesiredImage } from "../plan/input.ts";
import { markerStatus, names } from "../plan/ownership.ts";
import { physicalOf, withSent } from "../plan/physical.ts";
import { sentAsIs } from "../plan/pull.ts";
import { plain } from "../plugin.ts";
import type { Channel } from "../stream.ts";
import type { ApplyContext } from "./context.ts";
import { StepContext } from "./step-context.ts";
import { unchangedAttributes } from "./unchanged.ts";

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
    run,
    events,
    adopt,
    content,
  }: { run: ApplyContext; events: Channel<Event>; adopt: boolean; content: Content | undefined },
): Promise<Observed> {
  const ctx = await StepContext.open(address, run, events);
  const { known, resource, backend } = ctx;
  if (known !== undefined) {
    const hint = `remove that one from the state first: images state rm ${address}`;
    throw new Failure("state.address", `${address} is already in the state, as ${known.id ?? known.status}`, {
      address,
      hint,
    });
  }
  const context = ctx.context(run.hard, { desiredMarker: ctx.markerFor(content) });
  const image = await backend.read({ address, id }, context);
  if (image === undefined)
    throw new Failure("backend.missing", `there is no image ${id}`, {
      address,
      hint: `list images with: images info ${resource.backend}`,
    });
  refuseForeign(ctx, image, adopt);
  const bytes = compareBytes({ ...(await declaredBytes(ctx, image, content)), content }, image);
  if (bytes.kind === "differ")
    throw new Failure("plan.differs", `${id} is not as declared: ${bytes.text}`, {
      address,
      hint: "declare the source that it was made from, or remove the source",
    });
  if (bytes.kind === "unknown" && content !== undefined) ctx.note(bytes.text);
  const marked = context.desiredMarker === undefined || carries(image, context.desiredMarker);
  const after = marked
    ? image
    : await backend.update(image, unchangedAttributes(ctx, plain(image.attributes)), [], context);
  await ctx.put(ctx.ready(content, after));
  return after;
}

/** What is declared to be in the image. A local file is read where it has as many bytes as the image, on a backend where equal bytes are one image. */
async function declaredBytes(
  { plugin, resource, run, backend }: StepContext,
  { size }: Observed,
  content: Content | undefined,
): Promise<Pick<DesiredImage, "sentAsIs" | "physical" | "sentSize">> {
  const plain = { sentAsIs: sentAsIs(plugin, resource) };
  if (plugin.physical === undefined) return plain;
  const reading = { signal: run.signal, note: () => undefined };
  const want = await new DesiredImages(run).want({ resource, later: [], missing: [] }, undefined, backend, reading, {
    quick: content === undefined,
  });
  // What the backend keeps up to date is the backend's.
  if (want.originFailure !== undefined || want.maintained === true) return plain;
  const read = await withSent(want, plugin, run, (bytes) => bytes === size);
  const physical = physicalOf(read, plugin);
  const { sentSize } = read;
  return {
    ...plain,
    ...(physical === undefined ? {} : { physical }),
    ...(sentSize === undefined ? {} : { sentSize }),
  };
}

function refuseForeign({ address, run }: StepContext, image: Observed, adopt: boolean): void {
  const { id, marker } = image;
  const worth = markerStatus(image);
  if (marker === undefined || worth === "none" || worth === "unsigned") return;
  if (worth === "inherited")
    throw new Failure(
      "plan.foreign",
      `${id} has an inherited marker: it is a copy of the image ${marker.owner} of ${marker.file}`,
      {
        address,
        hint: "remove the marker from the image first to manage it",
      },
    );
  if (adopt || names(marker, { file: run.config.settings.name, address, previous: undefined })) return;
  throw new Failure("plan.foreign", `${id} is managed by ${marker.file} as ${marker.owner}`, {
    address,
    hint: "pass --adopt to manage it from here",
  });
}
