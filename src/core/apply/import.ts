import { Failure } from "../failure.ts";
import type { Event } from "../model/event.ts";
import type { Observed } from "../model/image.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import { plain } from "../plugin.ts";
import type { Channel } from "../stream.ts";
import { asItIs } from "./asitis.ts";
import type { ApplyMeans } from "./means.ts";
import { Site } from "./site.ts";

/**
 * Takes an image that is there already into the state, and writes our mark on it. No attribute is changed: what differs from the file is
 * the next plan's. What it was made from is taken to be what the file says, since nobody can tell; a later change of that is seen.
 * @throws Failure state.address, backend.missing, plan.foreign
 */
export async function importImage(
  address: Address,
  id: ImageId,
  {
    means,
    events,
    adopt,
    content,
  }: { means: ApplyMeans; events: Channel<Event>; adopt: boolean; content: Content | undefined },
): Promise<Observed> {
  const site = await Site.open(address, means, events);
  const { known, resource, backend } = site;
  if (known !== undefined) {
    const hint = `let go of that one first: images state rm ${address}`;
    throw new Failure("state.address", `${address} is in the state already, as ${known.id ?? known.status}`, {
      address,
      hint,
    });
  }
  const context = site.context(means.hard, { mark: site.mark(content) });
  const image = await backend.read({ address, id }, context);
  if (image === undefined)
    throw new Failure("backend.missing", `there is no image ${id}`, {
      address,
      hint: `see what there is: images info ${resource.backend}`,
    });
  const { mark } = image;
  if (mark !== undefined && (mark.file !== means.config.settings.name || mark.owner !== address) && !adopt) {
    throw new Failure("plan.foreign", `${id} belongs to ${mark.owner} of ${mark.file}`, {
      address,
      hint: "`--adopt` takes it over",
    });
  }
  const marked = context.mark === undefined || (mark?.owner === address && mark.file === context.mark.file);
  const after = marked ? image : await backend.update(image, asItIs(site, plain(image.attributes)), [], context);
  await site.put(site.ready(content, after));
  return after;
}
