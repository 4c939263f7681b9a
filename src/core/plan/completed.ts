import type { Step } from "../model/plan.ts";
import type { Recorded } from "../model/state.ts";
import type { Backend, ReadContext } from "../plugin.ts";
import { withAdditions } from "./additions.ts";
import { deletionsOf } from "./deletions.ts";
import type { FoundImages } from "./found.ts";
import { holesOf } from "./holes.ts";
import type { DesiredImage, LiveImage } from "./input.ts";
import { withDeletions } from "./obstacles.ts";

interface Deciding {
  readonly known: Recorded | undefined;
  readonly want: DesiredImage | undefined;
  readonly found: FoundImages;
  /** The image that is there, where it was looked at. */
  readonly have: LiveImage | undefined;
  readonly now: Date;
}

/** A step as it is decided, with all that it deletes, carries over and loses. One that keeps its image does none of that. */
export async function completed(
  first: Step,
  { known, want, found, have, now }: Deciding,
  backend: Backend,
  reading: ReadContext,
): Promise<{ readonly step: Step; readonly warnings: readonly string[] }> {
  const deletes = deletionsOf(first, known, want, now);
  const { step: guarded, warnings } = await withDeletions(first, deletes, found, backend, reading);
  const step = await withAdditions(guarded, { known, have, want }, backend, reading);
  return { step, warnings: [...warnings, ...holesOf(guarded, want)] };
}
