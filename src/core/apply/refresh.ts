import { canRefresh } from "../abilities.ts";
import { Failure } from "../failure.ts";
import type { Event } from "../model/event.ts";
import type { Address } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import { isRecorded, standing } from "../plan/standing.ts";
import type { Channel } from "../stream.ts";
import type { ApplyContext } from "./means.ts";
import { StepContext } from "./site.ts";

/**
 * Has the backend bring a managed image up to date with its origin by itself, and takes what came of it into the state. Answers whether
 * it was out of date.
 * @throws Failure state.address, backend.missing, backend.refused, plan.foreign
 */
export async function refreshImage(address: Address, means: ApplyContext, events: Channel<Event>): Promise<boolean> {
  const site = await StepContext.open(address, means, events);
  const { known, backend, plugin, resource } = site;
  if (known?.status !== "ready")
    throw new Failure("state.address", `${address} is not in the state as a finished image`, {
      address,
      hint: "create it first: images apply",
    });
  if (!canRefresh(backend))
    throw new Failure("backend.refused", `the plugin ${plugin.name} cannot update images itself`, {
      address,
      hint: "images apply replaces it if its source has changed",
    });
  const context = site.context(site.deadline(means.hard), { mark: site.mark(known.content) });
  const have = await backend.read({ address, id: known.id }, context);
  if (have === undefined)
    throw new Failure("backend.missing", `${known.id} is gone`, { address, hint: "images apply creates it again" });
  const marks = means.config.backends.find(({ name }) => name === resource.backend)?.mark !== false;
  const claim = { address, known, file: means.config.settings.name, lineage: means.state.lineage, marks };
  if (!isRecorded(standing(have, claim)))
    throw new Failure("plan.foreign", `${known.id} is now managed by another state`, { address, hint: "plan" });
  const { image, changed, content } = await backend.refresh(have, resource.want, context);
  const digest = image.digests?.sha256;
  const origin: Content | undefined =
    known.content === undefined || content === undefined
      ? known.content
      : { ...known.content, resolved: content, ...(digest === undefined ? {} : { digest }) };
  await site.put(site.ready(origin, image));
  return changed;
}
