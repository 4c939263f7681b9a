import type { ImageId } from "../model/name.ts";
import type { Content } from "../model/source.ts";
import type { Recorded, Retained } from "../model/state.ts";
import { contentKey, contentOfKey, isUnproven } from "./content-key.ts";
import type { LiveImage } from "./input.ts";
import { markerStatus } from "./ownership.ts";
import type { StateIdentity } from "./siblings.ts";

export const usable = (image: LiveImage): boolean => (image.status ?? "ready") === "ready";

/** What was being made is there, whole: the backend said so then, or its marker says that it was made from that. */
export const isFinished = (image: LiveImage, known: Recorded & { status: "creating" | "replacing" }): boolean => {
  const id = known.status === "creating" ? known.id : known.next;
  return usable(image) && ((known.finished === true && id === image.id) || isWhole(image, known.content));
};

/** A version that an earlier state kept, as its marker has it. */
export const keptBy = ({ id, marker }: LiveImage): readonly Retained[] =>
  marker?.retained === undefined
    ? []
    : [
        {
          id,
          content: contentOfKey(marker.content) ?? { where: "unknown" },
          replaced: marker.retained,
          status: "kept",
        },
      ];

/** An image whose marker says that it was made from what was being made: it was finished, only not recorded. */
const isWhole = (image: LiveImage, content: Content | undefined): boolean =>
  image.marker !== undefined && image.marker.content === contentKey(content) && !isUnproven(image.marker.content);

export function distinct(images: readonly (LiveImage | undefined)[]): LiveImage[] {
  const there = images.filter((image) => image !== undefined);
  return there.length < 2 ? there : [...new Set(there)];
}

/** What an interrupted creation has made. Where equal bytes have one id, an image without a marker may belong to another user: it is not that. */
export const madeBy = (image: LiveImage | undefined, { marks }: StateIdentity): LiveImage | undefined =>
  marks && image?.self !== undefined && image.self !== image.id && markerStatus(image) === "none" ? undefined : image;

const NO_IDS: ReadonlySet<ImageId> = new Set();

export const retained = (known: Recorded | undefined): ReadonlySet<ImageId> =>
  known?.retained === undefined ? NO_IDS : new Set(known.retained.map(({ id }) => id));
