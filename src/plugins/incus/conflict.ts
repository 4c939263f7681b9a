import { type Address, type Context, Failure } from "images";
import { isSameOwner, notesOf, ownMark, type Where } from "./image.ts";
import type { IncusImageAnswer } from "./wire.ts";

/** An image of another has the very bytes that were to be made. `where`: the place of both. */
export function sameBytes(image: IncusImageAnswer, where: Pick<Where, "self">, address: Address): Failure {
  const { fingerprint, aliases } = image;
  const { mark } = notesOf(image);
  const state = mark?.lineage === undefined ? "" : ` (state ${mark.lineage})`;
  const whose =
    mark === undefined
      ? "is not managed"
      : ownMark(image, where) !== undefined
        ? `is managed as ${mark.owner} of ${mark.file}${state}`
        : `is a copy of ${mark.owner} of ${mark.file}`;
  const names = (aliases ?? []).map(({ name }) => name).join(", ");
  const hint =
    mark === undefined
      ? `on Incus the same bytes are one image; to adopt it: images import ${address} ${fingerprint}`
      : "on Incus the same bytes are one image: declare it once, with all its aliases";
  const text = `an image with the same bytes already exists and ${whose}`;
  return new Failure("backend.conflict", `${text} (${fingerprint}${names === "" ? "" : `: ${names}`})`, { hint });
}

/** The image that was made, as long as no other run has marked it since. @throws Failure backend.conflict */
export function unclaimed(
  image: IncusImageAnswer,
  where: Pick<Where, "self">,
  { mark, address }: Pick<Context, "mark" | "address">,
): IncusImageAnswer {
  const there = ownMark(image, where);
  if (mark === undefined || there === undefined || isSameOwner(there, mark)) return image;
  throw sameBytes(image, where, address);
}
