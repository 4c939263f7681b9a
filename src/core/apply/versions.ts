import { Failure } from "../failure.ts";
import type { Event } from "../model/event.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Retained } from "../model/state.ts";
import type { Channel } from "../stream.ts";
import type { ApplyContext } from "./context.ts";
import { markRetained } from "./retain.ts";
import { StepContext } from "./step-context.ts";

/** An older version of an image that already exists, and since when it is one. */
interface OlderVersion {
  readonly id: ImageId;
  readonly replaced: string;
}

/**
 * Takes older versions of a managed image into its record, as `retain` would have kept them, and writes their markers. Those that bear a
 * marker are left alone: somebody manages them.
 * @throws Failure state.address: the image itself is not in the state
 */
export async function keepVersions(
  address: Address,
  older: readonly OlderVersion[],
  { run, events }: { readonly run: ApplyContext; readonly events: Channel<Event> },
): Promise<readonly Retained[]> {
  const ctx = await StepContext.open(address, run, events);
  const { known, backend } = ctx;
  if (known?.status !== "ready") throw new Failure("state.address", `${address} is not in the state`, { address });
  const before = known.retained ?? [];
  const taken: Retained[] = [];
  for (const { id, replaced } of older) {
    const image = await backend.read({ address, id }, ctx.context(run.hard));
    if (image === undefined || before.some((one) => one.id === id)) continue;
    if (image.marker !== undefined) {
      ctx.note(`the older version ${id} has a marker of ${image.marker.file} and is skipped`);
      continue;
    }
    const row: Retained = { id, content: { where: "unknown" }, replaced, status: "kept" };
    await markRetained(ctx, row);
    taken.push(row);
  }
  if (taken.length > 0) await ctx.put({ ...known, retained: [...before, ...taken] });
  return taken;
}
