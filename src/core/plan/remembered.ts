import { type FoundImages, nothing } from "./found.ts";
import { contentKey } from "./key.ts";
import type { LookedFor } from "./observe.ts";
import type { Owner } from "./siblings.ts";

/** `--no-refresh`: what the state remembers means what is there. */
export function remembered({ address, known }: LookedFor, { file, lineage }: Owner): FoundImages {
  if (known?.status !== "ready") return nothing;
  const mark = { file, owner: address, content: contentKey(known.content), lineage, self: known.id };
  const digests = known.digests === undefined ? {} : { digests: known.digests };
  return { ...nothing, have: { id: known.id, attributes: known.have, ...digests, mark }, standing: "recorded" };
}
