import type { Config, Resource } from "../model/declaration.ts";
import type { Address } from "../model/name.ts";

const known = new WeakMap<Config, ReadonlyMap<Address, Resource>>();

/** What a file declares for one address; the same cost for one image and for ten thousand. */
export function resourceAt(config: Config, address: Address): Resource | undefined {
  let found = known.get(config);
  if (found === undefined) {
    found = new Map(config.resources.map((resource) => [resource.address, resource]));
    known.set(config, found);
  }
  return found.get(address);
}
