import type { Marker, Observed } from "../model/image.ts";
import type { Address, ImageId } from "../model/name.ts";
import type { Recorded } from "../model/state.ts";

/** Whether a marker is the own one of the image that bears it. */
type MarkerStatus =
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
export function markerStatus(image: Pick<Observed, "id" | "self" | "marker">, nonce?: string): MarkerStatus {
  const { marker } = image;
  if (marker === undefined) return "none";
  if (marker.self === undefined) return "unsigned";
  if (marker.self === (image.self ?? image.id)) return "genuine";
  if (!marker.self.startsWith("~")) return "inherited";
  return nonce !== undefined && marker.self === `~${nonce}` ? "genuine" : "incomplete";
}

/** Whose an image is, as far as one address of one state is concerned. */
export type Ownership =
  /** The state has it by its id, and the marker is genuine and of this lineage, or markers are off. */
  | "recorded"
  /** The state has it by its id; its marker is gone or not its own, and is written again. */
  | "unmarked"
  /** The state has it by its id, but the state of another lineage has marked it since. */
  | "taken"
  /** The state has no record of it; it bears a genuine marker of this file and address. */
  | "claimable"
  /** The state has no record of it, and no finished marker tells whose it is: an interrupted creation of another run. */
  | "incomplete"
  /** A copy of a managed image. No run adopts, renames, changes or deletes it. */
  | "inherited"
  /** Another owner's, or without one. */
  | "foreign";

/** What a state says of one address. */
export interface OwnershipClaim {
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
export function ownershipOf(image: Pick<Observed, "id" | "self" | "marker">, claim: OwnershipClaim): Ownership {
  const { known, lineage, marks } = claim;
  const bears = markerStatus(image, nonceOf(known));
  if (idsOf(known).includes(image.id)) {
    if (!marks) return "recorded";
    if (bears !== "genuine") return "unmarked";
    return image.marker?.lineage === undefined || image.marker.lineage === lineage ? "recorded" : "taken";
  }
  if (bears === "inherited" || bears === "incomplete") return bears;
  if (bears !== "genuine" || image.marker === undefined || !names(image.marker, claim)) return "foreign";
  return isUnfinished(known) && image.marker.lineage === lineage ? "recorded" : "claimable";
}

/** The state has the image by its id, and no other state has claimed it: it may be changed, replaced and deleted. */
export const isRecorded = (ownership: Ownership): boolean => ownership === "recorded" || ownership === "unmarked";

/** The marker names this file and address. */
export const names = (
  marker: Marker,
  { file, address, previous }: Pick<OwnershipClaim, "file" | "address" | "previous">,
): boolean => marker.file === file && (marker.owner === address || marker.owner === previous);

/** A creation was begun, and what came of it was not recorded: an image of this lineage and address is what it made. */
const isUnfinished = (known: Recorded | undefined): boolean =>
  known?.status === "creating" || known?.status === "replacing";

export const nonceOf = (known: Recorded | undefined): string | undefined =>
  known?.status === "creating" || known?.status === "replacing" ? known.nonce : undefined;

const NO_IDS: readonly ImageId[] = [];

/** Every id that the row of an address names as its current, former or next image. */
export function idsOf(known: Recorded | undefined): readonly ImageId[] {
  if (known === undefined) return NO_IDS;
  const { id } = known;
  const next = known.status === "replacing" ? known.next : undefined;
  if (id === undefined) return next === undefined ? NO_IDS : [next];
  return next === undefined ? [id] : [id, next];
}
