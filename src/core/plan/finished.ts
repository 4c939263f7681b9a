import type { Content } from "../model/source.ts";
import type { Recorded, Retained } from "../model/state.ts";
import { contentKey, contentOfKey, isUnproven } from "./key.ts";
import type { LiveImage } from "./sight.ts";

export const usable = (image: LiveImage): boolean => (image.status ?? "ready") === "ready";

/** What was being made is there, whole: the backend said so then, or its marker says that it was made from that. */
export const isFinished = (image: LiveImage, known: Recorded & { status: "creating" | "replacing" }): boolean => {
  const id = known.status === "creating" ? known.id : known.next;
  return usable(image) && ((known.finished === true && id === image.id) || isWhole(image, known.content));
};

/** A version that an earlier state kept, as its marker has it. */
export const keptBy = ({ id, mark }: LiveImage): readonly Retained[] =>
  mark?.retained === undefined
    ? []
    : [{ id, content: contentOfKey(mark.content) ?? { where: "unknown" }, replaced: mark.retained, status: "kept" }];

/** An image whose marker says that it was made from what was being made: it was finished, only not recorded. */
const isWhole = (image: LiveImage, content: Content | undefined): boolean =>
  image.mark !== undefined && image.mark.content === contentKey(content) && !isUnproven(image.mark.content);

export function distinct(images: readonly (LiveImage | undefined)[]): LiveImage[] {
  const there = images.filter((image) => image !== undefined);
  return there.length < 2 ? there : [...new Set(there)];
}
