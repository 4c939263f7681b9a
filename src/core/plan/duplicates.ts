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
  const byKey = Map.groupBy(
    bodies.flatMap(({ resource, keys }) =>
      [...new Map(keys.map((one) => [one.key, one])).values()].map((one) => ({ ...one, resource })),
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
