import { type Address, type Context, Failure } from "images";
import { type ImageScope, isSameOwner, notesOf, ownMark } from "./image.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** An image of another has the very bytes that were to be made. `where`: the place of both. */
export function sameBytes(image: IncusImageAnswer, where: Pick<ImageScope, "self">, address: Address): Failure {
  const { fingerprint, aliases } = image;
  const { mark: marker } = notesOf(image);
  const state = marker?.lineage === undefined ? "" : ` (state ${marker.lineage})`;
  const whose =
    marker === undefined
      ? "is not managed"
      : ownMark(image, where) !== undefined
        ? `is managed as ${marker.owner} of ${marker.file}${state}`
        : `is a copy of ${marker.owner} of ${marker.file}`;
  const names = (aliases ?? []).map(({ name }) => name).join(", ");
  const hint =
    marker === undefined
      ? `on Incus the same bytes are one image; to adopt it: images import ${address} ${fingerprint}`
      : "on Incus the same bytes are one image: declare it once, with all its aliases";
  const text = `an image with the same bytes already exists and ${whose}`;
  return new Failure("backend.conflict", `${text} (${fingerprint}${names === "" ? "" : `: ${names}`})`, { hint });
}

/** The image that was made, as long as no other run has marked it since. @throws Failure backend.conflict */
export function unclaimed(
  image: IncusImageAnswer,
  where: Pick<ImageScope, "self">,
  { desiredMarker, address }: Pick<Context, "desiredMarker" | "address">,
): IncusImageAnswer {
  const there = ownMark(image, where);
  if (desiredMarker === undefined || there === undefined || isSameOwner(there, desiredMarker)) return image;
  throw sameBytes(image, where, address);
}
