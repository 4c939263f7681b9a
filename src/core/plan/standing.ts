import type { Mark, Observed } from "../model/image.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Recorded } from "../model/state.ts";

/** Whether a marker is the own one of the image that bears it. */
type Bearing =
  /** No marker. */
  | "none"
  /** Written by a version whose markers did not say which image they are for: it proves nothing. */
  | "unsigned"
  | "genuine"
  /** Its creation was interrupted before the backend's id could be written into the marker. */
  | "incomplete"
  /** Copied from another image. It means nothing. */
  | "inherited";

/** What the marker of an image is worth; `nonce` is that of a creation which the state knows. Pure. */
export function bearing(image: Pick<Observed, "id" | "self" | "mark">, nonce?: string): Bearing {
  const { mark } = image;
  if (mark === undefined) return "none";
  if (mark.self === undefined) return "unsigned";
  if (mark.self === (image.self ?? image.id)) return "genuine";
  if (!mark.self.startsWith("~")) return "inherited";
  return nonce !== undefined && mark.self === `~${nonce}` ? "genuine" : "incomplete";
}

/** Whose an image is, as far as one address of one state is concerned. */
export type Standing =
  /** The state has it by its id, and the marker is genuine and of this lineage, or markers are off. */
  | "recorded"
  /** The state has it by its id; its marker is gone or not its own, and is written again. */
  | "unmarked"
  /** The state has it by its id, but the state of another lineage has marked it since. */
  | "taken"
  /** The state has no record of it; it bears a genuine marker of this file and address. */
  | "claimable"
  /** The state has no record of it, and no finished marker tells whose it is: an interrupted creation of somebody's. */
  | "incomplete"
  /** A copy of a managed image. No run adopts, renames, changes or deletes it. */
  | "inherited"
  /** Anybody else's. */
  | "foreign";

/** What a state says of one address. */
export interface Claim {
  readonly address: Address;
  /** The address that its marker may still carry. */
  readonly previous?: Address | undefined;
  readonly known: Recorded | undefined;
  /** `[settings] name`. */
  readonly file: string;
  readonly lineage: string;
  /** Markers are written on this backend. */
  readonly marks: boolean;
}

/** Whose an image is: the one place where that is answered. Pure. */
export function standing(image: Pick<Observed, "id" | "self" | "mark">, claim: Claim): Standing {
  const { known, lineage, marks } = claim;
  const bears = bearing(image, nonceOf(known));
  if (idsOf(known).includes(image.id)) {
    if (!marks) return "recorded";
    if (bears !== "genuine") return "unmarked";
    return image.mark?.lineage === undefined || image.mark.lineage === lineage ? "recorded" : "taken";
  }
  if (bears === "inherited" || bears === "incomplete") return bears;
  if (bears !== "genuine" || image.mark === undefined || !names(image.mark, claim)) return "foreign";
  return isUnfinished(known) && image.mark.lineage === lineage ? "recorded" : "claimable";
}

/** The state has the image by its id, and no other state has claimed it: it may be changed, replaced and deleted. */
export const isRecorded = (standing: Standing): boolean => standing === "recorded" || standing === "unmarked";

/** The marker names this file and address. */
export const names = (mark: Mark, { file, address, previous }: Pick<Claim, "file" | "address" | "previous">): boolean =>
  mark.file === file && (mark.owner === address || mark.owner === previous);

/** A creation was begun, and what came of it was not recorded: an image of this lineage and address is what it made. */
const isUnfinished = (known: Recorded | undefined): boolean =>
  known?.status === "creating" || known?.status === "replacing";

export const nonceOf = (known: Recorded | undefined): string | undefined =>
  known?.status === "creating" || known?.status === "replacing" ? known.nonce : undefined;

/** Every id that the row of an address names as its current, former or next image. */
export function idsOf(known: Recorded | undefined): readonly ImageId[] {
  if (known === undefined) return [];
  const next = known.status === "replacing" ? known.next : undefined;
  return [known.id, next].flatMap((id) => (id === undefined ? [] : [id]));
}
