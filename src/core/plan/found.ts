import type { ImageId } from "../model/name.ts";
import type { DecisionInput } from "./input.ts";

/** What is on the backend for one address. `after`: other managed addresses that hold one of its names, and let go of it first. */
export type FoundImages = Pick<
  DecisionInput,
  "have" | "ownership" | "ambiguous" | "incomplete" | "kept" | "leftovers" | "rival" | "idHolder" | "namesake" | "after"
> & {
  /** What goes with each image that the address has or had. */
  readonly owned: ReadonlyMap<ImageId, readonly string[]>;
};

/** Of nearly every address noImages is known but its image: what there is none of is one and the same object for all. */
export const NONE: readonly never[] = [];
const OWNS_NOTHING: FoundImages["owned"] = new Map();

export const noImages: FoundImages = {
  have: undefined,
  ownership: "foreign",
  ambiguous: NONE,
  incomplete: undefined,
  kept: NONE,
  leftovers: NONE,
  rival: undefined,
  namesake: undefined,
  after: NONE,
  owned: OWNS_NOTHING,
};

/** No image of the address, no remains of one, and none that could become it. */
export const hasNoImages = ({ have, leftovers, rival, namesake }: FoundImages): boolean =>
  have === undefined && leftovers.length === 0 && rival === undefined && namesake === undefined;
