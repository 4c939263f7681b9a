import { Failure } from "../failure.ts";
import type { Event } from "../model/event.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Retained } from "../model/state.ts";
import type { Channel } from "../stream.ts";
import type { ApplyContext } from "./means.ts";
import { markRetained } from "./retain.ts";
import { StepContext } from "./site.ts";

/** An older version of an image that already exists, and since when it is one. */
export interface Older {
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
  older: readonly Older[],
  { means, events }: { readonly means: ApplyContext; readonly events: Channel<Event> },
): Promise<readonly Retained[]> {
  const site = await StepContext.open(address, means, events);
  const { known, backend } = site;
  if (known?.status !== "ready") throw new Failure("state.address", `${address} is not in the state`, { address });
  const before = known.retained ?? [];
  const taken: Retained[] = [];
  for (const { id, replaced } of older) {
    const image = await backend.read({ address, id }, site.context(means.hard));
    if (image === undefined || before.some((one) => one.id === id)) continue;
    if (image.mark !== undefined) {
      site.note(`the older version ${id} has a marker of ${image.mark.file} and is skipped`);
      continue;
    }
    const row: Retained = { id, content: { where: "unknown" }, replaced, status: "kept" };
    await markRetained(site, row);
    taken.push(row);
  }
  if (taken.length > 0) await site.put({ ...known, retained: [...before, ...taken] });
  return taken;
}
