import { type Address, imageId } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import { type Backend, type Plugin, plain, type ReadContext } from "../plugin.ts";
import type { PlanContext } from "./context.ts";
import { decide } from "./decide.ts";
import type { PhysicalImage } from "./duplicates.ts";
import { isFinished, retained } from "./finished.ts";
import type { DecisionInput, DesiredImage, LiveImage } from "./input.ts";
import type { ImageLookup } from "./observe.ts";
import { ownershipOf } from "./ownership.ts";
import { bytesOf, type ListedSizes, physicalOf, sameRequestBytes, withSent } from "./physical.ts";
import { claimOf, managedBy, type StateIdentity } from "./siblings.ts";

/** What an image is to be physically: its unique names, and what the plugin knows of it. `have`: the image that it has, where that stays. Pure. */
export function physicalImageOf(want: DesiredImage, plugin: Plugin, have?: LiveImage): PhysicalImage {
  const { resource } = want;
  const names = plugin.names?.(resource.want, resource.address) ?? [];
  const texts = [...names, ...physicals(want, plugin, have)];
  return { resource, keys: texts.map((shown) => ({ key: `${resource.backend}\n${shown}`, shown })) };
}

/** The texts by which the plugin knows it, as far as its bytes are known. */
function physicals(want: DesiredImage, plugin: Plugin, have: LiveImage | undefined): readonly string[] {
  if (plugin.physical === undefined) return [];
  const live = have?.digests?.sha256;
  const known = bytesOf(want, plugin);
  const all = [known, ...sameRequestBytes(want, plugin), ...(live === undefined ? [] : [{ ...known, live }])];
  return all.map((bytes) => plugin.physical?.(want.resource.want, bytes)).filter((key) => key !== undefined);
}

/** The backend that a decision is about, and what else is looked for there. */
export interface DecisionContext {
  readonly plugin: Plugin;
  readonly backend: Backend;
  readonly lookups: readonly ImageLookup[];
  readonly owner: StateIdentity;
  readonly sizes: ListedSizes;
  readonly context: Pick<PlanContext, "sent" | "signal">;
}

/**
 * The step of an address. Where a new image is to be made, or one that is there is to be taken, it is looked whether its very bytes are
 * there already, and whose they are.
 */
export function decideWithBytes(
  input: DecisionInput,
  scope: DecisionContext,
  reading: ReadContext,
): Promise<Decided> | Decided {
  const first = decide(input);
  const { want } = input;
  // Of thousands of images nearly every one is kept: there is nothing to wait for.
  if (want === undefined || (want.measured !== undefined && first?.action === "keep"))
    return { step: first, holder: undefined, want };
  return decideAfterLook(input, want, first, scope, reading);
}

async function decideAfterLook(
  input: DecisionInput,
  wish: DesiredImage,
  first: Step | undefined,
  scope: DecisionContext,
  reading: ReadContext,
): Promise<Decided> {
  if (wish.measured !== undefined)
    return await decideWithBytes({ ...input, want: await wish.measured() }, scope, reading);
  const { plugin, sizes, context } = scope;
  const isAbout = first?.action === "create" || first?.action === "replace" || first?.action === "adopt";
  const read = isAbout ? await withSent(wish, plugin, context, (size) => sizes.has(size)) : wish;
  const physical = physicalOf(read, plugin);
  const want = physical === undefined ? read : { ...read, physical };
  const known = { ...input, want };
  const step = decide(known);
  const { address, have } = input;
  const isMade = step?.action === "create" || step?.action === "replace";
  const there = physical !== undefined && isMade ? await findSameBytes(address, physical, scope, reading) : undefined;
  const mine = new Set([have?.id, ...input.leftovers, ...retained(input.known)]);
  if (there === undefined || mine.has(there.id)) return { step, holder: undefined, want };
  const own = ownOf(there, known, scope);
  if (own !== undefined) return { step: decide({ ...known, ...own }), holder: undefined, want };
  const holder = managedBy(there, address, scope.lookups, scope.owner);
  if (holder === undefined) return { step: decide({ ...known, rival: there, sameBytes: true }), holder, want };
  return { step: decide({ ...known, after: [...new Set([...input.after, holder])] }), holder, want };
}

/**
 * What the backend has made of an interrupted run's request since it was listed: the image of the address where it is known to be whole,
 * else a leftover, as it would be had the listing shown it.
 */
function ownOf(there: LiveImage, input: DecisionInput, { lookups, owner }: DecisionContext) {
  const { address, known, have, leftovers } = input;
  const one = lookups.find((other) => other.address === address);
  if (one === undefined || (known?.status !== "creating" && known?.status !== "replacing")) return undefined;
  const ownership = ownershipOf(there, claimOf(one, owner));
  if (ownership !== "recorded") return undefined;
  if (!isFinished(there, known)) return { leftovers: [...leftovers, there.id] };
  return { have: there, ownership, leftovers: have === undefined ? leftovers : [...leftovers, have.id] };
}

/** A step, and the address of ours that has those bytes until its own step is done. */
interface Decided {
  readonly step: Step | undefined;
  readonly holder: Address | undefined;
  /** With what was detected of its bytes. */
  readonly want: DesiredImage | undefined;
}

/** The image that already exists with the bytes that an address is to have. */
async function findSameBytes(
  address: Address,
  key: string,
  { backend }: DecisionContext,
  reading: ReadContext,
): Promise<LiveImage | undefined> {
  const found = await backend.read({ address, id: imageId(key) }, reading);
  return found?.names?.includes(key) === true ? { ...found, attributes: plain(found.attributes) } : undefined;
}
