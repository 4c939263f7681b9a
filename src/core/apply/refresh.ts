import { canRefresh } from "../abilities.ts";
import { Failure } from "../failure.ts";
import { backendNamed } from "../model/declaration.ts";
import type { Event } from "../model/event.ts";
import type { Address } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import { isRecorded, ownershipOf } from "../plan/ownership.ts";
import type { Channel } from "../stream.ts";
import type { ApplyContext } from "./context.ts";
import { StepContext } from "./step-context.ts";

/**
 * Has the backend bring a managed image up to date with its origin by itself, and takes what came of it into the state. Answers whether
 * it was out of date.
 * @throws Failure state.address, backend.missing, backend.refused, plan.foreign
 */
export async function refreshImage(address: Address, run: ApplyContext, events: Channel<Event>): Promise<boolean> {
  const ctx = await StepContext.open(address, run, events);
  const { known, backend, plugin, resource } = ctx;
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
  const context = ctx.context(ctx.deadline(run.hard), { desiredMarker: ctx.markerFor(known.content) });
  const have = await backend.read({ address, id: known.id }, context);
  if (have === undefined)
    throw new Failure("backend.missing", `${known.id} is gone`, { address, hint: "images apply creates it again" });
  const marks = backendNamed(run.config, resource.backend)?.mark !== false;
  const claim = { address, known, file: run.config.settings.name, lineage: run.state.lineage, marks };
  if (!isRecorded(ownershipOf(have, claim)))
    throw new Failure("plan.foreign", `${known.id} is now managed by another state`, { address, hint: "plan" });
  const { image, changed, content } = await backend.refresh(have, resource.want, context);
  const digest = image.digests?.sha256;
  const origin: Content | undefined =
    known.content === undefined || content === undefined
      ? known.content
      : { ...known.content, resolved: content, ...(digest === undefined ? {} : { digest }) };
  await ctx.put(ctx.ready(origin, image));
  return changed;
}
