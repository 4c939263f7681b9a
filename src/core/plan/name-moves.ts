import { dependenciesOf, type Resource } from "../model/declaration.ts";
import type { Address } from "../model/name.ts";
import { isPending, type Step } from "../model/plan.ts";
import type { FoundImages } from "./found.ts";
import type { ImageLookup } from "./observe.ts";

/** A unique name that is to go from the image of one address to that of another. */
interface NameMove {
  readonly from: Address;
  readonly to: Address;
}

/** The names that go from one address to another, but for those that cannot go first: what is made from the holder, or has its bytes. Pure. */
export function nameMoves({
  lookups,
  found,
  holders,
  resource,
}: {
  readonly lookups: readonly ImageLookup[];
  readonly found: ReadonlyMap<Address, Pick<FoundImages, "after">>;
  /** By address: the one that has its bytes so far. */
  readonly holders: ReadonlyMap<Address, Address>;
  readonly resource: (address: Address) => Resource | undefined;
}): readonly NameMove[] {
  return lookups.flatMap(({ address: to }) => {
    const declared = resource(to);
    const needs = [holders.get(to), ...(declared === undefined ? [] : dependenciesOf(declared))];
    return (found.get(to)?.after ?? []).flatMap((from) => (needs.includes(from) ? [] : [{ from, to }]));
  });
}

/**
 * The steps in the order in which names move in one call: the one that takes a name before the one that has it, so that it is on an
 * image at each moment, and the old holder is not deleted before the new one is there. Pure.
 */
export function orderByNameMoves(
  moves: readonly NameMove[],
  steps: ReadonlyMap<Address, Step>,
): ReadonlyMap<Address, Step> {
  const turned = new Map(steps);
  for (const { from, to } of moves) {
    const [holder, taker] = [turned.get(from), turned.get(to)];
    if (taker === undefined) continue;
    turned.set(
      to,
      insertBefore(
        taker,
        (taker.after ?? []).filter((one) => one !== from),
      ),
    );
    if (holder !== undefined && isPending(holder))
      turned.set(from, insertBefore(holder, [...new Set([...(holder.after ?? []), to])]));
  }
  return turned;
}

/** The step with these before it. */
export function insertBefore(step: Step, after: readonly Address[]): Step {
  const { after: _, ...rest } = step;
  return after.length === 0 ? rest : { ...rest, after };
}
