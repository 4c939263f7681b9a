import type { Address } from "../model/name.ts";
import type { Recorded } from "../model/state.ts";
import type { LiveImage } from "./input.ts";
import { idsOf, type OwnershipClaim, ownershipOf } from "./ownership.ts";

/** Whose markers are those of the file that is planned. */
export type StateIdentity = Pick<OwnershipClaim, "file" | "lineage" | "marks">;

/** What tells which images an address has. */
interface Holding {
  readonly address: Address;
  readonly previous?: Address;
  readonly known: Recorded | undefined;
}

/** The managed address, other than this one, that an image belongs to. Pure. */
export function managedBy(
  image: LiveImage,
  address: Address,
  all: Iterable<Holding>,
  owner: StateIdentity,
): Address | undefined {
  for (const other of all) {
    if (other.address === address) continue;
    if (idsOf(other.known).includes(image.id) || ownershipOf(image, claimOf(other, owner)) === "claimable")
      return other.address;
  }
  return undefined;
}

export const claimOf = ({ address, previous, known }: Holding, owner: StateIdentity): OwnershipClaim => ({
  ...owner,
  address,
  previous,
  known,
});
