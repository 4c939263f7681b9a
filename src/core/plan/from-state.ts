import { contentKey } from "./content-key.ts";
import { type FoundImages, noImages } from "./found.ts";
import type { ImageLookup } from "./observe.ts";
import type { StateIdentity } from "./siblings.ts";

/** `--no-refresh`: what the state remembers means what is there. */
export function fromState({ address, known }: ImageLookup, { file, lineage }: StateIdentity): FoundImages {
  if (known?.status !== "ready") return noImages;
  const marker = { file, owner: address, content: contentKey(known.content), lineage, self: known.id };
  const digests = known.digests === undefined ? {} : { digests: known.digests };
  return { ...noImages, have: { id: known.id, attributes: known.have, ...digests, marker }, ownership: "recorded" };
}
