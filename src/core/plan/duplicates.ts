import type { Resource } from "../model/declaration.ts";
import type { Address } from "../model/name.ts";
import type { Step } from "../model/plan.ts";
import { showPosition } from "../model/position.ts";

/** A declared image with what it is physically. */
export interface PhysicalImage {
  readonly resource: Resource;
  /** `key`: the same text for two of them means one and the same image; `shown`: as the file writes it. */
  readonly keys: readonly { readonly key: string; readonly shown: string }[];
}

/** Declarations that come to one image: each is blocked, with the place of the other. Pure. */
export function findDuplicates(bodies: readonly PhysicalImage[]): ReadonlyMap<Address, Step> {
  const blocked = new Map<Address, Step>();
  const shared = sharedIn(bodies);
  if (shared.size === 0) return blocked;
  const byKey = Map.groupBy(
    bodies.flatMap(({ resource, keys }) =>
      [...new Map(keys.map((one) => [one.key, one])).values()].flatMap((one) =>
        shared.has(one.key) ? [{ ...one, resource }] : [],
      ),
    ),
    ({ key }) => key,
  );
  for (const same of byKey.values()) {
    if (same.length < 2) continue;
    for (const { resource, shown } of same) {
      const others = same.filter((one) => one.resource !== resource).map((one) => one.resource);
      const where = others.map(({ address, at }) => `${address} (${showPosition(at)})`).join(", ");
      blocked.set(resource.address, {
        action: "block",
        address: resource.address,
        because: "refused",
        text: `is the same image on the backend as ${where}: both come to ${shown} (${showPosition(resource.at)})`,
        hint: "declare it once, with all of its names",
      });
    }
  }
  return blocked;
}

/** Those of one backend that can come to one image, where no text of it means anything elsewhere: of thousands hardly one is kept. Pure. */
export function sharing(bodies: readonly PhysicalImage[]): readonly PhysicalImage[] {
  const shared = sharedIn(bodies);
  return shared.size === 0 ? [] : bodies.filter(({ keys }) => keys.some(({ key }) => shared.has(key)));
}

/** The texts that stand for more than one image. */
function sharedIn(bodies: readonly PhysicalImage[]): ReadonlySet<string> {
  const holders = new Map<string, Resource>();
  const shared = new Set<string>();
  for (const { resource, keys } of bodies)
    for (const { key } of keys) {
      const before = holders.get(key);
      if (before === undefined) holders.set(key, resource);
      else if (before !== resource) shared.add(key);
    }
  return shared;
}
