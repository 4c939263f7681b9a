import type { Config, Import, Removed, Resource } from "../model/declaration.ts";
import type { Address } from "../model/name.ts";

type Named = { readonly address: Address };

/** The first of each address; the same cost for one and for ten thousand. */
function indexed<T extends Named>(all: (config: Config) => readonly T[]) {
  const known = new WeakMap<Config, ReadonlyMap<Address, T>>();
  return (config: Config, address: Address): T | undefined => {
    let found = known.get(config);
    if (found === undefined) {
      found = new Map(
        all(config)
          .map((one) => [one.address, one] as const)
          .reverse(),
      );
      known.set(config, found);
    }
    return found.get(address);
  };
}

/** What a file declares for one address. */
export const resourceAt = indexed<Resource>(({ resources }) => resources);
/** Its `[[import]]`. */
export const importOf = indexed<Import>(({ imports }) => imports);
/** Its `[[removed]]`. */
export const removalOf = indexed<Removed>(({ removed }) => removed);
