import type { Resource } from "../model/declaration.ts";
import type { Address } from "../model/name.ts";
import { showPlace } from "../model/place.ts";
import type { Step } from "../model/plan.ts";

/** A declared image with what it is physically: the same text for two of them means one and the same image on the backend. */
export interface PhysicalImage {
  readonly resource: Resource;
  readonly keys: readonly string[];
}

/** Declarations of one backend that come to one image: each is blocked, with the place of the other. Pure. */
export function twins(bodies: readonly PhysicalImage[]): ReadonlyMap<Address, Step> {
  const blocked = new Map<Address, Step>();
  const byKey = Map.groupBy(
    bodies.flatMap(({ resource, keys }) => [...new Set(keys)].map((key) => ({ key, resource }))),
    ({ key }) => key,
  );
  for (const [key, same] of byKey) {
    if (same.length < 2) continue;
    for (const { resource } of same) {
      const others = same.filter((one) => one.resource !== resource).map((one) => one.resource);
      const where = others.map(({ address, at }) => `${address} (${showPlace(at)})`).join(", ");
      blocked.set(resource.address, {
        action: "block",
        address: resource.address,
        because: "refused",
        text: `is the same image on the backend as ${where}: both are ${key} (${showPlace(resource.at)})`,
        hint: "declare it once, with all of its names",
      });
    }
  }
  return blocked;
}
