import { type Address, imageId } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import { type Backend, type Plugin, plain, type Reading } from "../plugin.ts";
import { decide } from "./decide.ts";
import { isFinished } from "./finished.ts";
import type { PlanContext } from "./means.ts";
import { type LookedFor, retained } from "./observe.ts";
import { bytesOf, type ListedSizes, physicalOf, standIns, withSent } from "./physical.ts";
import { claimOf, type Owner, siblingOf } from "./siblings.ts";
import type { DecisionInput, LiveImage, Want } from "./sight.ts";
import { standing } from "./standing.ts";
import type { PhysicalImage } from "./twins.ts";

/** What an image is to be physically: its unique names, and what the plugin knows of it. `have`: the image that it has, where that stays. Pure. */
export function bodyOf(want: Want, plugin: Plugin, have?: LiveImage): PhysicalImage {
  const { resource } = want;
  const names = plugin.names?.(resource.want, resource.address) ?? [];
  const live = have?.digests?.sha256;
  const known = bytesOf(want, plugin);
  const all = [known, ...standIns(want, plugin), ...(live === undefined ? [] : [{ ...known, live }])];
  const keys = all.map((bytes) => plugin.physical?.(resource.want, bytes));
  const texts = [...names, ...keys.filter((key) => key !== undefined)];
  return { resource, keys: texts.map((shown) => ({ key: `${resource.backend}\n${shown}`, shown })) };
}

/** The backend that a decision is about, and what else is looked for there. */
export interface DecisionSurroundings {
  readonly plugin: Plugin;
  readonly backend: Backend;
  readonly asked: readonly LookedFor[];
  readonly owner: Owner;
  readonly sizes: ListedSizes;
  readonly means: Pick<PlanContext, "sent" | "signal">;
}

/**
 * The step of an address. Where a new image is to be made, or one that is there is to be taken, it is looked whether its very bytes are
 * there already, and whose they are.
 */
export async function decided(sight: DecisionInput, around: DecisionSurroundings, reading: Reading): Promise<Decided> {
  const { plugin, sizes, means } = around;
  const first = decide(sight);
  if (sight.want === undefined) return { step: first, holder: undefined, want: undefined };
  if (sight.want.measured !== undefined) {
    if (first?.action === "keep") return { step: first, holder: undefined, want: sight.want };
    return await decided({ ...sight, want: await sight.want.measured() }, around, reading);
  }
  const isAbout = first?.action === "create" || first?.action === "replace" || first?.action === "adopt";
  const read = isAbout ? await withSent(sight.want, plugin, means, (size) => sizes.has(size)) : sight.want;
  const physical = physicalOf(read, plugin);
  const want = physical === undefined ? read : { ...read, physical };
  const known = { ...sight, want };
  const step = decide(known);
  const { address, have } = sight;
  const isMade = step?.action === "create" || step?.action === "replace";
  const there = physical !== undefined && isMade ? await already(address, physical, around, reading) : undefined;
  const mine = new Set([have?.id, ...sight.leftovers, ...retained(sight.known)]);
  if (there === undefined || mine.has(there.id)) return { step, holder: undefined, want };
  const own = ownOf(there, known, around);
  if (own !== undefined) return { step: decide({ ...known, ...own }), holder: undefined, want };
  const holder = siblingOf(there, address, around.asked, around.owner);
  if (holder === undefined) return { step: decide({ ...known, rival: there, sameBytes: true }), holder, want };
  return { step: decide({ ...known, after: [...new Set([...sight.after, holder])] }), holder, want };
}

/** What an interrupted run began and the backend has finished since it was listed is the image of the address. */
function ownOf(there: LiveImage, sight: DecisionInput, { asked, owner }: DecisionSurroundings) {
  const { address, known } = sight;
  const one = asked.find((other) => other.address === address);
  if (one === undefined || known?.status !== "creating" || !isFinished(there, known)) return undefined;
  const whose = standing(there, claimOf(one, owner));
  return whose === "recorded" ? { have: there, standing: whose } : undefined;
}

/** A step, and the address of ours that has those bytes until its own step is done. */
interface Decided {
  readonly step: Step | undefined;
  readonly holder: Address | undefined;
  /** With what was detected of its bytes. */
  readonly want: Want | undefined;
}

/** The image that already exists with the bytes that an address is to have. */
async function already(
  address: Address,
  key: string,
  { backend }: DecisionSurroundings,
  reading: Reading,
): Promise<LiveImage | undefined> {
  const found = await backend.read({ address, id: imageId(key) }, reading);
  return found?.names?.includes(key) === true ? { ...found, attributes: plain(found.attributes) } : undefined;
}
